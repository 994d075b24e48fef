"""
What is set aside follows the basket: what it takes no longer is ready again at once, and an empty one gives all back.

It never grows by itself: only its customer sets more aside.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.utils.functional import SimpleLazyObject, empty
from oscar.core.loading import get_model

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.redemption import operations
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.queries import can_be_set_aside

from ..storefront.basket_holds import fates
from ..storefront.request_hooks import response_hooks
from . import session_state
from .discount import applied_to
from .promise import in_force
from .use_points import Refused, use_points

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
LATER = "points of a basket that is empty or closed go back when their time is over"


class FollowsBasket:
    """Looks after a request that may have changed the basket whether that still takes what is set aside for it."""

    def is_due(self, *, request: Any) -> bool:
        """Return whether points are set aside for a basket that this request has loaded. Asks nothing."""
        basket = vars(request).get("basket")
        if request.method in SAFE or (isinstance(basket, SimpleLazyObject) and basket._wrapped is empty):
            return False
        return getattr(basket, "_loyalty_redemption", None) is not None

    def act(self, *, request: Any, response: Any) -> None:
        """Set aside what the basket takes now, where that is less. No query where it is not."""
        basket = request.basket
        redemption, applied = basket._loyalty_redemption, applied_to(basket=basket)
        if basket.is_empty:
            session_state.forget(request=request)
        takes = applied.points if applied and not basket.is_empty else 0
        is_paying = basket.status != basket.OPEN or in_force(basket=basket, redemption=redemption) is not None
        if is_paying or redemption.order_id is not None or takes >= redemption.hold.points:
            return
        account = redemption.hold.account
        told = {"account": account, "unit": account.unit, "basket": basket, "at": clock.now()}
        try:
            use_points(points=_asked(redemption) if takes else 0, **told)
        except Refused:
            return  # The merchant changed something meanwhile: the next page says it.


def _asked(redemption: Redemption) -> int:
    """Return what was asked for, as far as it is there."""
    return min(redemption.hold.asked, redemption.hold.account.available + redemption.hold.points)


response_hooks.register("redemption")(FollowsBasket())


@harmless(later=LATER)
def line_gone(sender: Any, instance: Any, **kwargs: Any) -> None:
    """A line left its basket; it may have been the last."""
    _look_after(instance.basket_id)


@harmless(later=LATER)
def line_moved(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """A line was saved for later: the basket that it came from may be empty now."""
    basket = instance._state.fields_cache.get("basket")
    if basket is not None and basket.status == basket.SAVED and basket.owner_id is not None:
        own = get_model("basket", "Basket").objects.using(write_db()).filter(owner_id=basket.owner_id)
        for basket_id in own.filter(status=basket.OPEN).values_list("pk", flat=True):
            _look_after(basket_id)


@harmless(later=LATER)
def basket_left(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """A basket was merged into another or submitted."""
    if created or instance.owner_id is None or instance.status not in (instance.MERGED, instance.SUBMITTED):
        return
    known = getattr(instance, "_loyalty_redemption", instance)
    if known is None or getattr(known, "order_id", None) is not None:
        return  # Nothing is set aside for it, or its order has just taken it.
    _look_after(instance.pk)


def _look_after(basket_id: int | None) -> None:
    if basket_id is not None and can_be_set_aside():
        transaction.on_commit(lambda: give_back_of(basket_id=basket_id), using=write_db(), robust=True)


def give_back_of(*, basket_id: int) -> None:
    """Give back what is set aside for a basket that is empty or no longer open. One query where nothing is."""
    slot, at = f"basket:{basket_id}", clock.now()
    hold = Hold.objects.using(write_db()).filter(slot=slot, redemption__isnull=False).first()
    if hold is None or not fates([hold])[slot].is_gone:
        return
    ledger.settle_holds(account_id=hold.account_id, fates=fates, at=at)
    if not Hold.objects.using(write_db()).filter(slot=slot).exists():
        operations.leave(slot=slot)


for _signal, _receiver, _model in (
    (post_delete, line_gone, "Line"),
    (post_save, line_moved, "Line"),
    (post_save, basket_left, "Basket"),
):
    _signal.connect(
        _receiver,
        sender=get_model("basket", _model),
        weak=False,
        dispatch_uid=f"loyalty_oscar.redemption.{_receiver.__name__}",
    )
