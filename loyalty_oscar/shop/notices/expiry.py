"""
Points about to run out: announced 30, 7 and 1 days before, and put off where the announcement did not arrive.

A date binds only if it was announced. Within 7 days of a date that nobody was told of, the job moves it to the end of
the next month. So putting off comes first, and what is left is announced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.html import conditional_escape, format_html
from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot
from loyalty_oscar.ledger.operations.skipping import Skips
from loyalty_oscar.ledger.queries import expiring
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics, unannounced
from loyalty_oscar.program.models import Event, Program, State

from .arrival import told
from .letters import Letter, inbox_texts, letters, shared, site_of

TOPIC = "points-expiring"
topics.register(TOPIC)(
    Topic(
        text="points run out in 30, 7 or 1 days",
        payload={"account": "key of the account", "day": "first day on which they are gone, `2027-06-01`"},
    )
)
STAGES = (1, 7, 30)
BINDING_DAYS = 7
BATCH = 500


def announce_expiry(*, at: datetime) -> Iterator[int]:
    """
    Put off dates that were not announced, then announce those that are due; yields how many of both.

    Raises `AccountsSkipped` at its end where books are broken.
    """
    skips = Skips()
    yield from put_off(at=at, skips=skips)
    lots = _due(at, STAGES[-1]).values("account_id", "expires_at", "account__member", "account__member__program")
    rows = lots.order_by("account_id", "expires_at").distinct().iterator(chunk_size=BATCH)
    zones = dict(Program.objects.using(write_db()).values_list("pk", "time_zone"))
    while chunk := list(islice(rows, BATCH)):
        yield _announce(chunk, zones, at)
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


def _announce(rows: Iterable[dict[str, Any]], zones: dict[int, str], at: datetime) -> int:
    """Announce those of these dates that were not announced yet, in one transaction."""
    happenings = []
    for row in rows:
        day = _day(row["expires_at"], zones[row["account__member__program"]])
        named = about(account_id=row["account_id"], day=day)
        stage = next(days for days in STAGES if row["expires_at"] <= at + timedelta(days=days))
        payload = {"account": row["account_id"], "day": day.isoformat()}
        happenings.append(
            Happening(
                topic=TOPIC,
                key=f"{named}:{stage}",
                member_id=row["account__member"],
                payload=payload,
                at=at,
                about=named,
            )
        )
    news = unannounced(topic=TOPIC, happenings=happenings)
    with transaction.atomic(using=write_db()):
        announce_many(happenings=news)
    return len(news)


@letters.register(TOPIC)
def points_expiring(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about points that run out on one day; None where they were used or put off meanwhile."""
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=event.payload["account"])
    unit, member = account.unit, event.member
    zone = unit.program.time_zone
    day = date.fromisoformat(event.payload["day"])
    rows = [row for row in expiring(account_id=account.pk, at=at) if _day(row.expires_at, zone) == day]
    points = sum(row.points for row in rows)
    if not points:
        return None
    context = shared(member=member, account=account, unit=unit, site=site_of(member=member), points=points)
    last = day - timedelta(days=1)
    context["day"] = words.day(last, zone=zone)
    return Letter(code="LOYALTY_POINTS_EXPIRING", context=context, has_notice=True)


@inbox_texts.register(TOPIC)
def in_inbox(*, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return the same as a row of Oscar's inbox."""
    params = {"points": conditional_escape(context["points"]), "day": context["day"]}
    subject = pgettext("loyalty", "%(points)s can be used until %(day)s") % params
    text = pgettext("loyalty", "See what you have and what you can do with it.")
    return subject[:255], format_html('<a href="{}">{}</a>', context["link"], text)
