"""
`sync_orders`: look at orders as they are now and let every order effect post what is missing or too much.

Receivers only mark; the mark is a row that the sync locks, so one order is never worked on twice at once
and a change during the work marks it again. The sweep finds whatever no signal told.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Least
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import UnknownCode, in_short
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.bulk import write_over
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import OrderEffect, order_effects
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import shown_units, terms_now, unit_for_site
from loyalty_oscar.program.rows import find_rows, write_fields, write_rows
from loyalty_oscar.program.tasks import enqueue, task

from ..models import OrderSync
from . import buyers
from .facts import gather_orders
from .went_back import announce_entries

logger = logging.getLogger("loyalty_oscar")
#: In place of a fingerprint: no order looks like this, so it is looked at again.
LOOK_AGAIN = "again"
#: So long after its last status (a dead one: after it was placed) an order is looked at only when it is marked.
SETTLED_AFTER = timedelta(days=60)
#: So many of the newest orders may have been written without a signal before anybody looks.
UNSEEN_AMONG = 10_000
#: What the column holds.
MOST_FAILURES = 32767


def mark(*, order_ids: Iterable[int], at: datetime) -> None:
    """Mark orders to be looked at; each keeps what else its mark says. One statement."""
    rows = [OrderSync(order_id=pk, is_dirty=True, dirty_since=at) for pk in order_ids]
    write_over(rows=rows, fields=["is_dirty", "dirty_since"], unique="order_id")


def after_commit(*, order_ids: Iterable[int], new: Collection[int] = ()) -> None:
    """
    Mark orders and have them looked at; called once they are really committed. Never raises.

    `new` are those that were written in the transaction that was just committed, and not touched since.
    """
    try:
        if not any_program_begun():
            return
        ids = sorted(order_ids)
        mark(order_ids=ids, at=clock.now())
        for order_id in ids:
            enqueue("sync_order", order_id=order_id, is_new=order_id in new)
    except Exception:
        logger.exception("orders %s could not be marked; the next sweep finds them", order_ids)


def any_program_begun() -> bool:
    """Return whether any program has gone live: before that an installed suite costs nothing and writes nothing."""
    return bool(shown_units())


@task("sync_order")
def sync_order(*, order_id: int, is_new: bool = False) -> None:
    """Look at one order; a failure is written on its mark, logged, and left to the sweep."""
    try:
        # What waits in a queue may have been changed meanwhile.
        sync_orders(order_ids=[order_id], at=clock.now(), are_new=is_new and conf.TASKS == "inline")
    except Exception as error:
        logger.exception("order %s could not be synced; the sweep tries again", order_id)
        note_failure(order_id=order_id, error=error)


def note_failure(*, order_id: int, error: Exception) -> None:
    """Write on the mark of an order why it could not be synced."""
    OrderSync.objects.using(write_db()).filter(order_id=order_id).update(
        # Compared before it is counted: a column that overflows would end every later sweep at this order.
        failures=Least(F("failures"), MOST_FAILURES - 1) + 1,
        error=in_short(error),
        is_dirty=True,
    )


def sync_orders(*, order_ids: Iterable[int], at: datetime, batch: str = "", are_new: bool = False) -> int:
    """
    Bring everything that these orders caused in line with what they are now; returns how many were looked at.

    One transaction for all of them. An effect that fails takes no other along: it is named on the mark of the order
    (`failed`), and tried again by the sweep. `batch` names a welcome, in which orders from before the program count; it
    raises whatever an effect raises, and then nothing has happened. `are_new` says that these orders were written a
    moment ago and nobody can have changed them since. Called again it posts nothing.
    """
    work = _Work(ids=list(order_ids), at=at, batch=batch, are_new=are_new)
    if batch:
        return work.do()
    try:
        return work.do()
    except (OperationalError, InterfaceError):
        raise  # It is the database, and no effect: two that waited for each other, or nobody is there.
    except Exception as error:
        if not isinstance(error, UnknownCode):
            logger.exception("orders %s could not be synced together; each effect is tried alone", work.ids)
    return work.do(stands_alone=True)


class _Work:
    """One look at some orders."""

    def __init__(self, *, ids: list[int], at: datetime, batch: str, are_new: bool) -> None:
        self.ids, self.at, self.batch, self.are_new = ids, at, batch, are_new
        self.posted: list[Any] = []

    def do(self, *, stands_alone: bool = False) -> int:
        """
        Look at the orders; with `stands_alone` each effect has a savepoint, and where it fails each order one.

        Most orders fail nowhere, so savepoints, which cost two statements each, come with the second try alone.
        """
        self.posted.clear()
        with transaction.atomic(using=write_db()):
            marks = self.marks()
            found = gather_orders(order_ids=self.ids, set_codes=set_codes(), at=self.at, marks=marks)
            orders = [self.prepared(order, marks[order.order_id]) for order in found]
            wanted = self.wanted(orders, marks)
            failed = self.apply(wanted, stands_alone) if wanted else {}
            if self.posted and not self.batch:
                announce_entries(entries=self.posted, at=self.at)
            done = {order.order_id for order, _names in wanted}
            for order in orders:
                mark = marks[order.order_id]
                if order.order_id in done:
                    mark.failed = failed.get(order.order_id, {})
                self.note(mark, order)
            _save_marks(marks.values(), present={order.order_id for order in orders})
        return len(orders)

    def marks(self) -> dict[int, OrderSync]:
        """Return the marks of the orders, locked, made now where there are none."""
        marks = _locked_marks(self.ids)
        missing = [OrderSync(order_id=pk) for pk in self.ids if pk not in marks]
        if missing:
            write_rows(rows=missing, skip=True)
            marks = _locked_marks(self.ids)
        return marks

    def prepared(self, order: OrderFacts, mark: OrderSync) -> OrderFacts:
        """Return an order as the effects are to see it."""
        if self.batch:
            return as_of_old(order, {mark.order_id: mark.final_at} if mark.final_at else {}, self.at)
        return replace(order, is_new=self.are_new and not mark.fingerprint and not mark.failures)

    def wanted(
        self, orders: Sequence[OrderFacts], marks: Mapping[int, OrderSync]
    ) -> list[tuple[OrderFacts, frozenset[str]]]:
        """Return the orders that effects are to look at, with their names: all, or those that failed the last time."""
        every, found = frozenset(order_effects), []
        for order in orders:
            mark = marks[order.order_id]
            # One that was only written is looked at once more: an `update` in the same transaction tells nobody.
            is_news = bool(self.batch) or mark.fingerprint != order.fingerprint or mark.placed.get("fresh", False)
            # One that has left since has nothing to do any more.
            mark.failed = {name: why for name, why in mark.failed.items() if name in every}
            names = every if is_news else frozenset(mark.failed)
            if names:
                found.append((order, names))
        return found

    def apply(
        self, wanted: Sequence[tuple[OrderFacts, frozenset[str]]], stands_alone: bool
    ) -> dict[int, dict[str, str]]:
        """Let every effect do its part, in order of their numbers; returns which failed for which orders, and why."""
        lock_accounts(orders=[order for order, _names in wanted])
        failed: dict[int, dict[str, str]] = defaultdict(dict)
        for name, effect in order_effects.items():
            orders = [order for order, names in wanted if name in names]
            if not orders:
                continue
            if not stands_alone:
                self.posted.extend(effect.apply(orders=orders, at=self.at, batch=self.batch) or ())
                continue
            for order_id, why in self.apply_alone(name, effect, orders):
                failed[order_id][name] = why
        return failed

    def apply_alone(self, name: str, effect: OrderEffect, orders: Sequence[OrderFacts]) -> Iterator[tuple[int, str]]:
        """Let one effect look at orders in a savepoint, one by one where it fails; yields those it fails for."""
        try:
            with transaction.atomic(using=write_db()):
                posted = effect.apply(orders=orders, at=self.at, batch=self.batch)
            self.posted.extend(posted or ())
            return
        except Exception as error:
            if len(orders) == 1:
                if not isinstance(error, UnknownCode):
                    logger.exception("%s failed for order %s; the sweep tries again", name, orders[0].order_id)
                yield orders[0].order_id, in_short(error)
                return
        for order in orders:
            yield from self.apply_alone(name, effect, [order])

    def note(self, row: OrderSync, order: OrderFacts) -> None:
        """Write on the mark what was seen."""
        row.placed, row.final_at, row.fingerprint = order.placed.to_json(), order.final_at, order.fingerprint
        if order.is_new:
            row.placed["fresh"] = True
        row.moved_from = buyers.name_of(user_id=order.placed.user_id) if order.placed.is_moved else ""
        # Whose code has left is looked at every night, when it may be back; everything else with the next sweep.
        broken = [why for why in row.failed.values() if not why.startswith(UnknownCode.__name__)]
        # An order without lines isn't there yet.
        row.is_dirty = bool(broken) or not order.purchase.lines
        row.is_settled = not row.failed and _is_settled(order, self.at)
        row.failures = min(row.failures + 1, MOST_FAILURES) if broken else 0
        row.error = "; ".join(f"{name}: {why}" for name, why in row.failed.items())[:200]


def lock_accounts(*, orders: Sequence[OrderFacts]) -> None:
    """
    Lock the accounts that effects will change, all at once and by primary key, where there is more than one.

    Each effect locks what it needs when it needs it; two calls that cross would wait for each other for ever.
    """
    db, users = write_db(), {order.user_id for order in orders if order.user_id is not None}
    members = {member_id for touched in order_effects.answers("touches", orders=orders) for member_id in touched}
    if len(users) > 1:
        members.update(Member.objects.using(db).filter(user_id__in=users).values_list("pk", flat=True))
    if members:
        rows = Account.objects.using(db).select_for_update().filter(member_id__in=members)
        list(rows.order_by("pk").values_list("pk"))


def _is_settled(order: OrderFacts, at: datetime) -> bool:
    """Return whether an order is over, or deleted, for so long that nobody changes it silently any more."""
    if order.is_deleted:
        # A backup may bring it back without a word.
        return order.placed.gone_at + SETTLED_AFTER < at
    over = order.placed_at if order.dead else order.final_at
    return over is not None and over + SETTLED_AFTER < at


def _locked_marks(ids: list[int]) -> dict[int, OrderSync]:
    return {row.order_id: row for row in find_rows(rows=_marks(write_db()), column="order_id", keys=ids)}


@lru_cache(maxsize=8)
def _marks(db: str) -> QuerySet[OrderSync]:
    return OrderSync.objects.using(db).select_for_update().order_by("order_id")


def _save_marks(rows: Iterable[OrderSync], *, present: set[int]) -> None:
    seen = ["placed", "moved_from", "final_at", "fingerprint"]
    fields = ["is_dirty", *seen, "is_settled", "failed", "failures", "error"]
    kept = [row for row in rows if row.order_id in present]
    gone = [row.pk for row in rows if row.order_id not in present]
    write_fields(rows=kept, fields=fields)
    if gone:
        # The order was rolled back, or deleted before anybody saw it: nothing to look at until it is marked again.
        OrderSync.objects.using(write_db()).filter(pk__in=gone).update(is_dirty=False, is_settled=True)


def as_of_old(order: OrderFacts, seen: Mapping[int, datetime], at: datetime) -> OrderFacts:
    """
    Return an order as a welcome sees it: one that was final when first seen is final since it was placed, and one that
    no program served is of the one that serves its site now.
    """
    if order.unit_id is None and (unit := unit_for_site(site_id=order.site_id)):
        order.placed.unit_id, order.placed.terms = unit.pk, terms_now(program=unit.program)
        order = replace(order, unit_id=unit.pk, terms=order.placed.terms)
    first_seen = order.final_at == at and order.order_id not in seen
    return replace(order, final_at=order.placed_at) if first_seen else order


def set_codes() -> frozenset[str]:
    """Return the codes of the product sets that any effect asks for."""
    return frozenset().union(*order_effects.answers("set_codes"))


def look_at_waiting(*, at: datetime) -> None:
    """
    Look at orders that nobody has seen yet, before something changes that counts for them: a product set, the terms of
    a program, what a level brings. What they get is what was true when they were placed. Two queries where none waits.
    """
    if not any_program_begun():
        return
    begun = Program.objects.using(write_db()).filter(earns_from__isnull=False).aggregate(first=Min("earns_from"))
    marks = OrderSync.objects.using(write_db())
    if begun["first"] is None:
        return
    last = marks.aggregate(last=Max("order_id"))["last"] or 0
    found = list(marks.filter(is_dirty=True, fingerprint="").values_list("order_id", flat=True))
    orders = get_model("order", "Order").objects.using(write_db())
    # Orders get their keys as they come, so whatever waits is among the newest; all others are the sweep's business.
    recent = orders.filter(pk__gt=last - UNSEEN_AMONG, date_placed__gte=begun["first"])
    found += recent.filter(~Exists(OrderSync.objects.using(write_db()).filter(order_id=OuterRef("pk")))).values_list(
        "pk", flat=True
    )
    if found:
        sync_orders(order_ids=sorted(found), at=at)


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
    if everything:
        _mark_those_that_wait(at)
    last = 0
    while ids := _next_ids(after=last, everything=everything):
        last = ids[-1]
        yield _sync_batch(ids, at)


def _mark_those_that_wait(at: datetime) -> None:
    """Have orders looked at again that an effect could not do whole, and now can."""
    for ids in order_effects.answers("asks_again"):
        rows = OrderSync.objects.using(write_db()).filter(order_id__in=list(ids))
        rows.update(is_dirty=True, dirty_since=at, fingerprint=LOOK_AGAIN)


def _next_ids(*, after: int, everything: bool) -> list[int]:
    """
    Return the next orders to look at, by key: marked ones, and those of a program's time that have no mark.

    Two questions, each with an index of its own; asked as one, they cost a walk over all orders.
    """
    begun = Program.objects.using(write_db()).filter(earns_from__isnull=False).aggregate(first=Min("earns_from"))
    if begun["first"] is None:
        return []
    size = conf.SWEEP_BATCH
    marks = OrderSync.objects.using(write_db()).filter(order_id__gt=after)
    waiting = marks.filter(Q(is_dirty=True) | Q(is_settled=False)) if everything else marks.filter(is_dirty=True)
    found = set(waiting.order_by("order_id").values_list("order_id", flat=True)[:size])
    orders = get_model("order", "Order").objects.using(write_db()).filter(pk__gt=after, date_placed__gte=begun["first"])
    unknown = orders.filter(~Exists(OrderSync.objects.using(write_db()).filter(order_id=OuterRef("pk"))))
    found.update(unknown.order_by("pk").values_list("pk", flat=True)[:size])
    return sorted(found)[:size]


def _sync_batch(ids: list[int], at: datetime) -> Swept:
    try:
        looked_at = sync_orders(order_ids=ids, at=at)
        failing = OrderSync.objects.using(write_db()).filter(order_id__in=ids, failures__gt=0).count()
        return Swept(looked_at=looked_at - failing, failed=failing)
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
