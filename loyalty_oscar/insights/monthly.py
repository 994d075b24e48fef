"""
How people buy, month by month: counted each night from receipts, and read by pages, which ask no order.

Rows of `Month` with the cut `3:90` are of the three months that end with theirs, customers counted over 90 days; `3`
says of what members paid that it is of three months. Those of a cohort stand at the month of its first orders, the cut
says how many months later it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Case, CharField, Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum, When
from django.db.models.functions import Cast, Coalesce

from loyalty_oscar.kernel.periods import add_months, local_day, start_of_day
from loyalty_oscar.kernel.turns import in_turn
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.rows import write_rows

from . import buying
from .buying import Buying, BuyingPeriod, CohortMonth
from .models import Month

#: So many months that are over are kept.
KEPT = 15
#: A period is so many months, and a customer is who bought in so many days.
LENGTHS, WINDOWS = (1, 3, 6, 12), (90, 180, 365)
#: Receipts that are read at a time.
TOGETHER = 5000
#: Whose orders are one buyer's: a member's, also those of who was merged into that one; else those of a buyer. Of
#: who was forgotten stays a buyer without a name.
WHO = Coalesce(Cast("member_id", CharField()), "buyer")


class Metric(StrEnum):
    """
    What a row of `Month` says: buyers of a kind and what they paid, for the kinds that `Buying` names; and how many
    of today's members had joined by the end of the month.
    """

    START = "start"
    END = "end"
    ACQUIRED = "acquired"
    KEPT = "kept"
    WON_BACK = "won_back"
    BUYERS = "buyers"
    REPEATERS = "repeaters"
    EXISTING = "existing"
    MEMBERS = "members"
    JOINED = "joined"
    COHORT = "cohort"


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthCut:
    """How buying is looked at: over `length` months, and who bought in `window` days is a customer."""

    length: int
    window: int

    @property
    def name(self) -> str:
        """As a row of `Month` names it."""
        return f"{self.length}:{self.window}"

    @property
    def fits(self) -> bool:
        """Whether a customer of its first days still is one at its end, give or take a day."""
        return self.window >= 30 * self.length

    def span(self, *, month: date) -> BuyingPeriod:
        """Return the days of the period that ends with a month (its first day)."""
        until = add_months(day=month, months=1)
        return BuyingPeriod(first=add_months(day=until, months=-self.length), until=until, window=self.window)


CUTS = tuple(cut for length in LENGTHS for window in WINDOWS if (cut := MonthCut(length=length, window=window)).fits)


def count_months(*, at: datetime) -> Iterator[int]:
    """
    Count the last months that are over, newest first, and the cohorts, for each program that has receipts or had some.

    Each step writes one month whole, so that whoever is interrupted leaves right months behind. Yields how many rows
    it wrote. Orders change after their month, by returns; so all of them are counted each night. One program that fails
    keeps no other from being counted; raises `LoyaltyError` in the end.
    """
    bought = Receipt.objects.using(write_db()).filter(program=OuterRef("pk"))
    counted_before = Month.objects.using(write_db()).filter(program=OuterRef("pk"))
    programs = Program.objects.using(write_db()).filter(Exists(bought) | Exists(counted_before))
    what = "months that could not be counted"
    yield from in_turn(things=programs.order_by("pk"), work=partial(_count, at=at), what=what)


def _count(program: Program, at: datetime) -> Iterator[int]:
    zone = program.time_zone
    now = local_day(at=at, zone=zone).replace(day=1)
    oldest = add_months(day=now, months=-KEPT)
    begin = _receipts(program).aggregate(of=Min("placed_at"))["of"]
    known = max(oldest, local_day(at=begin, zone=zone).replace(day=1)) if begin else now
    rows = Month.objects.using(write_db()).filter(program=program)
    rows.filter(month__lt=known).delete()
    months = [one for back in range(KEPT) if (one := add_months(day=now, months=-1 - back)) >= known]
    for month, counted in _rows_of_cuts(program, months):
        with transaction.atomic(using=write_db()):
            rows.filter(month=month).exclude(metric=Metric.COHORT).delete()
            found = [*counted, *_members(program, month), _joined(program, month)]
            write_rows(rows=found)
        yield len(found)
    with transaction.atomic(using=write_db()):
        rows.filter(metric=Metric.COHORT).delete()
        found = list(_cohorts(program, since=known))
        write_rows(rows=found)
    yield len(found)


def _receipts(program: Program) -> QuerySet[Receipt]:
    """Return the orders of a program that were paid and kept."""
    return Receipt.objects.using(write_db()).filter(program=program, is_gone=False, paid_minor__gt=0)


def _money(program: Program) -> Case:
    """What was paid; nothing in another currency, whose orders count all the same."""
    return Case(When(currency=program.currency, then=F("paid_minor")), default=0, output_field=BigIntegerField())


def _rows(program: Program) -> Iterable[buying.Row]:
    ordered = _receipts(program).annotate(who=WHO, money=_money(program)).order_by("who", "placed_at", "pk")
    return ordered.values_list("who", "placed_at", "money").iterator(chunk_size=TOGETHER)


def _rows_of_cuts(program: Program, months: Sequence[date]) -> Iterator[tuple[date, list[Month]]]:
    """Yield the months with their rows. Orders are read once, for all cuts of all months."""
    asked = [(month, cut) for month in months for cut in CUTS]
    spans = [cut.span(month=month) for month, cut in asked]
    found = buying.count(rows=_rows(program), spans=spans, zone=program.time_zone) if spans else []
    for month, counted in groupby(zip(asked, found, strict=True), key=lambda one: one[0][0]):
        yield month, [row for (_month, cut), one in counted for row in _rows_of(program, month, cut, one)]


def _rows_of(program: Program, month: date, cut: MonthCut, found: Buying) -> Iterator[Month]:
    for metric, n, value in (
        (Metric.START, found.start, 0),
        (Metric.END, found.end, 0),
        (Metric.ACQUIRED, found.acquired, found.turnover - found.existing),
        (Metric.KEPT, found.kept, 0),
        (Metric.WON_BACK, found.won_back, 0),
        (Metric.BUYERS, found.buyers, found.turnover),
        (Metric.REPEATERS, found.repeaters, 0),
        (Metric.EXISTING, found.buyers - found.acquired, found.existing),
    ):
        yield Month(program=program, month=month, metric=metric, cut=cut.name, n=n, value=value)


def _members(program: Program, month: date) -> Iterator[Month]:
    """Yield what members paid in the periods that end with a month, one of each length. One query."""
    zone, until = program.time_zone, add_months(day=month, months=1)
    sums: dict[str, Any] = {}
    for length in LENGTHS:
        within = Q(placed_at__gte=start_of_day(day=add_months(day=until, months=-length), zone=zone))
        sums[f"n{length}"] = Count(WHO, filter=within, distinct=True)
        sums[f"value{length}"] = Sum(_money(program), filter=within, default=0)
    first = add_months(day=until, months=-max(LENGTHS))
    since, before = (start_of_day(day=day, zone=zone) for day in (first, until))
    theirs = _receipts(program).filter(is_member=True, placed_at__gte=since, placed_at__lt=before)
    found = theirs.aggregate(**sums)
    for length in LENGTHS:
        n, value = found[f"n{length}"], found[f"value{length}"]
        yield Month(program=program, month=month, metric=Metric.MEMBERS, cut=f"{length}", n=n, value=value)


def _joined(program: Program, month: date) -> Month:
    """Return how many of today's members had joined by the end of a month. One query."""
    until = start_of_day(day=add_months(day=month, months=1), zone=program.time_zone)
    there = Member.objects.using(write_db()).filter(program=program, merged_into=None, user__isnull=False)
    return Month(
        program=program, month=month, metric=Metric.JOINED, cut="", n=there.filter(joined_at__lt=until).count()
    )


def _cohorts(program: Program, *, since: date) -> Iterator[Month]:
    found = buying.cohorts(rows=_rows(program), zone=program.time_zone)
    for (month, age), cell in found.items():
        if month >= since:
            yield Month(
                program=program, month=month, metric=Metric.COHORT, cut=f"{age}", n=cell.buyers, value=cell.turnover
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Months:
    """
    What is known of the months of a program, in one cut: of the period that ends with each its `buying`, and what
    `members` paid in it; and how many of today's members had `joined` by the end of each.
    """

    buying: Mapping[date, Buying]
    members: Mapping[date, int]
    joined: Mapping[date, int]
    cohorts: Mapping[tuple[date, int], CohortMonth]

    @property
    def last(self) -> date | None:
        """The last month that is counted whole (its first day); None where none is."""
        return max(self.joined, default=None)


def months_of(*, program: Program, cut: MonthCut) -> Months:
    """Return what was counted of a program in one cut. One query."""
    return months_by_cut(program=program, cuts=[cut])[cut]


def months_by_cut(*, program: Program, cuts: Collection[MonthCut]) -> dict[MonthCut, Months]:
    """Return what was counted of a program in each of some cuts. One query."""
    names = {*(cut.name for cut in cuts), *(f"{cut.length}" for cut in cuts)}
    rows = Month.objects.filter(Q(cut__in=names) | Q(metric__in=(Metric.COHORT, Metric.JOINED)), program=program)
    counted: dict[tuple[str, str], list[Month]] = {}
    for row in rows.order_by("month"):
        kind = row.metric if row.metric in (Metric.MEMBERS, Metric.JOINED, Metric.COHORT) else ""
        counted.setdefault((kind, "" if kind == Metric.COHORT else row.cut), []).append(row)
    joined = {row.month: row.n for row in counted.get((Metric.JOINED, ""), ())}
    cohorts = {
        (row.month, int(row.cut)): CohortMonth(buyers=row.n, turnover=row.value)
        for row in counted.get((Metric.COHORT, ""), ())
    }
    found = {}
    for cut in cuts:
        own: dict[date, dict[str, Month]] = {}
        for row in counted.get(("", cut.name), ()):
            own.setdefault(row.month, {})[row.metric] = row
        found[cut] = Months(
            # What an earlier version counted lacks those won back until the next night.
            buying={month: _buying(rows) for month, rows in own.items() if Metric.WON_BACK in rows},
            members={row.month: row.value for row in counted.get((Metric.MEMBERS, f"{cut.length}"), ())},
            joined=joined,
            cohorts=cohorts,
        )
    return found


def paid_in_a_year(*, program: Program) -> int:
    """Return what members paid in the last twelve months that are counted (minor units). One query."""
    rows = Month.objects.filter(program=program, metric=Metric.MEMBERS, cut=f"{max(LENGTHS)}")
    return rows.order_by("-month").values_list("value", flat=True).first() or 0


def _buying(found: Mapping[str, Month]) -> Buying:
    return Buying(
        start=found[Metric.START].n,
        end=found[Metric.END].n,
        acquired=found[Metric.ACQUIRED].n,
        kept=found[Metric.KEPT].n,
        won_back=found[Metric.WON_BACK].n,
        buyers=found[Metric.BUYERS].n,
        repeaters=found[Metric.REPEATERS].n,
        turnover=found[Metric.BUYERS].value,
        existing=found[Metric.EXISTING].value,
    )
