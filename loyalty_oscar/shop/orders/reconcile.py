"""Looking at orders again whatever their marks say: what signals, imports or a crash have left undone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.ledger.operations import recorded
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program

from ..models import OrderSync
from .placed import KEPT, NOTHING
from .sync import LOOK_AGAIN, mark, note_failure, sync_orders

logger = logging.getLogger("loyalty_oscar")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconcileStep:
    """Some orders: how many were looked at, what was posted for them, and which could not be (with why)."""

    looked_at: int
    posted: list[Entry]
    failed: dict[int, str] = field(default_factory=dict)


def orders_since(*, since: datetime) -> QuerySet[Any]:
    """Return the ids of the orders placed since then, none from before the first program went live."""
    begun = (
        Program.objects.using(write_db()).filter(earns_from__isnull=False).aggregate(first=Min("earns_from"))["first"]
    )
    orders = get_model("order", "Order").objects.using(write_db())
    if begun is None:
        return orders.none().values_list("pk", flat=True)
    return orders.filter(date_placed__gte=max(since, begun)).order_by("pk").values_list("pk", flat=True)


def reconcile(*, since: datetime, at: datetime, dry_run: bool = False) -> Iterator[ReconcileStep]:
    """
    Bring every order placed since then in line, though its mark says that nothing changed; yields what was posted.

    With `dry_run` each step is rolled back. Where one order fails, the others of its step are done one by one.
    """
    last = 0
    while ids := list(orders_since(since=since).filter(pk__gt=last)[: conf.SWEEP_BATCH]):
        last = ids[-1]
        try:
            yield _look(ids, at, dry_run)
        except Exception:
            logger.exception("some orders could not be looked at together; each is tried alone")
            yield from (_look_alone(order_id, at, dry_run) for order_id in ids)


def _look(ids: list[int], at: datetime, dry_run: bool) -> ReconcileStep:
    with transaction.atomic(using=write_db()):
        OrderSync.objects.using(write_db()).filter(order_id__in=ids).update(fingerprint=LOOK_AGAIN)
        with recorded() as posted:
            sync_orders(order_ids=ids, at=at)
        failing = OrderSync.objects.using(write_db()).filter(order_id__in=ids).exclude(failed={})
        failed = {mark.order_id: mark.error for mark in failing}
        told = [entry for entry in posted if entry.kind not in (Kind.MATURE, Kind.EXPIRE)]
        transaction.set_rollback(dry_run, using=write_db())
    return ReconcileStep(looked_at=len(ids) - len(failed), posted=told, failed=failed)


def decide_deleted(*, number: str, came_to: str, at: datetime) -> list[Entry]:
    """
    Decide otherwise what a deleted order came to, and post what follows; returns that.

    `came_to` is "nothing" or "kept". Raises `NotAllowed` where no such order was seen and is gone now.
    """
    if came_to not in (NOTHING, KEPT):
        raise LoyaltyError(f"a deleted order comes to “{NOTHING}”, or what it brought is “{KEPT}”; not to {came_to!r}")
    with transaction.atomic(using=write_db()):
        marks = OrderSync.objects.using(write_db()).select_for_update()
        mark = marks.filter(placed__number=number, placed__has_key="gone").order_by("-order_id").first()
        if mark is None:
            raise NotAllowed(f"no order {number} that was deleted is known here")
        mark.placed["came_to"], mark.fingerprint, mark.is_settled = came_to, LOOK_AGAIN, False
        mark.save(using=write_db(), update_fields=["placed", "fingerprint", "is_settled"])
        with recorded() as posted:
            sync_orders(order_ids=[mark.order_id], at=at)
    return posted


def _look_alone(order_id: int, at: datetime, dry_run: bool) -> ReconcileStep:
    try:
        return _look([order_id], at, dry_run)
    except Exception as error:  # noqa: BLE001 - whatever it is stands on the order's mark
        if not dry_run:
            mark(order_ids=[order_id], at=at)
            note_failure(order_id=order_id, error=error)
        return ReconcileStep(looked_at=0, posted=[], failed={order_id: f"{type(error).__name__}: {error}"})
