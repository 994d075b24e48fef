"""Occasions that nobody tells: they are found each night, over an index, and asked once more before anything comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from loyalty_oscar.kernel import periods
from loyalty_oscar.people.models import Birthday, BuyerStats, Receipt
from loyalty_oscar.people.rules import birthday_in
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program, SegmentMember
from loyalty_oscar.program.registries import fact_of

from .models import Campaign, Occurrence
from .occasions import (
    ANNIVERSARY,
    BIRTHDAY,
    DAY,
    LATE,
    LEAVING,
    LEVEL,
    SURPRISE,
    Occasion,
    chance,
    climb_of,
    days_between,
    is_held_out,
    months_before,
    occasions,
    pairs_on,
    source_of,
    years_before,
)
from .queries import may_be_told, meant_now

Found = Iterator[tuple[int, str, datetime]]
#: Members who are surprised are so once in so many months.
SURPRISE_MONTHS = 12
#: Of so many members it is asked together whether they may be written to.
ASKED = 500


def of_program(program: Program, prefix: str = "") -> dict[str, Any]:
    """Return the conditions that members of a program are there: neither gone nor merged into another."""
    told = {"program": program, "merged_into": None, "user__isnull": False}
    return {f"{prefix}{name}": value for name, value in told.items()}


def birthdays(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """Yield who has a birthday, once a calendar year, whatever day they tell meanwhile."""
    rows = Birthday.objects.using(write_db()).filter(set_at__lte=until, **of_program(program, "member__"))
    for kept in days_between(since=since, until=until, zone=program.time_zone):
        on_day = reduce(or_, (Q(day=day, month=month) for day, month in pairs_on(day=kept)))
        start = periods.start_of_day(day=kept, zone=program.time_zone)
        for member_id in rows.filter(on_day).order_by("pk").values_list("member_id", flat=True).iterator():
            yield member_id, source_of(occasion=BIRTHDAY, detail=str(kept.year)), start


def birthday_stands(*, occurrence: Occurrence, at: datetime) -> str:
    """A birthday is one as long as it was told, and was told early enough; told anew for a later day it is to come."""
    told = Birthday.objects.using(write_db()).filter(member_id=occurrence.member_id).first()
    if told is None:
        return "moment_over"
    kept = birthday_in(year=int(occurrence.source.partition(":")[2]), day=told.day, month=told.month)
    zone = occurrence.campaign.program.time_zone
    told_on, today = (periods.local_day(at=moment, zone=zone) for moment in (told.set_at, at))
    is_soon = (kept - told_on).days < occurrence.campaign.told_days
    return "told_too_late" if is_soon or today < kept else ""


def anniversaries(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """Yield whose joining comes round, from the first year on."""
    zone, rows = program.time_zone, Member.objects.using(write_db()).filter(**of_program(program))
    first = rows.aggregate(first=Min("joined_at"))["first"]
    for kept in days_between(since=since, until=until, zone=zone) if first else ():
        days = years_before(day=kept, first=periods.local_day(at=first, zone=zone))
        ranges = _within(days, zone, "joined_at")
        found = rows.filter(ranges).order_by("pk") if ranges else rows.none()
        for member_id in found.values_list("pk", flat=True).iterator():
            yield member_id, f"{ANNIVERSARY}:{kept.year}", periods.start_of_day(day=kept, zone=zone)


def _bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return when a day begins and when it is over (excluded)."""
    over = date.fromordinal(day.toordinal() + 1)
    return periods.start_of_day(day=day, zone=zone), periods.start_of_day(day=over, zone=zone)


def late_ones(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """Yield who missed the next order by their own rhythm: once for each last order."""
    rows = BuyerStats.objects.using(write_db()).filter(late_at__gte=since, late_at__lte=until)
    last = _last_orders(OuterRef("member_id"))
    rows = rows.filter(**of_program(program, "member__")).annotate(last_order=Subquery(last.values("order_id")[:1]))
    # Who ordered since the statistics were counted is not late.
    rows = rows.annotate(ordered_at=Subquery(last.values("placed_at")[:1])).filter(ordered_at__lt=F("late_at"))
    rows = rows.order_by("pk")
    for member_id, order_id, late_at in rows.values_list("member_id", "last_order", "late_at").iterator():
        if late_at is not None:
            yield member_id, f"{LATE}:{order_id}", late_at


def silent_ones(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """Yield who ordered last so many months ago, to the day: once for each last order."""
    months, zone = int(campaign.params.get("months", 0)), program.time_zone
    # The program of the receipt as well: its index of days begins with it.
    receipts = Receipt.objects.using(write_db()).filter(program=program, **of_program(program, "member__"))
    last = _last_orders(OuterRef("member_id")).values("order_id")[:1]
    for kept in days_between(since=since, until=until, zone=zone) if months else ():
        ranges = _within(months_before(day=kept, months=months), zone, "placed_at")
        found = receipts.filter(ranges, order_id=Subquery(last)) if ranges else receipts.none()
        for member_id, order_id in found.order_by("pk").values_list("member_id", "order_id").iterator():
            yield member_id, f"{LEAVING}:{order_id}", periods.start_of_day(day=kept, zone=zone)


def _within(days: Iterable[date], zone: str, column: str) -> Q:
    """Return the condition that a moment is on one of these days; an empty one for none."""
    spans = (_bounds(day, zone) for day in days)
    return reduce(or_, (Q(**{f"{column}__gte": start, f"{column}__lt": over}) for start, over in spans), Q())


def is_last(*, occurrence: Occurrence, at: datetime) -> str:
    """Who has ordered since the order that an occurrence is about (`late:42`) is neither late nor silent any more."""
    last = _last_orders(occurrence.member_id).values_list("order_id", flat=True).first()
    return "" if occurrence.source.partition(":")[2] == str(last) else "moment_over"


def _last_orders(member_id: Any) -> QuerySet[Receipt]:
    """Return the orders of a member that were not all given back, the last first."""
    return Receipt.objects.using(write_db()).filter(member_id=member_id, is_gone=False).order_by("-placed_at", "-pk")


def on_a_day(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """Yield all for whom a campaign is, on its day of the year."""
    month, number = int(campaign.params["month"]), int(campaign.params["day"])
    for kept in days_between(since=since, until=until, zone=program.time_zone):
        if (number, month) not in pairs_on(day=kept):
            continue
        source = f"{DAY}:{kept.isoformat()}"
        start = periods.start_of_day(day=kept, zone=program.time_zone)
        planned = Occurrence.objects.using(write_db()).filter(campaign=campaign, member=OuterRef("pk"), source=source)
        for member_id in _meant_for(program, campaign).filter(~Exists(planned)).values_list("pk", flat=True).iterator():
            yield member_id, source, start


def surprises(*, program: Program, campaign: Campaign, since: datetime, until: datetime) -> Found:
    """
    Yield so many members a month, by chance, nobody twice in twelve months, and only of those whom the campaign is for;
    who is left out for life is drawn as well, beside them, so that the two can be compared.
    """
    for first in days_between(since=since, until=until, zone=program.time_zone):
        if first.day == 1:
            yield from _drawn(program, campaign, first, until)


def _drawn(program: Program, campaign: Campaign, first: date, at: datetime) -> Found:
    source = _surprise(first)
    rows, held = Occurrence.objects.using(write_db()).filter(campaign=campaign), Occurrence.State.HELD
    left = int(campaign.params["members"]) - rows.filter(source=source).exclude(state=held).count()
    if left <= 0:
        return
    recent = [_surprise(periods.add_months(day=first, months=-back)) for back in range(SURPRISE_MONTHS)]
    others = _meant_for(program, campaign).exclude(pk__in=rows.filter(source__in=recent).values("member"))
    start = periods.start_of_day(day=first, zone=program.time_zone)
    for member_id in _reached_alone(campaign, _shuffled(others, f"{program.salt}:{campaign.pk}:{source}"), at):
        yield member_id, source, start
        is_out = is_held_out(salt=program.salt, member_id=member_id, percent=program.holdout_percent)
        left -= campaign.is_public or not is_out
        if left <= 0:
            return


def _surprise(first: date) -> str:
    return f"{SURPRISE}:{first.year}-{first.month:02}"


def _shuffled(members: QuerySet[Member], salt: str) -> list[int]:
    """Return members in an order that nobody foresees, the same each time."""
    ids = members.values_list("pk", flat=True)
    return sorted(ids, key=lambda pk: (chance(salt=salt, about=str(pk)), pk))


def _reached_alone(campaign: Campaign, member_ids: Sequence[int], at: datetime) -> Iterator[int]:
    """Yield those of these members whom a campaign is for by now, and who may be told where it says something."""
    for start in range(0, len(member_ids), ASKED):
        part = member_ids[start : start + ASKED]
        may = may_be_told(campaign=campaign, member_ids=part, at=at)
        meant = meant_now(campaign=campaign, member_ids=may, at=at)
        yield from (pk for pk in part if pk in meant)


def _meant_for(program: Program, campaign: Campaign) -> QuerySet[Member]:
    """Return the members of a program whom a campaign may be for: all, or those of its segment."""
    rows = Member.objects.using(write_db()).filter(**of_program(program)).order_by("pk")
    if campaign.segment_id is None:
        return rows
    there = SegmentMember.objects.using(write_db()).filter(segment=campaign.segment_id, is_current=True)
    return rows.filter(pk__in=there.values("member"))


def level_stands(*, occurrence: Occurrence, at: datetime) -> str:
    """Who has fallen from a level again has not reached it; what a store told by itself stands."""
    climb = climb_of(source=occurrence.source)
    if climb is None:
        return ""
    stands = (fact_of(name="tier_rank", member_id=occurrence.member_id, at=at) or 0) >= climb[0]
    return "" if stands else "moment_over"


occasions.register(BIRTHDAY)(
    Occasion(because="birthday_gift", least_orders=1, due=birthdays, stands=birthday_stands, params=("told_days",))
)
occasions.register(ANNIVERSARY)(Occasion(due=anniversaries))
occasions.register(LATE)(Occasion(due=late_ones, stands=is_last))
occasions.register(LEAVING)(Occasion(due=silent_ones, stands=is_last, params=("months",)))
occasions.register(DAY)(Occasion(due=on_a_day, for_all=True, params=("month", "day")))
occasions.register(SURPRISE)(Occasion(due=surprises, params=("members",)))
occasions.register(LEVEL)(Occasion(stands=level_stands))
