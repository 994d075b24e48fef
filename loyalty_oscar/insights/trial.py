"""
What a program would have cost on orders that are there. Pure: nothing is written, and no clock is read.

Customers are played one after the other, each through all of their orders. So a trial keeps a few sums a month, however
many orders there are, and can stop after any customer and go on from its sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.periods import add_months, after_days, end_of_month, local_day
from loyalty_oscar.kernel.rounding import taken_back


class UseWay(StrEnum):
    """How members use what they have: all of it as soon as it is ready, a share of it then, or nothing."""

    ALL = "all"
    SHARE = "share"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Past:
    """An order with what became of it; what is gone of it by now went back at `back_at` (UTC)."""

    order: OrderFacts
    back_at: datetime | None = None

    @cached_property
    def whole(self) -> OrderFacts:
        """The order as it was when it was placed."""
        if not self.order.has_gone:
            return self.order
        bought = self.order.purchase
        lines = tuple(replace(line, gone=0) for line in bought.lines)
        delivery = bought.delivery and replace(bought.delivery, gone=0)
        return replace(self.order, dead=False, purchase=replace(bought, lines=lines, delivery=delivery))

    @property
    def paid_minor(self) -> int:
        """What stays paid for its goods (minor units of its currency)."""
        if self.order.dead:
            return 0
        return sum(
            line.paid_minor - taken_back(points=line.paid_minor, gone=line.gone, quantity=line.quantity)
            for line in self.order.purchase.lines
        )


class Earner(Protocol):
    """Counts the orders of one customer, each before the next."""

    def brings(self, *, order: OrderFacts, facts: Mapping[str, Any]) -> int:
        """Return the points of an order that was just placed, by somebody of whom features say these facts."""
        ...

    def keeps(self, *, order: OrderFacts) -> int:
        """Return how many of them stay once a part of it has gone back."""
        ...


class Climber(Protocol):
    """Where one customer stands on the levels."""

    def facts(self, *, at: datetime) -> Mapping[str, Any]:
        """Return what the level says of the customer at a moment, which is not before the last one."""
        ...

    def count(self, *, order: OrderFacts, points: int, at: datetime) -> None:
        """Count an order that brought so many points, or what is left of one that was counted."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """
    What a program says: when points are ready and run out (`runs_out`, None = never), whether each order `moves` the
    dates of all that is there, and whether the shop bears what goes back and was used already.

    `price` are the points of the first reward. `share` is the percentage that members use in `UseWay.SHARE`.
    """

    currency: str
    hold_days: int
    runs_out: Callable[[datetime], datetime | None]
    moves: bool
    is_borne: bool
    price: int
    share: int
    earner: Callable[[], Earner]
    climber: Callable[[], Climber] | None = None


@dataclass(slots=True, eq=False)
class _Lot:
    """Points of one order: `left` of them, not ready before `ready_at` (None = not known), and `ran_out` of them."""

    left: int
    ready_at: datetime | None
    is_ready: bool = False
    ends_at: datetime | None = None
    first_ends_at: datetime | None = None
    ran_out: int = 0

    @property
    def next_at(self) -> datetime | None:
        return self.ends_at if self.is_ready else self.ready_at


class _Purse:
    """What one customer has, who uses it in one way. It moves points as the ledger does, and adds up what moved."""

    def __init__(self, way: UseWay, law: Law, add: Callable[[datetime, str, int], None]) -> None:
        self.way, self.law = way, law
        self.lots: dict[int, _Lot] = {}
        self.debt, self._over = 0, 0
        self._add = add

    def there(self) -> list[_Lot]:
        return [lot for lot in self.lots.values() if lot.left]

    def go_on(self, to: datetime) -> None:
        """Make ready, use and let run out what is due up to a moment, one after the other."""
        while True:
            due = [(next_at, number) for number, lot in self.lots.items() if lot.left and (next_at := lot.next_at)]
            at, number = min(due, default=(to, -1))
            if number < 0 or at > to:
                return
            lot = self.lots[number]
            if lot.is_ready:
                lot.ran_out += lot.left
                self._out(lot, lot.left, "out", at)
            else:
                lot.is_ready, lot.ends_at = True, self.law.runs_out(at)
                lot.first_ends_at = lot.ends_at
                self._ready(lot, at)

    def give(self, number: int, points: int, ready_at: datetime | None, at: datetime) -> None:
        if points:
            self.lots[number] = _Lot(points, ready_at)
            self.add(at, "owed", points)
        self.go_on(at)

    def move(self, at: datetime) -> None:
        """Move the dates of what is ready to where the activity that an order is puts them; never back."""
        later = self.law.runs_out(at)
        for lot in self.there():
            if lot.is_ready and lot.ends_at and later and lot.ends_at < later:
                lot.ends_at = later

    def let_go(self, standing: Collection[datetime], at: datetime) -> None:
        """Give what is ready the dates that the orders which still stand, placed at these moments, leave it."""
        for lot in self.there():
            if lot.ends_at and lot.first_ends_at and lot.ready_at:
                kept = (self.law.runs_out(placed) for placed in standing if lot.ready_at <= placed)
                lot.ends_at = max([at, lot.first_ends_at, *filter(None, kept)])
        self.go_on(at)

    def take(self, number: int, points: int, at: datetime) -> None:
        """Take back points of an order: its own, but what has run out, then others; the rest is made up, or borne."""
        own = self.lots[number]
        left = points - self._take([own], points, at)
        left -= min(left, own.ran_out)
        others = [lot for lot in self.there() if lot.is_ready]
        left -= self._take(sorted(others, key=lambda lot: (lot.ends_at is None, lot.ends_at)), left, at)
        if left and not self.law.is_borne:
            self.debt += left
            self.add(at, "back", left)
            self.add(at, "debt", left)

    def _take(self, lots: Sequence[_Lot], points: int, at: datetime) -> int:
        taken = 0
        for lot in lots:
            part = min(points - taken, lot.left)
            if part:
                self._out(lot, part, "back", at)
                taken += part
        return taken

    def _ready(self, lot: _Lot, at: datetime) -> None:
        """Points that are ready make up what is to be made up; then they are used."""
        if paid := min(self.debt, lot.left):
            self.debt -= paid
            lot.left -= paid
            self.add(at, "owed", -paid)
            self.add(at, "debt", -paid)
        if self.way != UseWay.NONE:
            used = lot.left
            if self.way == UseWay.SHARE:
                # What no whole point was made of counts for the next: else nobody would use a share of single stars.
                used, self._over = divmod(lot.left * self.law.share + self._over, 100)
            self._out(lot, used, "used", at)

    def _out(self, lot: _Lot, points: int, name: str, at: datetime) -> None:
        lot.left -= points
        self.add(at, name, points)
        self.add(at, "owed", -points)

    def add(self, at: datetime, name: str, points: int) -> None:
        self._add(at, f"{self.way} {name}", points)


@dataclass(kw_only=True, slots=True)
class Play:
    """
    A law tried on orders placed before `until` (UTC), counted by the months of a zone.

    `sums` is all that it keeps, and plain JSON: of months (`2026-05 given`), of which order of a member reached the
    first reward (`first 3`), and of what is left in the end by the month in which it runs out (`due none 2027-04`).
    """

    law: Law
    until: datetime
    zone: str
    sums: Counter[str] = field(default_factory=Counter)

    def play(self, *, orders: Sequence[Past]) -> None:
        """Play one customer through all of their orders, which come in order of time."""
        law, days = self.law, self._days(orders)
        earner, climber = law.earner(), law.climber() if law.climber else None
        purses = [_Purse(way, law, self._add) for way in UseWay]
        brought: dict[int, int] = {}
        active: dict[int, datetime] = {}
        standing, is_member, has_reward = 0, False, not law.price
        for at, is_back, number in days:
            past = orders[number]
            for purse in purses:
                purse.go_on(at)
            if is_back:
                kept = earner.keeps(order=past.order)
                taken, brought[number] = brought[number] - kept, kept
                standing -= taken
                for purse in purses if taken else ():
                    purse.take(number, taken, at)
                if past.order.dead:
                    del active[number]
                    for purse in purses if law.moves else ():
                        purse.let_go(active.values(), at)
                if climber:
                    climber.count(order=past.order, points=kept, at=at)
                continue
            order = past.whole
            points = earner.brings(order=order, facts=climber.facts(at=at) if climber else {})
            brought[number], active[number] = points, at
            self._add(at, "orders", 1)
            self._add(at, "paid", past.paid_minor if order.purchase.currency == law.currency else 0)
            self._add(at, "given", points)
            standing += points
            if points and not is_member:
                is_member = True
                self._add(at, "members", 1)
            if standing >= law.price and not has_reward:
                has_reward = True
                self.sums[f"first {len(brought)}"] += 1
            ready_at = after_days(at=order.final_at, days=law.hold_days) if order.final_at else None
            for purse in purses:
                purse.give(number, points, ready_at, at)
                if law.moves:
                    purse.move(at)
            if climber:
                climber.count(order=order, points=points, at=at)
        self._end(purses)

    def _days(self, orders: Sequence[Past]) -> list[tuple[datetime, bool, int]]:
        """Return what happens to orders before the end: when, whether one goes back, and which one."""
        placed = [(past.order.placed_at, False, number) for number, past in enumerate(orders)]
        back = [(past.back_at, True, number) for number, past in enumerate(orders) if past.back_at]
        return sorted((one for one in (*placed, *back) if one[0] < self.until), key=lambda one: one[:2])

    def _end(self, purses: Sequence[_Purse]) -> None:
        """Play on to the end, and keep when what is left then runs out."""
        for purse in purses:
            purse.go_on(self.until - timedelta(microseconds=1))
            for lot in purse.there():
                ends_at = lot.ends_at if lot.is_ready else lot.ready_at and self.law.runs_out(lot.ready_at)
                if ends_at:
                    month = _month(local_day(at=ends_at, zone=self.zone))
                    self.sums[f"due {purse.way} {month}"] += lot.left

    def _add(self, at: datetime, name: str, number: int) -> None:
        if number:
            self.sums[f"{_month(local_day(at=at, zone=self.zone))} {name}"] += number


def _month(day: date) -> str:
    # As `%Y-%m` does, in a third of the time.
    return f"{day.year}-{day.month:02d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialMonth:
    """
    What a trial counted in the days of a month that lie in its period, if members use what they have in one way.

    Points but for `orders`, for what stays `paid_minor` for them, and for the `members` who got points for the first
    time. `owed` and `debt` (what members have to make up) are what there is at its end.
    """

    first: date
    last: date
    orders: int
    paid_minor: int
    members: int
    given: int
    back: int
    used: int
    out: int
    owed: int
    debt: int


def months_of(*, sums: Mapping[str, int], way: UseWay, first: date, last: date) -> list[TrialMonth]:
    """Return the months of a trial from its first day to its last, both included."""
    found, owed, debt = [], 0, 0
    for month in _months(first, last):
        key = _month(month)
        said = {name: sums.get(f"{key} {name}", 0) for name in ("orders", "members", "given")}
        moved = {name: sums.get(f"{key} {way} {name}", 0) for name in ("back", "used", "out", "owed", "debt")}
        owed, debt = owed + moved["owed"], debt + moved["debt"]
        found.append(
            TrialMonth(
                first=max(month, first),
                last=min(end_of_month(day=month), last),
                paid_minor=sums.get(f"{key} paid", 0),
                **{**said, **moved, "owed": owed, "debt": debt},
            )
        )
    return found


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = add_months(day=month, months=1)


def orders_to_reward(*, sums: Mapping[str, int]) -> tuple[int, int]:
    """
    Return how many members reached the first reward, and with which of their orders half of them had (0: nobody did).
    """
    reached = sorted((int(key.partition(" ")[2]), n) for key, n in sums.items() if key.startswith("first "))
    members, seen = sum(n for _order, n in reached), 0
    for order, n in reached:
        seen += n
        if 2 * seen >= members:
            return members, order
    return 0, 0


#: Whole months by which the next ones are judged, and so many of them are.
BEFORE, AHEAD = 3, 6


def forecast(*, sums: Mapping[str, int], way: UseWay, share: int, last: date) -> int | None:
    """
    Return the points that will be owed some months (`AHEAD`) after the last day of a trial whose members use `share`
    percent in one of the ways.

    As much as the last whole months (`BEFORE`) brought comes again, and what nobody uses of it stays. What runs out is
    known, where points last longer than that: all of the months that end by then, of the last one as many parts as
    days, for the trial may end within a month. None where it is too short.
    """
    is_whole = last == end_of_month(day=last)
    whole = last if is_whole else last.replace(day=1) - timedelta(days=1)
    first = add_months(day=whole.replace(day=1), months=1 - BEFORE)
    known = months_of(sums=sums, way=way, first=first, last=whole)
    if not all(month.orders for month in known):
        return None
    owed = sum(number for key, number in sums.items() if key.endswith(f" {way} owed"))
    unused = {UseWay.ALL: 0, UseWay.SHARE: 100 - share, UseWay.NONE: 100}[way]
    coming = sum(month.given - month.back for month in known) * unused * AHEAD // (100 * BEFORE)
    *ends, final = (
        sums.get(f"due {way} {_month(add_months(day=last.replace(day=1), months=n))}", 0) for n in range(AHEAD + 1)
    )
    until = add_months(day=last, months=AHEAD)
    part = final if is_whole else final * until.day // end_of_month(day=until).day
    return max(0, owed + coming - sum(ends) - part)
