"""Reading the figures: a pinned number of queries over roll-ups, however many entries there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from django.db.models import F, Sum
from django.db.models.functions import TruncMonth

from loyalty_oscar.kernel.periods import add_months, end_of_month, local_day
from loyalty_oscar.kernel.rounding import half_up
from loyalty_oscar.ledger.audit import BUCKETS
from loyalty_oscar.ledger.flows import Flow, flow_of
from loyalty_oscar.ledger.givers import OTHERS, names_of, titles
from loyalty_oscar.ledger.models import Lot
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import worth_of

from .models import Book, Day, Given
from .packing import unpack

#: What members use where nothing says how much it is, in percent.
COMMON_SHARE = 70


@dataclass(frozen=True, kw_only=True, slots=True)
class Outstanding:
    """What all members have together (points), by bucket."""

    available: int = 0
    pending: int = 0
    reserved: int = 0
    debt: int = 0

    @property
    def points(self) -> int:
        """Points that the shop owes: ready, on the way and set aside."""
        return self.available + self.pending + self.reserved

    @property
    def net(self) -> int:
        """The same, less what members have to make up."""
        return self.points - self.debt

    def plus(self, other: Outstanding) -> Outstanding:
        """Return both together."""
        return Outstanding(**{bucket: getattr(self, bucket) + getattr(other, bucket) for bucket in BUCKETS})


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowMonth:
    """What points did in the days of a month that lie in a period, signed as they change the sum; `end` is after it."""

    first: date
    last: date
    flows: Mapping[Flow, int]
    end: Outstanding


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenRow:
    """What one thing of a giver gave in a period and took back (points), how often it gave, and to how many members."""

    giver: str
    item: str
    title: str
    name: str
    times: int
    plus: int
    minus: int
    members: int

    @property
    def net(self) -> int:
        """What stays."""
        return self.plus - self.minus


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Points that run out in a month (`first` is its first day, None: never), and those on the way that will."""

    first: date | None
    ready: int
    pending: int


@dataclass(kw_only=True, slots=True)
class _Sums:
    flows: dict[Flow, int] = field(default_factory=dict)
    stock: Outstanding = field(default_factory=Outstanding)


def book_of(*, unit: Unit) -> Book | None:
    """Return how far a unit is counted, or None where nobody has begun."""
    return Book.objects.filter(unit=unit).first()


def has_days(*, unit: Unit) -> bool:
    """Return whether anything was counted."""
    return Day.objects.filter(unit=unit).exists()


def stock_on(*, unit: Unit, day: date) -> Outstanding:
    """Return what all members had at the end of a day of the program. One query."""
    rows = Day.objects.filter(unit=unit, day__lte=day)
    return Outstanding(**rows.aggregate(**{bucket: Sum(f"d_{bucket}", default=0) for bucket in BUCKETS}))


def months(*, unit: Unit, first: date, last: date) -> list[FlowMonth]:
    """
    Return what points did from one day to another, both included, by month. Two queries.

    A month that begins before or ends after the period has only its days of it. The months before the first points of
    all are left out; others stand though nothing happened.
    """
    before = stock_on(unit=unit, day=first - timedelta(days=1)) if first > date.min else Outstanding()
    sums = {bucket: Sum(f"d_{bucket}") for bucket in BUCKETS}
    rows = Day.objects.filter(unit=unit, day__gte=first, day__lte=last).order_by()
    grouped = rows.annotate(month=TruncMonth("day")).values("month", "kind", "counter")
    by_month: dict[date, _Sums] = {}
    for row in grouped.annotate(**sums, points=Sum(F("plus") - F("minus"))):
        found = by_month.setdefault(row["month"], _Sums())
        flow = flow_of(kind=row["kind"], counter=row["counter"])
        found.flows[flow] = found.flows.get(flow, 0) + row["points"]
        found.stock = found.stock.plus(Outstanding(**{bucket: row[bucket] for bucket in BUCKETS}))
    if not by_month and before == Outstanding():
        return []
    begin = first.replace(day=1) if before != Outstanding() else min(by_month)
    told, stock = [], before
    for start in _months_from(begin, last):
        found = by_month.get(start, _Sums())
        stock = stock.plus(found.stock)
        told.append(
            FlowMonth(first=max(start, first), last=min(end_of_month(day=start), last), flows=found.flows, end=stock)
        )
    return told


def usual_share(*, unit: Unit | None, since: datetime) -> int:
    """
    Return how much of what members got since the program's day of a moment they used, in percent; a common share where
    nothing was given. One query.
    """
    if unit is None:
        return COMMON_SHARE
    flows: dict[Flow, int] = {}
    first = local_day(at=since, zone=unit.program.time_zone)
    rows = Day.objects.filter(unit=unit, day__gte=first).order_by().values("kind", "counter")
    for row in rows.annotate(points=Sum(F("plus") - F("minus"))):
        flow = flow_of(kind=row["kind"], counter=row["counter"])
        flows[flow] = flows.get(flow, 0) + row["points"]
    given, used = flows.get(Flow.GIVEN, 0) + flows.get(Flow.BACK, 0), -flows.get(Flow.USED, 0)
    return min(100, max(0, 100 * used // given)) if given > 0 and used > 0 else COMMON_SHARE


def _months_from(first: date, last: date) -> Iterable[date]:
    month = first
    while month <= last:
        yield month
        month = add_months(day=month, months=1)


def given(*, unit: Unit, first: date, last: date, giver: str = "") -> list[GivenRow]:
    """
    Return what gave points from one day to another, both included, most first within each giver; only of one `giver`
    where it is named. One query, and one for the names of each giver.

    The nets of all rows are what was given, imported, changed by hand and taken back in these days.
    """
    rows = Given.objects.using(write_db()).filter(unit=unit, day__gte=first, day__lte=last)
    sums: dict[tuple[str, str], list[int]] = {}
    accounts: dict[tuple[str, str], set[int]] = {}
    for row in rows.filter(giver=giver) if giver else rows:
        place = (row.giver, row.item)
        found = sums.setdefault(place, [0, 0, 0])
        for number, more in enumerate((row.n, row.plus, row.minus)):
            found[number] += more
        accounts.setdefault(place, set()).update(unpack(row.accounts))
    called = titles()
    items: dict[str, set[str]] = {}
    for name, item in sums:
        items.setdefault(name, set()).add(item)
    names = names_of(unit=unit, items=items)
    order = {name: number for number, name in enumerate(called)}
    found_rows = [
        GivenRow(
            giver=name, item=item, title=called.get(name, called[OTHERS]), name=names.get((name, item), item),
            times=times, plus=plus, minus=minus, members=len(accounts[name, item]),
        )
        for (name, item), (times, plus, minus) in sums.items()
    ]  # fmt: skip
    return sorted(found_rows, key=lambda row: (order.get(row.giver, len(order)), -row.net, row.name, row.item))


def used_of_100(*, unit: Unit) -> int:
    """Return how many of 100 points that are gone were used and did not run out; 100 where none are. One query."""
    by_flow: dict[Flow, int] = {}
    rows = Day.objects.filter(unit=unit).order_by().values("kind", "counter")
    for row in rows.annotate(points=Sum(F("minus") - F("plus"))):
        flow = flow_of(kind=row["kind"], counter=row["counter"])
        by_flow[flow] = by_flow.get(flow, 0) + row["points"]
    used, out = max(0, by_flow.get(Flow.USED, 0)), max(0, by_flow.get(Flow.OUT, 0))
    return half_up(exact=Fraction(100 * used, used + out)) if used + out else 100


def value_of(*, unit: Unit) -> Fraction | None:
    """Return what one point buys today, in minor units of the program's currency; None where nobody said it."""
    if unit.is_money:
        return Fraction(1)
    row = worth_of(program_id=unit.program_id).get(unit.program.currency)
    return Fraction(row.minor, row.points) if row else None


def givers_there(*, unit: Unit) -> dict[str, str]:
    """Return what those who ever gave points of a unit are called, in their order. One query."""
    there = set(Given.objects.filter(unit=unit).order_by().values_list("giver", flat=True).distinct())
    return {name: title for name, title in titles().items() if name in there}


def due(*, unit: Unit) -> list[Due]:
    """
    Return what members have now by the month in which it runs out, soonest first, what never does last. One query.

    A month is that of the last day on which the points can be used. What has no date yet, because it waits for an
    order, stands with what never runs out.
    """
    zone = ZoneInfo(unit.program.time_zone)
    lots = Lot.objects.filter(account__unit=unit, is_open=True).order_by()
    # The date is exclusive: what runs out at midnight on the 1st can be used to the end of the month before.
    rows = lots.annotate(month=TruncMonth(F("expires_at") - timedelta(microseconds=1), tzinfo=zone))
    found: dict[date | None, list[int]] = {}
    for month, state, points in rows.values_list("month", "state").annotate(of=Sum(F("remaining") + F("reserved"))):
        first = month.date() if isinstance(month, datetime) else month
        sums = found.setdefault(first, [0, 0])
        sums[state == Lot.State.PENDING] += points
    dated = sorted(found.items(), key=lambda pair: (pair[0] is None, pair[0] or date.max))
    return [Due(first=first, ready=ready, pending=pending) for first, (ready, pending) in dated]
