"""
Oscar's signals. They note orders and decide nothing; the work is done after commit, and no fault of ours
reaches a checkout. Imports, admin edits and `update()` send no signal: the sweep finds those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections, transaction
from django.db.models.signals import post_delete, post_save
from oscar.apps.order.signals import order_line_status_changed, order_placed, order_status_changed
from oscar.core.loading import get_model

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.receivers import forget

from ..models import ProductSetRange
from ..pricing import history
from .sync import after_commit, any_program_begun


class _Gathered:
    """What was noted in one transaction (key -> whether it was only written there, not changed); looked at once."""

    def __init__(self, look: Callable[[dict[int, bool]], None]) -> None:
        self.look, self.seen, self.is_done = look, {}, False

    def after_commit(self) -> None:
        """Look at all of it: called once the transaction is committed."""
        self.is_done = True
        self.look(self.seen)


def _gather(look: Callable[[dict[int, bool]], None], pk: int, is_new: bool = False) -> None:
    """Have something looked at once the transaction commits; many of one transaction are one look."""
    db = write_db()
    waiting = (getattr(function, "__self__", None) for _sids, function, *_robust in connections[db].run_on_commit)
    # A test case runs callbacks and keeps them, hence the last condition.
    ours = (one for one in waiting if isinstance(one, _Gathered) and one.look is look and not one.is_done)
    found = next(ours, None)
    if found is None:
        found = _Gathered(look)
        found.seen[pk] = is_new
        # A bound method has the name that Django wants to log where it fails; an instance that is called has none.
        transaction.on_commit(found.after_commit, using=db, robust=look is _write_prices_down)
    else:
        found.seen[pk] = is_new and found.seen.get(pk, True)


def note(*, order_id: int, is_new: bool = False) -> None:
    """
    Have an order looked at once the transaction commits; many notes of one transaction are one look.

    `is_new` says that it, or a line of it, was just written; one that is only written has nothing to be undone yet.
    """
    _gather(_look_at_orders, order_id, is_new)


def _look_at_orders(seen: dict[int, bool]) -> None:
    after_commit(order_ids=seen, new={pk for pk, is_new in seen.items() if is_new})


def is_just_written(*, order: Any) -> bool:
    """Return whether this instance of an order wrote it, and is still at it."""
    return getattr(order, "_loyalty_is_new", False)


@harmless
def order_saved(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    note(order_id=instance.pk, is_new=created)
    if created:
        instance._loyalty_written = instance._loyalty_is_new = True


@harmless
def order_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    note(order_id=instance.pk)


@harmless
def line_saved(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    order = instance._state.fields_cache.get("order")
    if order is not None and not created and _hands_down(order=order, line=instance):
        return
    note(order_id=instance.order_id, is_new=created)
    # The order's own instance remembers it, so that `order_placed` right after adds no second look.
    if order is not None:
        order._loyalty_noted = True


def _hands_down(*, order: Any, line: Any) -> bool:
    """
    Return whether this instance of an order is handing a new status down to its lines, before it is saved itself.

    Oscar's cascade does so. Without a transaction around it each line would be looked at alone, as pieces that went
    back one by one; the order is looked at once it is saved.
    """
    if order.status not in order.cascade or order.cascade[order.status] != line.status:
        return False
    return not type(order)._base_manager.using(write_db()).filter(pk=order.pk, status=order.status).exists()


@harmless
def placed(sender: Any, order: Any, **kwargs: Any) -> None:
    """
    An order was placed.

    Oscar sends this after the money is taken and catches nothing; a creator that saved its lines one by
    one has been noted already.
    """
    if not getattr(order, "_loyalty_noted", False):
        note(order_id=order.pk, is_new=True)


@harmless
def status_changed(sender: Any, order: Any, **kwargs: Any) -> None:
    note(order_id=order.pk)


@harmless
def line_status_changed(sender: Any, line: Any, **kwargs: Any) -> None:
    note(order_id=line.order_id)


@harmless
def quantity_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    line = instance._state.fields_cache.get("line")
    if line is None:
        line = get_model("order", "Line").objects.using(write_db()).only("order_id").get(pk=instance.line_id)
    note(order_id=line.order_id)


@harmless
def of_order_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    note(order_id=instance.order_id)


@harmless
def price_saved(sender: Any, instance: Any, **signal: Any) -> None:
    """A stock record changed: its product's price is written down once that is committed."""
    if "update_fields" not in signal:
        return  # Django always says which; Oscar does not when it only moves stock, as every order does.
    _gather(_write_prices_down, instance.product_id)


def _write_prices_down(product_ids: dict[int, bool]) -> None:
    if any_program_begun():
        history.record_some(product_ids=sorted(product_ids), at=clock.now())


def _connect(signal: Any, receiver: Any, sender: Any = None) -> None:
    name = f"loyalty_oscar.shop.{receiver.__name__}.{getattr(sender, '__name__', '')}"
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=name)


_connect(post_save, order_saved, get_model("order", "Order"))
_connect(post_delete, order_deleted, get_model("order", "Order"))
_connect(post_save, line_saved, get_model("order", "Line"))
_connect(post_delete, of_order_saved, get_model("order", "Line"))
_connect(post_save, price_saved, get_model("partner", "StockRecord"))
_connect(order_placed, placed)
_connect(order_status_changed, status_changed)
_connect(order_line_status_changed, line_status_changed)
for _signal in (post_save, post_delete):
    _connect(_signal, of_order_saved, get_model("order", "OrderStatusChange"))
    _connect(_signal, quantity_saved, get_model("order", "ShippingEventQuantity"))
    _connect(_signal, quantity_saved, get_model("order", "PaymentEventQuantity"))
    _connect(_signal, forget, ProductSetRange)
# An event says nothing until it has quantities, but what it said is undone when it goes.
_connect(post_delete, of_order_saved, get_model("order", "ShippingEvent"))
_connect(post_delete, of_order_saved, get_model("order", "PaymentEvent"))
