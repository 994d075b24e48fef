"""
`sync_orders`: look at orders as they are now and let every order effect post what is missing or too much.

Receivers only mark; the mark is a row that the sync locks, so one order is never worked on twice at once
and a change during the work marks it again. The sweep finds whatever no signal told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q
from django.db.models.functions import Least
from oscar.core.loading import get_model

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.bulk import write_over
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import begun_units, remembered
from loyalty_oscar.program.registries import order_effects
from loyalty_oscar.program.tasks import enqueue, task

from .facts import fingerprint, gather_orders
from .models import OrderSync

logger = logging.getLogger("loyalty_oscar")
#: In place of a fingerprint: no order looks like this, so it is looked at again.
LOOK_AGAIN = "again"
#: So long after its last status (a dead one: after it was placed) an order is looked at only when it is marked.
SETTLED_AFTER = timedelta(days=60)
#: What the column holds.
MOST_FAILURES = 32767


def mark(*, order_ids: Iterable[int], at: datetime) -> None:
    """Mark orders to be looked at; each keeps what else its mark says. One statement."""
    rows = [OrderSync(order_id=pk, is_dirty=True, dirty_since=at) for pk in order_ids]
    write_over(rows=rows, fields=["is_dirty", "dirty_since"], unique="order_id")


def after_commit(*, order_ids: Iterable[int]) -> None:
    """Mark orders and have them looked at; called once they are really committed. Never raises."""
    try:
        if not somebody_cares():
            return
        ids = sorted(order_ids)
        mark(order_ids=ids, at=clock.now())
        for order_id in ids:
            enqueue("sync_order", order_id=order_id)
    except Exception:
        logger.exception("orders %s could not be marked; the next sweep finds them", order_ids)


def somebody_cares() -> bool:
    """Return whether any program has gone live: before that an installed suite costs nothing and writes nothing."""
    return remembered(key="live", load=lambda: bool(begun_units()))


@task("sync_order")
def sync_order(*, order_id: int) -> None:
    """Look at one order; a failure is written on its mark, logged, and left to the sweep."""
    try:
        sync_orders(order_ids=[order_id], at=clock.now())
    except Exception as error:
        logger.exception("order %s could not be synced; the sweep tries again", order_id)
        note_failure(order_id=order_id, error=error)


def note_failure(*, order_id: int, error: Exception) -> None:
    """Write on the mark of an order why it could not be synced."""
    OrderSync.objects.using(write_db()).filter(order_id=order_id).update(
        # Compared before it is counted: a column that overflows would end every later sweep at this order.
        failures=Least(F("failures"), MOST_FAILURES - 1) + 1,
        error=f"{type(error).__name__}: {error}"[:200],
        is_dirty=True,
    )


def sync_orders(*, order_ids: Iterable[int], at: datetime, batch: str = "") -> int:
    """
    Bring everything that these orders caused in line with what they are now; returns how many were looked at.

    One transaction for all of them. `batch` names a welcome, in which orders from before the program count.
    Called again it posts nothing; raises whatever an effect raises, and then nothing has happened.
    """
    ids = list(order_ids)
    db = write_db()
    with transaction.atomic(using=db):
        marks = _locked_marks(ids)
        missing = [OrderSync(order_id=pk) for pk in ids if pk not in marks]
        if missing:
            OrderSync.objects.using(db).bulk_create(missing, ignore_conflicts=True)
            marks = _locked_marks(ids)
        seen = {pk: row.final_at for pk, row in marks.items() if row.final_at}
        orders = gather_orders(order_ids=ids, set_codes=set_codes(), at=at, seen_final=seen)
        if batch:
            orders = [as_of_old(order, seen, at) for order in orders]
        else:
            orders = [replace(order, is_new=_is_new(marks[order.order_id])) for order in orders]
        prints = {order.order_id: fingerprint(order=order) for order in orders}
        changed = [o for o in orders if batch or marks[o.order_id].fingerprint != prints[o.order_id]]
        if changed:
            lock_accounts(orders=changed)
            for _name, effect in order_effects.items():
                effect.apply(orders=changed, at=at, batch=batch)
        for order in orders:
            row = marks[order.order_id]
            row.is_dirty = not order.purchase.lines  # An order without lines isn't there yet.
            row.final_at, row.fingerprint = order.final_at, prints[order.order_id]
            row.is_settled = _is_settled(order, at)
            row.failures, row.error = 0, ""
        _save_marks(marks.values(), present={order.order_id for order in orders})
    return len(orders)


def lock_accounts(*, orders: Sequence[OrderFacts]) -> None:
    """
    Lock the accounts that effects will change, all at once and by primary key, where there is more than one.

    Each effect locks what it needs when it needs it; two calls that cross would wait for each other for ever.
    """
    db, users = write_db(), {order.user_id for order in orders if order.user_id is not None}
    asked = [effect.touches for _name, effect in order_effects.items() if hasattr(effect, "touches")]
    members = {member_id for touches in asked for member_id in touches(orders=orders)}
    if len(users) > 1:
        members.update(Member.objects.using(db).filter(user_id__in=users).values_list("pk", flat=True))
    if members:
        rows = Account.objects.using(db).select_for_update().filter(member_id__in=members)
        list(rows.order_by("pk").values_list("pk"))


def _is_new(row: OrderSync) -> bool:
    """Return whether no effect has seen an order; after a failure nobody takes that for granted."""
    return not row.fingerprint and not row.failures


def _is_settled(order: OrderFacts, at: datetime) -> bool:
    """Return whether an order is over for so long that nobody changes it silently any more."""
    over = order.placed_at if order.dead else order.final_at
    return over is not None and over + SETTLED_AFTER < at


def _locked_marks(ids: list[int]) -> dict[int, OrderSync]:
    rows = OrderSync.objects.using(write_db()).select_for_update().filter(order_id__in=ids).order_by("order_id")
    return {row.order_id: row for row in rows}


def _save_marks(rows: Iterable[OrderSync], *, present: set[int]) -> None:
    fields = ["is_dirty", "final_at", "fingerprint", "is_settled", "failures", "error"]
    kept = [row for row in rows if row.order_id in present]
    gone = [row.pk for row in rows if row.order_id not in present]
    if len(kept) == 1:
        kept[0].save(using=write_db(), update_fields=fields)
    elif kept:
        write_over(rows=kept, fields=fields, unique="order_id")
    if gone:
        # The order was rolled back or deleted: nothing to look at until it is marked again.
        OrderSync.objects.using(write_db()).filter(pk__in=gone).update(is_dirty=False)


def as_of_old(order: OrderFacts, seen: Mapping[int, datetime], at: datetime) -> OrderFacts:
    """Return an order as a welcome sees it: one that was final when first seen is final since it was placed."""
    first_seen = order.final_at == at and order.order_id not in seen
    return replace(order, final_at=order.placed_at) if first_seen else order


def set_codes() -> frozenset[str]:
    """Return the codes of the product sets that any effect asks for."""
    return frozenset().union(*(effect.set_codes() for _name, effect in order_effects.items()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """One step of a sweep: how many orders were looked at, how many failed."""

    looked_at: int
    failed: int


def sweep(*, at: datetime, everything: bool = False) -> Iterator[Swept]:
    """
    Find what no signal told and bring it in line, some hundred orders at a time.

    Takes orders that are marked and orders since a program went live that have no mark; with
    `everything` (once a night) also each order that is not settled. Orders from before are never touched.
    """
    last = 0
    while ids := _next_ids(after=last, everything=everything):
        last = ids[-1]
        yield _sync_batch(ids, at)


def _next_ids(*, after: int, everything: bool) -> list[int]:
    begun = Program.objects.filter(earns_from__isnull=False).aggregate(first=Min("earns_from"))["first"]
    if begun is None:
        return []
    marks = OrderSync.objects.filter(order_id=OuterRef("pk"))
    waiting = marks.filter(is_dirty=True) if not everything else marks.filter(Q(is_dirty=True) | Q(is_settled=False))
    wanted = Exists(waiting) | (Q(date_placed__gte=begun) & ~Exists(marks))
    orders = get_model("order", "Order").objects.using(write_db()).filter(wanted, pk__gt=after)
    return list(orders.order_by("pk").values_list("pk", flat=True)[: conf.SWEEP_BATCH])


def _sync_batch(ids: list[int], at: datetime) -> Swept:
    try:
        return Swept(looked_at=sync_orders(order_ids=ids, at=at), failed=0)
    except Exception:
        logger.exception("a batch of orders could not be synced; each is tried alone")
    failed = 0
    for order_id in ids:
        try:
            sync_orders(order_ids=[order_id], at=at)
        except Exception as error:  # noqa: BLE001 - whatever it is stands on the order's mark
            failed += 1
            mark(order_ids=[order_id], at=at)
            note_failure(order_id=order_id, error=error)
    return Swept(looked_at=len(ids) - failed, failed=failed)
