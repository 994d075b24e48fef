"""
Baskets as slots of the ledger: their names, whether they are being paid for, what becomes of points set aside for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery
from oscar.core.loading import get_model

from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.ledger.operations import HoldOutcome
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.paying import payments


def slot_of(*, basket: Any) -> str:
    """Return the slot of a saved basket."""
    return f"basket:{basket.pk}"


@payments.register("basket")
def baskets_being_paid(*, slots: Collection[str], at: datetime, peek: bool = False) -> Collection[str]:
    """
    Say which of these baskets are being paid for. One query while none is, three at most.

    Where requests are transactions nobody else sees yet that a payment froze its basket, but its row is locked: a row
    that another transaction holds is being paid for. So is one that is frozen and was not ordered since points were
    set aside for it, until the gateway's own time-out; where none are, as long as it is frozen. SQLite locks the whole
    database and no rows: there the status says it all.
    """
    by_id = {pk: slot for slot in slots if (pk := number_of(name=slot, kind="basket"))}
    if not by_id:
        return ()
    rows = get_model("basket", "Basket").objects.using(write_db()).filter(pk__in=by_id)
    with transaction.atomic(using=write_db(), savepoint=False):
        told = rows.only("pk", "status").annotate(ordered_at=_last_order())
        free = {row.pk: row for row in (told if peek else _unlocked(told))}
    missing = by_id.keys() - free.keys()
    locked = set(rows.filter(pk__in=missing).values_list("pk", flat=True)) if missing else set()
    frozen = {by_id[pk]: row for pk, row in free.items() if row.status == row.FROZEN}
    holds = Hold.objects.using(write_db()).filter(slot__in=frozen) if frozen else ()
    held = {hold.slot: hold for hold in holds}
    paid = {slot for slot, row in frozen.items() if _is_at_gateway(row, held.get(slot), at)}
    return paid | {by_id[pk] for pk in locked}


def _unlocked(baskets: QuerySet[Any]) -> QuerySet[Any]:
    """Lock the rows that no other transaction holds, and return them as they are now; never waits."""
    has = connections[baskets.db].features
    if has.has_select_for_update and not has.has_select_for_update_skip_locked:
        return baskets
    # Who adds a line or an order refers to the basket and holds its key: that is no payment, hence `no_key`.
    return baskets.select_for_update(skip_locked=True, no_key=has.has_select_for_no_key_update)


def _last_order() -> Subquery:
    orders = get_model("order", "Order").objects.using(write_db()).filter(basket_id=OuterRef("pk"))
    return Subquery(orders.order_by("-date_placed").values("date_placed")[:1])


def _is_at_gateway(basket: Any, hold: Hold | None, at: datetime) -> bool:
    since = hold.paying_since if hold else None
    in_time = since is None or at < since + timedelta(minutes=conf.GATEWAY_MINUTES)
    return in_time and not _is_ordered(basket, hold)


def _is_ordered(basket: Any, hold: Hold | None) -> bool:
    # An order with its basket frozen for ever is how django-oscar-api leaves it. One that is older than the points
    # was declined, and is being paid for again.
    return bool(basket.ordered_at and (hold is None or basket.ordered_at >= hold.created_at))


def fates(holds: Collection[Hold]) -> Mapping[str, HoldOutcome]:
    """
    Say what becomes of these holds, by slot. One query.

    A basket that is empty, merged, saved, submitted, ordered or deleted gives its points back. One that was changed
    lately keeps them so many minutes longer, a frozen one until the gateway's own time-out.
    """
    ids = {hold.origin: number_of(name=hold.origin, kind="basket") for hold in holds}
    rows = get_model("basket", "Basket").objects.using(write_db()).filter(pk__in=[pk for pk in ids.values() if pk])
    told = rows.annotate(changed=Max("lines__date_updated"), ordered_at=_last_order())
    baskets = {row.pk: row for row in told.only("pk", "status")}
    return {hold.origin: _fate(hold, baskets.get(ids[hold.origin])) for hold in holds if ids[hold.origin]}


def _fate(hold: Hold, basket: Any) -> HoldOutcome:
    if basket is None or basket.status not in (basket.OPEN, basket.FROZEN):
        return HoldOutcome(is_gone=True)
    if basket.status == basket.OPEN and basket.changed is None:
        return HoldOutcome(is_gone=True)  # No line is left in it.
    if basket.status == basket.OPEN:
        return HoldOutcome(until=basket.changed + timedelta(minutes=conf.HOLD_MINUTES))
    if _is_ordered(basket, hold):
        return HoldOutcome(is_gone=True)
    return HoldOutcome(is_at_work=timedelta(minutes=conf.GATEWAY_MINUTES))
