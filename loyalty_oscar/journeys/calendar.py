"""
The calendar of campaigns: on which days they spoke, and on which they are to speak to how many.

What came is counted as it is asked. What is to come is counted each night for the days ahead: what waits, and what the
nights will find by what is known by now. Of occasions that come as they happen, only those that wait are known.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import add_months, local_day, start_of_day
from loyalty_oscar.people.models import Contact
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.models import State as ProgramState
from loyalty_oscar.program.rows import write_rows

from .audience import MOST, meant_and_in, not_planned
from .models import Campaign, Forecast, Occurrence
from .occasions import DAY, due_after, in_time, moment_of, occasions, pairs_on
from .queries import may_be_told, says_something

logger = logging.getLogger("loyalty_oscar")
#: So many days are counted ahead, from tomorrow on.
DAYS = 62
#: So many members are asked at once when they were written to last.
ASKED = 500
#: In these states of its program a campaign speaks.
SPEAK = (ProgramState.LIVE, ProgramState.CLOSING)
#: However many gifts came to a member on a day, it is one member.
MEMBERS = Count("member", distinct=True)
State = Occurrence.State


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """
    What a campaign says on a day, to so many `members`: it came (`is_over`), or is to come, and leaves out so many
    `without` consent; the letters of `close` of them wait for the pause after another. None: nobody counted yet.
    """

    campaign: Campaign
    members: int | None
    without: int = 0
    close: int = 0
    is_over: bool = False


def speeches(*, program: Program, month: date, at: datetime) -> dict[date, list[Speech]]:
    """
    Return what the campaigns of a program say on the days of a month (its first day): what came first, then in order of
    their names. Nothing is to come where the program rests or is over, nor of a campaign that has nothing left. Four
    queries.
    """
    today, until = local_day(at=at, zone=program.time_zone), add_months(day=month, months=1)
    campaigns = {one.pk: one for one in Campaign.objects.filter(program=program)}
    found: dict[date, list[Speech]] = defaultdict(list)
    for pk, day, number in _came(program, month, until):
        found[day].append(Speech(campaign=campaigns[pk], members=number, is_over=True))
    speaks = {pk: one for pk, one in campaigns.items() if program.state in SPEAK and one.has_left}
    rows = Forecast.objects.filter(campaign__in=list(speaks), campaign__is_on=True, day__gt=today)
    ahead = {(row.campaign_id, row.day): row for row in rows.filter(day__gte=month, day__lt=until)}
    for (pk, day), row in ahead.items():
        # Of a day of its own it is told that nobody is reached; of what is found, nobody is nothing.
        if not row.members and speaks[pk].occasion != DAY:
            continue
        speech = Speech(campaign=speaks[pk], members=row.members, without=row.without, close=row.close)
        found[day].append(speech)
    if month <= today < until:
        for pk, number in _waiting(list(speaks), program.time_zone, today):
            found[today].append(Speech(campaign=speaks[pk], members=number))
    for campaign in speaks.values():
        for day in _days_known(campaign, program.time_zone, max(month, today + timedelta(days=1)), until):
            if (campaign.pk, day) not in ahead:
                found[day].append(Speech(campaign=campaign, members=None))
    for said in found.values():
        said.sort(key=lambda one: (not one.is_over, one.campaign.name, one.campaign.pk))
    return dict(found)


def _came(program: Program, first: date, until: date) -> QuerySet[Any, tuple[int, date, int]]:
    """Return to how many each campaign came on each day: by its letter where one left."""
    since, before = (start_of_day(day=day, zone=program.time_zone) for day in (first, until))
    # Two ranges of one index, in place of a day that is worked out of every row.
    spoke = Q(told_at__gte=since, told_at__lt=before) | Q(told_at=None, at__gte=since, at__lt=before)
    rows = Occurrence.objects.filter(spoke, program=program, state=State.DONE)
    days = TruncDate(Coalesce("told_at", "at"), tzinfo=ZoneInfo(program.time_zone))
    return rows.values("campaign", day=days).annotate(n=MEMBERS).values_list("campaign", "day", "n")


def _waiting(campaign_ids: Sequence[int], zone: str, today: date) -> QuerySet[Any, tuple[int, int]]:
    """Return for how many each of these campaigns waits today."""
    before = start_of_day(day=today + timedelta(days=1), zone=zone)
    rows = Occurrence.objects.filter(campaign__in=campaign_ids, is_open=True, due_at__lt=before)
    return rows.values("campaign").annotate(n=MEMBERS).values_list("campaign", "n")


def _days_known(campaign: Campaign, zone: str, first: date, until: date) -> Iterator[date]:
    """Yield the days on which a campaign in force says of itself that it speaks, whether anybody counted or not."""
    if campaign.occasion != DAY or not campaign.is_on or not {"day", "month"} <= campaign.params.keys():
        return
    for number in range(max(0, (until - first).days)):
        day = first + timedelta(days=number)
        kept = day - timedelta(days=campaign.delay_days)
        is_its_day = (campaign.params["day"], campaign.params["month"]) in pairs_on(day=kept)
        if is_its_day and in_time(dated=campaign, at=start_of_day(day=kept, zone=zone)):
            yield day


def count_ahead(*, at: datetime) -> Iterator[int]:
    """
    Count the days ahead anew, for each program that is live; yields how many days of campaigns were written.

    What fails keeps nothing else from being counted, and keeps what was counted of it before; raises `LoyaltyError` in
    the end.
    """
    left = 0
    Forecast.objects.using(write_db()).exclude(campaign__program__state__in=SPEAK).delete()
    for program in Program.objects.using(write_db()).filter(state__in=SPEAK).order_by("pk"):
        try:
            written, failed = _count(program, at)
        except Exception:
            logger.exception("the days of program %s could not be counted; the next night tries again", program.pk)
            left += 1
            continue
        left += failed
        yield written
    if left:
        raise LoyaltyError(f"programs and campaigns that the calendar could not count: {left}; the log says why")


def _count(program: Program, at: datetime) -> tuple[int, int]:
    """Write down the days ahead of a program; returns how many there are, and how many campaigns failed."""
    counted: list[tuple[Campaign, _Counted]] = []
    failed: list[int] = []
    campaigns = Campaign.objects.using(write_db()).filter(program=program, is_on=True).order_by("pk")
    for campaign in campaigns.select_related("program", "reward", "segment"):
        try:
            if campaign.has_left:
                counted.append((campaign, _counted(campaign, at)))
        except Exception:
            logger.exception("the days of campaign %s could not be counted; the next night tries again", campaign.pk)
            failed.append(campaign.pk)
    rows = list(_rows(counted, program))
    with transaction.atomic(using=write_db()):
        known = Forecast.objects.using(write_db()).filter(campaign__program=program)
        known.exclude(campaign__in=failed).delete()
        write_rows(rows=rows)
    return len(rows), len(failed)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """To how many a campaign is to come on each day, how many it leaves out, and who gets its letter on which day."""

    members: Counter[date] = field(default_factory=Counter)
    without: Counter[date] = field(default_factory=Counter)
    letters: list[tuple[int, date]] = field(default_factory=list)


def _counted(campaign: Campaign, at: datetime) -> _Counted:
    """Count for whom a campaign is of those to whom it is to come: all of them, so many at once."""
    found, says, zone = _Counted(), says_something(campaign=campaign), campaign.program.time_zone
    first = local_day(at=at, zone=zone) + timedelta(days=1)
    # A day of its own is counted where nobody is found on it, too.
    found.members.update(dict.fromkeys(_days_known(campaign, zone, first, first + timedelta(days=DAYS)), 0))
    comes, seen = _comes(campaign, at), set[tuple[int, date]]()
    while part := list(islice(comes, MOST)):
        new = set(part) - seen
        seen |= new
        ids = meant_and_in(campaign=campaign, member_ids=sorted({pk for pk, _day in new}), at=at)
        may, meant = may_be_told(campaign=campaign, member_ids=ids, at=at), set(ids)
        for member_id, day in new:
            if member_id in meant:
                found.members[day] += campaign.is_promise or member_id in may
                found.without[day] += member_id not in may
                if says and member_id in may:
                    found.letters.append((member_id, day))
    return found


def _comes(campaign: Campaign, at: datetime) -> Iterator[tuple[int, date]]:
    """Yield to whom a campaign is to come on which day ahead, as far as anybody can know."""
    zone, days = campaign.program.time_zone, campaign.delay_days
    first = local_day(at=at, zone=zone) + timedelta(days=1)
    start, over = (start_of_day(day=day, zone=zone) for day in (first, first + timedelta(days=DAYS)))
    waiting = Occurrence.objects.using(write_db()).filter(campaign=campaign, is_open=True)
    waiting = waiting.filter(due_at__gte=start, due_at__lt=over).order_by("due_at", "pk")
    for member_id, due_at in waiting.values_list("member_id", "due_at").iterator():
        if due_at is not None:
            yield member_id, local_day(at=due_at, zone=zone)
    due = occasions.get(campaign.occasion).due if campaign.occasion in occasions else None
    if due is None:
        return
    since, until = (due_after(at=one, days=-days, zone=zone) for one in (start, over))
    ahead = (
        one
        for one in due(
            program=campaign.program, campaign=campaign, since=since, until=until - timedelta(microseconds=1)
        )
        if in_time(dated=campaign, at=moment_of(due_at=one[2], at=over, zone=zone))
    )
    while part := list(islice(ahead, MOST)):
        found = {(member_id, source): moment for member_id, source, moment in part}
        for pair in not_planned(campaign=campaign, pairs=found):
            yield pair[0], local_day(at=due_after(at=found[pair], days=days, zone=zone), zone=zone)


def _rows(counted: Sequence[tuple[Campaign, _Counted]], program: Program) -> Iterator[Forecast]:
    """Yield the days ahead of these campaigns of a program, of each as far as it has anything left: who is first."""
    letters: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for campaign, one in counted:
        for member_id, day in one.letters:
            letters[member_id].append((day, campaign.pk))
    close = _close(letters, program)
    for campaign, one in counted:
        left = campaign.times_left
        for day, number in sorted(one.members.items()):
            members = number if left is None else min(number, left)
            left = None if left is None else left - members
            # Of a surprise they are more; of a promise they are some of its members.
            without = min(one.without[day], members) if campaign.is_promise else one.without[day]
            waits = min(close[campaign.pk, day], members)
            yield Forecast(campaign=campaign, day=day, members=members, without=without, close=waits)


def _close(letters: Mapping[int, Sequence[tuple[date, int]]], program: Program) -> Counter[tuple[int, date]]:
    """Return of how many members the letter of a campaign on a day waits for the pause after another."""
    close: Counter[tuple[int, date]] = Counter()
    last, pause = _last_letters(list(letters), program), timedelta(days=program.letter_days)
    for member_id, ahead in letters.items():
        free = last[member_id] + pause if member_id in last else date.min
        for day, campaign_id in sorted(ahead):
            close[campaign_id, day] += day < free
            free = max(day, free) + pause
    return close


def _last_letters(member_ids: Sequence[int], program: Program) -> dict[int, date]:
    """Return on which day each of these members was written the last letter."""
    found: dict[int, date] = {}
    for start in range(0, len(member_ids), ASKED):
        rows = Contact.objects.using(write_db()).filter(member_id__in=member_ids[start : start + ASKED])
        for member_id, told_at in rows.values_list("member_id", "told_at"):
            if told_at is not None:
                found[member_id] = local_day(at=told_at, zone=program.time_zone)
    return found
