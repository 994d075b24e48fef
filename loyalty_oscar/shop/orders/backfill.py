"""
Giving points for the past: which orders count, and in which portions they are worked on.

What they bring is the business of a feature, which registers a `Welcoming` as `backfills`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Exists, OuterRef, QuerySet

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Member, Program, State, Unit
from loyalty_oscar.program.queries import begun_units

from ..models import OrderSync
from . import statuses, sync
from .facts import gather_orders, marks_of
from .serving import orders_of


@dataclass(kw_only=True, slots=True)
class Tally:
    """
    What a welcome would give or gave: orders that bring points, who gets them, when they run out (points).

    `is_most` says that it may be less, because what is given at most over many orders was left aside.
    """

    looked_at: int = 0
    orders: int = 0
    points: int = 0
    ready: int = 0
    gone: int = 0
    is_most: bool = False
    members: set[Any] = field(default_factory=set)
    expiries: Counter[datetime | None] = field(default_factory=Counter)

    def add(
        self, *, user_id: Any, points: int, available_at: datetime | None, expires_at: datetime | None, at: datetime
    ) -> None:
        """Count an order that brings points."""
        self.orders += 1
        self.points += points
        self.members.add(user_id)
        ready = available_at is not None and available_at <= at
        if ready and expires_at is not None and expires_at <= at:
            self.gone += points
            return
        self.ready += points if ready else 0
        self.expiries[expires_at if available_at is not None else None] += points


class Welcoming(Protocol):
    """What a feature gives for old orders; the first that is registered counts."""

    def preview(self, *, orders: Sequence[OrderFacts], program: Program, at: datetime, tally: Tally) -> None:
        """Count what these orders would bring; writes nothing."""
        ...

    def give(self, *, order_ids: Sequence[int], batch: str, at: datetime, mail: bool) -> None:
        """Give it, in one transaction, with at most one message a member and batch."""
        ...

    def given(self) -> Mapping[str, tuple[int, int, Unit]]:
        """Return (orders, points, unit) of every batch that stands, by its name, oldest first."""
        ...

    def undo(self, *, batch: str, actor: str, at: datetime) -> Iterator[int]:
        """Take a batch back, order by order; yields points."""
        ...


backfills: Hook[Welcoming] = Hook("backfills", Welcoming, on_error=RAISE)


def welcoming() -> Welcoming:
    """Return the feature that welcomes. Raises `NotAllowed` where none is listed."""
    found = backfills.first()
    if found is None:
        raise NotAllowed("no app is listed that gives points for orders; list loyalty_oscar.earning")
    return found


def orders_before(*, program: Program, since: datetime) -> QuerySet[Any]:
    """
    Return the orders of a program's sites placed from `since` until it went live, whose customer can have points.

    Later ones earn by themselves; those that are known to have been placed in another program stay with that. Raises
    `NotAllowed` unless the program is live.
    """
    if program.state != State.LIVE or program.earns_from is None:
        raise NotAllowed(f"“{program.name}” is {program.get_state_display()}; a welcome needs a live program")
    orders = orders_of(program=program).filter(user_id__isnull=False)
    orders = orders.filter(date_placed__gte=since, date_placed__lt=program.earns_from)
    others = [unit.pk for unit in begun_units() if unit.program_id != program.pk]
    marks = OrderSync.objects.using(write_db()).filter(order_id=OuterRef("pk"), placed__unit__in=others)
    orders = orders.filter(~Exists(marks)) if others else orders
    if program.enrolment == Program.Enrolment.OPT_IN:
        # Who was merged into another member ordered for that one.
        members = Member.objects.using(write_db()).filter(program=program, user_id=OuterRef("user_id"))
        orders = orders.filter(Exists(members))
    return statuses.standing(orders=orders)


def portions(*, orders: QuerySet[Any], size: int | None = None, after: Any = None) -> Iterator[list[int]]:
    """
    Yield the ids of these orders, some hundred at a time; all orders of one customer come together.

    `after` is the key of the last customer who was worked on before, in the order of their keys.
    """
    size, last = size or conf.SWEEP_BATCH, after
    by_customer = orders.order_by("user_id", "pk").values_list("user_id", "pk")
    while True:
        rest = by_customer if last is None else by_customer.filter(user_id__gt=last)
        rows = list(rest[:size])
        if not rows:
            return
        last = rows[-1][0]
        ids = [pk for user_id, pk in rows if user_id != last]
        ids += [pk for _user_id, pk in by_customer.filter(user_id=last)]
        yield ids


def gather(*, order_ids: Sequence[int], at: datetime, set_codes: Collection[str] | None = None) -> list[OrderFacts]:
    """Return orders as a welcome sees them, in these product sets (None: all that are asked for); writes nothing."""
    marks = marks_of(order_ids=order_ids)
    seen = {pk: mark.final_at for pk, mark in marks.items() if mark.final_at}
    codes = sync.set_codes() if set_codes is None else set_codes
    orders = gather_orders(order_ids=order_ids, set_codes=codes, at=at, marks=marks)
    return [sync.as_of_old(order, seen, at) for order in orders]


def next_batch(*, given: Mapping[str, Any]) -> str:
    """Return the name of the next welcome (`welcome:3`)."""
    numbers = [int(name.partition(":")[2]) for name in given if name.partition(":")[2].isdigit()]
    return f"welcome:{max(numbers, default=0) + 1}"
