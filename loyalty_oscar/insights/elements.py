"""What each part of a program did in a year: features say it of their own, and it is counted each night."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any, Protocol, runtime_checkable

from django.db import transaction

from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.kernel.periods import local_day, start_of_day
from loyalty_oscar.kernel.rounding import half_up
from loyalty_oscar.kernel.turns import in_turn
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import REPORT, Failed, Hook
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import count_members, read_versions
from loyalty_oscar.program.rows import write_rows

from .effects import Group
from .models import Element
from .queries import GivenRow, given, value_of

logger = logging.getLogger("loyalty_oscar")
#: A year is so many days that are over.
DAYS = 365
#: What gave points: a giver and its thing.
Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class YearOfUnit:
    """
    A year of a unit, from `since` to before `until`: how many members there are, how many of them `bought` in it, what
    each thing of a giver `gave`, and what a point buys (`value`, minor units; None: nobody said it). `live_from` is
    when its program went live.
    """

    unit: Unit
    live_from: datetime
    since: datetime
    until: datetime
    members: int
    bought: int
    gave: Mapping[Place, GivenRow]
    value: Fraction | None

    def cost(self, *places: Place) -> int | None:
        """Return what these gave and did not take back, by what that buys (minor units); None: nobody can say."""
        points = sum(self.gave[place].net for place in places if place in self.gave)
        if not points:
            return 0
        return None if self.value is None else max(0, half_up(exact=points * self.value))

    def takers(self, place: Place) -> int:
        """Return how many members got something of it."""
        return self.gave[place].members if place in self.gave else 0

    def begin(self, *seen: datetime | None, starts_at: datetime | None = None) -> date | None:
        """
        Return the day of the program from which customers can have a part; None: nothing says it.

        One that `starts_at` a moment after the year begins then. Another was there from the earliest moment that says
        so, its own start or what was `seen` of it, but not before the program went live.
        """
        is_ahead = starts_at is not None and starts_at >= self.until
        known = [moment for moment in (starts_at, *(() if is_ahead else seen)) if moment]
        return local_day(at=max(min(known), self.live_from), zone=self.unit.program.time_zone) if known else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ElementYear:
    """
    What a feature says of one of its parts; see `models.Element`. Without `held` nobody was held out. Its `name` is
    what it is called where its feature does not say it (`CallsItsParts`).
    """

    item: str
    name: str = ""
    since: date | None
    cost: int | None
    uptake: int | None
    could: int | None
    told: Group | None = None
    held: Group | None = None


class Elements(Protocol):
    """
    Parts of a program of one kind: rules, levels, campaigns. `title` is what one of them is called.

    Those that are in force or will be are named, and those that were in the year.
    """

    title: Any

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        """Return what each of them did in a year."""
        ...


@runtime_checkable
class CallsItsParts(Protocol):
    """Of elements that nobody gave a name, or that have one in each language."""

    def called(self, *, item: str) -> str:
        """Return what one of them is called, in the language of who reads it; nothing of one that is not there."""
        ...


elements: Hook[Elements] = Hook("elements", Elements, also=(CallsItsParts,), on_error=REPORT)


def titles_of_elements() -> dict[str, str]:
    """Return what an element of each kind is called, in order."""
    return {name: str(elements.get(name).title) for name in elements}


def name_of(*, row: Element) -> str:
    """Return what a part is called: as its feature calls it now, else as it was named when it was counted."""
    kind = elements.get(row.kind)
    return (kind.called(item=row.item) if isinstance(kind, CallsItsParts) else "") or row.name


def count_elements(*, at: datetime) -> Iterator[int]:
    """
    Count what the parts of each program did in the year that is over; yields how many parts.

    A program that never went live, or has no members, has none. Of a feature that fails what was counted before stays,
    with its day. What fails keeps nothing else from being counted; raises `LoyaltyError` in the end.
    """
    read_versions()
    units = Unit.objects.using(write_db()).select_related("program").order_by("pk")
    yield from in_turn(things=units, work=partial(_count, at=at), what="parts that could not be counted")


def _count(unit: Unit, at: datetime) -> Iterator[int]:
    year = year_of(unit=unit, at=at)
    rows: list[Element] = []
    failed: dict[str, Exception] = {}
    for kind, found in elements.each(year=year) if year.members and unit.program.earns_from else ():
        if isinstance(found, Failed):
            logger.error("%s of %s could not be counted", kind, unit.program.code, exc_info=found.error)
            failed[kind] = found.error
        else:
            rows += [_row(year, kind, one) for one in found]
    with transaction.atomic(using=write_db()):
        Element.objects.using(write_db()).filter(program=unit.program_id).exclude(kind__in=failed).delete()
        write_rows(rows=rows)
    yield len(rows)
    if failed:
        raise LoyaltyError(", ".join(f"{kind}: {in_short(error)}" for kind, error in failed.items()))


def year_of(*, unit: Unit, at: datetime) -> YearOfUnit:
    """Return the year of a unit that ends with the day before the program's day of a moment."""
    zone = unit.program.time_zone
    today = local_day(at=at, zone=zone)
    first = today - timedelta(days=DAYS)
    since, until = start_of_day(day=first, zone=zone), start_of_day(day=today, zone=zone)
    orders = Receipt.objects.using(write_db()).filter(program=unit.program_id, member__isnull=False, is_gone=False)
    bought = orders.filter(placed_at__gte=since, placed_at__lt=until).values("member").distinct().count()
    rows = given(unit=unit, first=first, last=today - timedelta(days=1))
    return YearOfUnit(
        unit=unit,
        live_from=unit.program.earns_from or until,
        since=since,
        until=until,
        members=count_members(program=unit.program),
        bought=bought,
        gave={(row.giver, row.item): row for row in rows},
        value=value_of(unit=unit),
    )


def _row(year: YearOfUnit, kind: str, one: ElementYear) -> Element:
    # Who used it could, though they left since, or it came for an order of before.
    could = None if one.could is None else max(one.could, one.uptake or 0)
    return Element(
        program=year.unit.program,
        kind=kind,
        item=one.item,
        name=one.name,
        day=local_day(at=year.until, zone=year.unit.program.time_zone),
        since=one.since,
        cost=one.cost,
        uptake=one.uptake,
        could=could,
        told=one.told.members if one.told else None,
        told_bought=one.told.buyers if one.told else None,
        held=one.held.members if one.held else None,
        held_bought=one.held.buyers if one.held else None,
    )


def elements_of(*, unit: Unit) -> list[Element]:
    """Return what was counted of a unit's program, kind by kind, most used first. One query."""
    order = {name: number for number, name in enumerate(titles_of_elements())}
    rows = Element.objects.filter(program=unit.program_id, kind__in=order)
    return sorted(rows, key=lambda row: (order[row.kind], -(row.uptake or 0), name_of(row=row), row.item))


def counted_on(*, rows: Sequence[Element]) -> date | None:
    """Return the day on which parts were last counted, if any were; those of a feature that failed then are older."""
    return max((row.day for row in rows), default=None)
