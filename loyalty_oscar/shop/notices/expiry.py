"""
Points about to run out: announced some days before (`LOYALTY_EXPIRY_NOTICE_DAYS`), put off where that did not arrive.

A date binds only if it was announced. Within 7 days of a date that nobody was told of, the job moves it to the end of
the next month. So putting off comes first, and what is left is announced.

A notice tells of every date within a month of the one that is due, each at the stage that it has reached by itself.
What is worth less in all than the shop's least (`LOYALTY_EXPIRY_NOTICE_LEAST`) waits for more that is told along with
it, and so is put off once; from then on it is told, however little it is, once. So nothing runs out untold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, islice, starmap
from operator import attrgetter
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot
from loyalty_oscar.ledger.operations.skipping import Skips
from loyalty_oscar.ledger.queries import expiring
from loyalty_oscar.program import words
from loyalty_oscar.program.conf import BINDING_DAYS, conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.models import Event, Notice, PointWorth, Program, State
from loyalty_oscar.program.worth import worth

from .arrival import told
from .least import is_enough, rates
from .letters import Letter, LetterRow, MailKind, in_daytime, inbox_links, letters, mail_kinds, shared, timings

TOPIC = "points-expiring"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "What runs out soon"),
        text="points run out soon (`LOYALTY_EXPIRY_NOTICE_DAYS`)",
        payload={
            "account": "key of the account",
            "days": "first days on which some are gone, `2027-06-01`, soonest first: all within a month",
        },
    )
)
BATCH = 500
LONGEST_MONTH = 31


class Coming(NamedTuple):
    """Points of an account that run out at one instant (exclusive)."""

    account_id: int
    member_id: int
    program_id: int
    expires_at: datetime
    points: int


def announce_expiry(*, at: datetime) -> Iterator[int]:
    """
    Put off dates that were not announced, then announce those that are due; yields how many of both.

    Raises `AccountsSkipped` at its end where books are broken.
    """
    skips = Skips()
    yield from put_off(at=at, skips=skips)
    zones = dict(Program.objects.using(write_db()).values_list("pk", "time_zone"))
    worths = rates()
    lots = _due(at, max(conf.EXPIRY_NOTICE_DAYS) + LONGEST_MONTH).order_by("account_id", "expires_at")
    rows = lots.values_list("account_id", "account__member", "account__member__program", "expires_at")
    coming = starmap(Coming, rows.annotate(points=Sum("remaining")).iterator(chunk_size=BATCH))
    accounts = (list(own) for _account, own in groupby(coming, key=attrgetter("account_id")))
    while chunk := list(islice(accounts, BATCH)):
        yield _announce(chunk, zones, worths, at)
    skips.tell()


def put_off(*, at: datetime, skips: Skips) -> Iterator[int]:
    """
    Move dates within 7 days whose owners could not be told to the end of the next month; yields how many.

    Accounts with broken books are told to `skips`.
    """
    last = 0
    lots = _due(at, BINDING_DAYS).select_related("account__member__program").order_by("pk")
    while chunk := list(lots.filter(pk__gt=last)[:BATCH]):
        last = chunk[-1].pk
        abouts = {lot.pk: about(account_id=lot.account_id, day=_day(lot.expires_at, _zone(lot))) for lot in chunk}
        known = told(topic=TOPIC, abouts=abouts.values(), at=at)
        moved = 0
        for lot in chunk:
            if abouts[lot.pk] not in known:
                with skips.account(lot.account_id):
                    moved += _put_off_one(lot, at)
        yield moved


def about(*, account_id: int, day: date) -> str:
    """Return the name of a date in notices: the first day on which the points are gone."""
    return f"account:{account_id}:expires:{day.isoformat()}"


def _due(at: datetime, days: int) -> QuerySet[Lot]:
    """Lots that run out within so many days, of people who are still there, in programs whose clocks run."""
    running = Q(account__member__program__state__in=(State.LIVE, State.CLOSING))
    there = Q(account__member__user__isnull=False, account__member__erased_at=None)
    until = at + timedelta(days=days)
    lots = Lot.objects.using(write_db()).filter(is_open=True, state=Lot.State.OPEN, remaining__gt=0)
    return lots.filter(running, there, expires_at__gt=at, expires_at__lte=until)


def _zone(lot: Lot) -> str:
    return lot.account.member.program.time_zone


def _day(expires_at: datetime, zone: str) -> date:
    return periods.last_day(expires_at=expires_at, zone=zone) + timedelta(days=1)


def _put_off_one(lot: Lot, at: datetime) -> bool:
    """Move the date of one lot, at most as often as the program says."""
    program = lot.account.member.program
    if program.max_extensions:
        moves = Entry.objects.using(write_db()).filter(account_id=lot.account_id, kind=Kind.EXTEND)
        before = moves.filter(key__startswith=f"lot:{lot.pk}:extend:", because__c="not_announced").count()
        if before >= program.max_extensions:
            return False
    last_instant = lot.expires_at - timedelta(microseconds=1)
    later = periods.end_of_month_after(at=last_instant, months=1, zone=program.time_zone)
    because = Because("not_announced", until=later.isoformat())
    return bool(ledger.extend(account_id=lot.account_id, lot_id=lot.pk, expires_at=later, because=because, at=at))


def _announce(
    accounts: Iterable[list[Coming]], zones: Mapping[int, str], worths: Mapping[int, PointWorth], at: datetime
) -> int:
    """Announce what is due of these accounts and was not yet, in one transaction; returns how many notices."""
    by_day = [_by_day(own, zones[own[0].program_id]) for own in accounts]
    names = [about(account_id=rows[0].account_id, day=day) for days in by_day for day, rows in days.items()]
    known: dict[str, set[int]] = defaultdict(set)
    notices = Notice.objects.using(write_db()).filter(topic=TOPIC, about__in=names)
    for named, stage in notices.values_list("about", "stage"):
        known[named].add(stage)
    put_off_to = _put_off_to(by_day) if conf.EXPIRY_NOTICE_LEAST > 1 else set()
    found = [_notice(days, worths, known, put_off_to, at) for days in by_day]
    news = [happening for happening in found if happening]
    with transaction.atomic(using=write_db()):
        announce_many(happenings=news)
    return len(news)


def _by_day(own: Iterable[Coming], zone: str) -> dict[date, list[Coming]]:
    days: dict[date, list[Coming]] = defaultdict(list)
    for row in own:
        days[_day(row.expires_at, zone)].append(row)
    return days


def _put_off_to(by_day: Iterable[Mapping[date, Sequence[Coming]]]) -> set[tuple[int, str]]:
    """Return to which instants points of these accounts were put off, because nobody had been told."""
    ids = {rows[0].account_id for days in by_day for rows in days.values()}
    moves = Entry.objects.using(write_db()).filter(account_id__in=ids, kind=Kind.EXTEND, because__c="not_announced")
    return {(account_id, because["p"]["until"]) for account_id, because in moves.values_list("account_id", "because")}


def _notice(
    days: Mapping[date, Sequence[Coming]],
    worths: Mapping[int, PointWorth],
    known: Mapping[str, set[int]],
    put_off_to: set[tuple[int, str]],
    at: datetime,
) -> Happening | None:
    """Return the notice of an account: of the soonest date whose stage has come, and of all within a month of it."""
    first = max(conf.EXPIRY_NOTICE_DAYS)
    for day, rows in days.items():
        stage, named = _stage(rows[0], at), about(account_id=rows[0].account_id, day=day)
        if stage is None or stage in known[named]:
            continue
        along = [other for other in days if day <= other <= periods.add_months(day=day, months=1)]
        is_late = any((row.account_id, row.expires_at.isoformat()) in put_off_to for row in rows)
        points = sum(row.points for other in along for row in days[other])
        rate, least = worths.get(rows[0].program_id), conf.EXPIRY_NOTICE_LEAST
        if (known[named] or not is_late) and not is_enough(points=points, rate=rate, least=least):
            continue
        abouts = {}
        for other in along:
            # One that is told of before its time has had its first notice.
            reached, its_name = _stage(days[other][0], at) or first, about(account_id=rows[0].account_id, day=other)
            if reached not in known[its_name]:
                abouts[its_name] = reached
        payload = {"account": rows[0].account_id, "days": [other.isoformat() for other in along]}
        told_of = {"member_id": rows[0].member_id, "payload": payload, "at": at, "abouts": abouts}
        return Happening(topic=TOPIC, key=f"{named}:{stage}", **told_of)
    return None


def _stage(row: Coming, at: datetime) -> int | None:
    """Return which notice is due of points: of the shop's days before their date, the fewest that have begun."""
    begun = [before for before in conf.EXPIRY_NOTICE_DAYS if row.expires_at <= at + timedelta(days=before)]
    return min(begun, default=None)


@letters.register(TOPIC)
def points_expiring(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about points that run out; None where those of its first day were used or put off meanwhile."""
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=event.payload["account"])
    unit, zone = account.unit, account.unit.program.time_zone
    days = [date.fromisoformat(day) for day in event.payload["days"]]
    points = dict.fromkeys(days, 0)
    for row in expiring(account_id=account.pk, at=at):
        if (day := _day(row.expires_at, zone)) in points:
            points[day] += row.points
    left = [(day - timedelta(days=1), points[day]) for day in days if points[day]]
    if not points[days[0]]:
        return None
    last, soonest = left[0]
    context = shared(member=event.member, account=account, unit=unit, points=soonest)
    context |= {
        "day": words.day(last, zone=zone),
        "days_left": max(0, (last - periods.local_day(at=at, zone=zone)).days),
        "later": [LetterRow(words.day(day, zone=zone), words.points(unit=unit, points=some)) for day, some in left[1:]],
        "all_points": words.points(unit=unit, points=sum(some for _day, some in left)),
        "all_worth": worth(unit=unit, points=sum(some for _day, some in left)),
    }
    gone_at = periods.start_of_day(day=days[0], zone=zone)
    return Letter(code="LOYALTY_POINTS_EXPIRING", context=context, until=gone_at)


timings.register(TOPIC)(in_daytime)
inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what you have and what you can do with it."))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "What runs out soon")))
