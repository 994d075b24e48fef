"""Baskets as the ledger's slots: the name of a slot, and what becomes of points that are set aside for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Max, OuterRef, Subquery
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.ledger.operations import Fate
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.conf import conf


def slot_of(*, basket: Any) -> str:
    """Return the slot of a saved basket."""
    return f"basket:{basket.pk}"


def fates(holds: Collection[Hold]) -> Mapping[str, Fate]:
    """
    Say what becomes of these holds, by slot. One query.

    A basket that is merged, saved, submitted, ordered or deleted gives its points back. One that was changed
    lately keeps them so many minutes longer, a frozen one until the gateway's own time-out.
    """
    ids = {hold.origin: _basket_id(hold.origin) for hold in holds}
    orders = get_model("order", "Order").objects.using(write_db()).filter(basket_id=OuterRef("pk"))
    ordered = Subquery(orders.order_by("-date_placed").values("date_placed")[:1])
    rows = get_model("basket", "Basket").objects.using(write_db()).filter(pk__in=[pk for pk in ids.values() if pk])
    told = rows.annotate(changed=Max("lines__date_updated"), ordered_at=ordered)
    baskets = {row.pk: row for row in told.only("pk", "status")}
    return {hold.origin: _fate(hold, baskets.get(ids[hold.origin])) for hold in holds if ids[hold.origin]}


def _basket_id(slot: str) -> int | None:
    kind, _colon, number = slot.partition(":")
    return int(number) if kind == "basket" and number.isdigit() else None


def _fate(hold: Hold, basket: Any) -> Fate:
    if basket is None or basket.status not in (basket.OPEN, basket.FROZEN):
        return Fate(is_gone=True)
    if basket.status == basket.OPEN:
        return Fate(until=basket.changed + timedelta(minutes=conf.HOLD_MINUTES) if basket.changed else None)
    if basket.ordered_at and basket.ordered_at >= hold.created_at:
        # An order with its basket frozen for ever is how django-oscar-api leaves it. One that is older than the
        # points was declined, and is being paid for again.
        return Fate(is_gone=True)
    return Fate(is_at_work=timedelta(minutes=conf.GATEWAY_MINUTES))
