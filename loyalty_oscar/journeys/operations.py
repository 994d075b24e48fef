"""
What campaigns give: once per member and source whatever asks how often, and taken back when it is withdrawn.

The account is locked first, then the budget; so a bonus asked for twenty times at once is given once, and a budget
is kept to the point.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, announce, topics
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.queries import earns_at, member_of
from loyalty_oscar.program.registries import fact_of, promise_of

from .models import Campaign, Occurrence
from .occasions import BIRTHDAY, WORD, birthdays_due, fold, in_time, occasions, source_of
from .queries import CONFIRMED, FINAL_ORDERS

logger = logging.getLogger("loyalty_oscar")
BATCH = 500
#: The topic of the letter about a gift.
TOPIC = "points-gift"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "A gift of a campaign"),
        text="a campaign brought points: a review, a birthday, an occasion of the store's",
        payload={
            "occurrence": "key of the occurrence",
            "because": "the [because code](because.md) and its parameters",
        },
    )
)
DONE = Occurrence.State.DONE


class NothingLeft(LoyaltyError):
    """No campaign has points left to give."""


def act(
    *,
    program: Program,
    user_id: Any,
    occasion: str,
    detail: str = "",
    about: Mapping[str, Any] | None = None,
    mark: str | None = None,
    happened_at: datetime | None = None,
    at: datetime,
) -> Occurrence | None:
    """
    Give a person the points of an occasion, once for each `detail` ("42"); the campaign must have been in force when it
    `happened_at` (default: now). What was taken back before is given again.

    `about` are parameters for the words of the why; `mark` may bring points once in the whole program. Returns None
    where nothing new was given: no such campaign, none meant for this person, no points left, given already, not a
    member where people join by choice, or a program that does not earn now. Raises `UnknownCode` for an occasion
    nobody registered.
    """
    occasions.get(occasion)
    campaigns = _in_force(program, occasion, happened_at or at)
    source = source_of(occasion=occasion, detail=detail)
    return _give_to(program, user_id, campaigns, source=source, about=about or {}, mark=mark, at=at)


def use_word(*, program: Program, user_id: Any, word: str, at: datetime) -> Occurrence | None:
    """Give a person the points of a code word, once. Returns None for every word that brings this person nothing."""
    in_force, folded = _in_force(program, WORD, at), fold(word=word)
    campaigns = [campaign for campaign in in_force if campaign.word and campaign.word == folded]
    source = source_of(occasion=WORD, detail=str(campaigns[0].pk) if campaigns else "")
    return _give_to(program, user_id, campaigns, source=source, about={}, mark=None, at=at)


def _give_to(
    program: Program,
    user_id: Any,
    campaigns: Sequence[Campaign],
    *,
    source: str,
    about: Mapping[str, Any],
    mark: str | None,
    at: datetime,
) -> Occurrence | None:
    """Give somebody what the first of these campaigns brings that is meant for this person and has points left."""
    member = _member(program, user_id, at) if campaigns else None
    meant = _meant(campaigns, member, at) if member else []
    what = {"source": source, "about": about, "mark": mark, "at": at}
    return _give(member=member, campaigns=meant, **what) if member and meant else None


def _meant(campaigns: Sequence[Campaign], member: Member, at: datetime) -> list[Campaign]:
    """Return those of the campaigns that are for a member: with so many orders, with a confirmed address."""
    knows = {"orders": 0, "confirmed": False}
    if any(campaign.orders_wanted for campaign in campaigns):
        knows["orders"] = fact_of(name=FINAL_ORDERS, member_id=member.pk, at=at) or 0
    if any(campaign.confirmed_only for campaign in campaigns):
        knows["confirmed"] = bool(fact_of(name=CONFIRMED, member_id=member.pk, at=at))
    return [
        campaign
        for campaign in campaigns
        if campaign.orders_wanted <= knows["orders"] and (knows["confirmed"] or not campaign.confirmed_only)
    ]


def _in_force(program: Program, occasion: str, at: datetime) -> list[Campaign]:
    """Return the campaigns of an occasion that were in force at a moment, the one that gives most first."""
    rows = Campaign.objects.using(write_db()).filter(program=program, occasion=occasion, is_on=True)
    found = sorted(rows.select_related("reward").order_by("pk"), key=lambda campaign: -campaign.weight)
    return [campaign for campaign in found if in_time(dated=campaign, at=at) and promise_of(row=campaign)]


def _member(program: Program, user_id: Any, at: datetime) -> Member | None:
    if not earns_at(phases=program.phases.using(write_db()).all(), at=at):
        return None
    if program.enrolment == Program.Enrolment.AUTOMATIC:
        return program_operations.join(program=program, user_id=user_id, at=at)
    return member_of(program_id=program.pk, user_id=user_id)


def _give(*, member: Member, campaigns: Sequence[Campaign], **what: Any) -> Occurrence | None:
    unit = Unit.objects.using(write_db()).select_related("program").filter(program=member.program_id).first()
    if unit is None:
        return None
    account_id = open_account(member=member, unit=unit).pk
    try:
        return _give_once(member=member, campaigns=campaigns, account_id=account_id, **what)
    except (IntegrityError, NothingLeft):  # The marked mailbox had its points, or the budget is used up.
        return None


@outermost_retried
def _give_once(
    *,
    member: Member,
    campaigns: Sequence[Campaign],
    account_id: int,
    source: str,
    about: Mapping[str, Any],
    mark: str | None,
    at: datetime,
) -> Occurrence | None:
    db = write_db()
    with transaction.atomic(using=db):
        lock(account_id=account_id)
        known = Occurrence.objects.using(db).select_related("campaign").filter(member=member, source=source)
        occurrence = known.order_by("pk").first()
        if occurrence and (occurrence.state == DONE or occurrence.barred_by):
            return None
        if occurrence:
            campaign = _take_from_budget([occurrence.campaign], occurrence.points)
        else:
            campaign = _take_from_budget(campaigns)
            occurrence = Occurrence(
                program_id=member.program_id,
                campaign=campaign,
                member=member,
                source=source,
                points=campaign.points,
                mark=mark,
            )
        because = Because(occasions.get(campaign.occasion).because, **{"name": campaign.name, **about})
        occurrence.state, occurrence.at, occurrence.because = DONE, at, because.to_json()
        occurrence.save(using=db)
        _post(occurrence, because, at)
    return occurrence


def _take_from_budget(campaigns: Sequence[Campaign], points: int | None = None) -> Campaign:
    """Count points of the first campaign that has them left as given; raises `NothingLeft`."""
    for campaign in campaigns:
        wanted = campaign.points if points is None else points
        has_times = Q(most=None) | Q(most__gt=F("given"))
        has_points = Q(budget=None) | Q(budget__gte=F("spent") + wanted)
        found = Campaign.objects.using(write_db()).filter(has_times, has_points, pk=campaign.pk)
        if found.update(given=F("given") + 1, spent=F("spent") + wanted):
            return campaign
    raise NothingLeft("the budget is used up")


def _promise(occurrence: Occurrence) -> Promise:
    """Return what it brought: as many points as it did then, or the reward of its campaign."""
    return Promise(points=occurrence.points) if occurrence.points else promise_of(row=occurrence.campaign)


def _key(occurrence: Occurrence) -> str:
    return f"campaign:{occurrence.campaign_id}:{occurrence.source}"


def _post(occurrence: Occurrence, because: Because, at: datetime) -> None:
    promise, member_id = _promise(occurrence), occurrence.member_id
    program_operations.give(member_id=member_id, promise=promise, key=_key(occurrence), because=because, at=at)
    # Of a reward its own mail tells.
    if promise.points and occasions.get(occurrence.campaign.occasion).by_mail:
        key = f"{_key(occurrence)}:{occurrence.member_id}"
        payload = {"occurrence": occurrence.pk, "because": because.to_json()}
        announce(topic=TOPIC, key=key, member_id=occurrence.member_id, payload=payload, at=at)


def undo_act(*, user_id: Any, occasion: str, detail: str = "", at: datetime, but: Program | None = None) -> int:
    """
    Take back what an occasion brought a person, in every program `but` one, used or not; returns how many points.

    Points that were used become points to make up. What was never given, or is taken back already, is left alone.
    """
    source = source_of(occasion=occasion, detail=detail)
    standing = Occurrence.objects.using(write_db()).filter(source=source, state=DONE, member__user_id=user_id)
    standing = standing.exclude(program=but) if but else standing
    return sum(_undo(occurrence_id=pk, at=at) for pk in standing.order_by("pk").values_list("pk", flat=True))


@outermost_retried
def _undo(*, occurrence_id: int, at: datetime) -> int:
    db = write_db()
    with transaction.atomic(using=db):
        found = Occurrence.objects.using(db).select_related("campaign", "member__program__unit")
        occurrence = found.get(pk=occurrence_id)
        lock(account_id=open_account(member=occurrence.member, unit=occurrence.member.program.unit).pk)
        because = Because("campaign_withdrawn", name=occurrence.campaign.name)
        back = {"state": Occurrence.State.BACK, "at": at, "because": because.to_json()}
        if not Occurrence.objects.using(db).filter(pk=occurrence_id, state=DONE).update(**back):
            return 0
        promise, key = _promise(occurrence), _key(occurrence)
        program_operations.take_back(member_id=occurrence.member_id, promise=promise, key=key, because=because, at=at)
        counted = Campaign.objects.using(db).filter(pk=occurrence.campaign_id)
        counted.update(given=F("given") - 1, spent=F("spent") - occurrence.points)
    return occurrence.points


def take_back(*, occurrence: Occurrence, actor: str, at: datetime) -> int:
    """Take back what a campaign brought, for good (staff found it wrong); returns how many points that was now."""
    Occurrence.objects.using(write_db()).filter(pk=occurrence.pk, barred_by="").update(barred_by=actor)
    return _undo(occurrence_id=occurrence.pk, at=at)


def give_birthdays(*, at: datetime) -> Iterator[int]:
    """
    Give the gifts of birthdays that are kept today, or were in the last nights without a job; yields how many.

    One a calendar year, also for those who tell another day meanwhile. One that fails keeps nobody else waiting.
    """
    programs = Campaign.objects.using(write_db()).filter(occasion=BIRTHDAY, is_on=True).values("program")
    for program in Program.objects.using(write_db()).filter(pk__in=programs).order_by("pk"):
        for kept, pairs in birthdays_due(at=at, zone=program.time_zone):
            yield from _give_day(program, kept, pairs, at)


def _give_day(program: Program, kept: date, pairs: list[tuple[int, int]], at: datetime) -> Iterator[int]:
    over = periods.start_of_day(day=kept + timedelta(days=1), zone=program.time_zone)
    moment = min(at, over - timedelta(microseconds=1))
    campaigns = _in_force(program, BIRTHDAY, moment)
    if not campaigns:
        return
    on_day = reduce(or_, (Q(day=day, month=month) for day, month in pairs))
    gifts = Occurrence.objects.using(write_db()).filter(member=OuterRef("member"), source=f"{BIRTHDAY}:{kept.year}")
    of_members = {"member__program": program, "member__merged_into": None, "member__user__isnull": False}
    found = Birthday.objects.using(write_db()).filter(on_day, ~Exists(gifts), set_at__lte=moment, **of_members)
    last = 0
    while rows := list(found.filter(pk__gt=last).select_related("member").order_by("pk")[:BATCH]):
        last = rows[-1].pk
        yield sum(_has_gift(program, row, kept, campaigns, at) for row in rows)


def _has_gift(program: Program, row: Birthday, kept: date, campaigns: Sequence[Campaign], at: datetime) -> bool:
    told_on = periods.local_day(at=row.set_at, zone=program.time_zone)
    in_time = [campaign for campaign in campaigns if told_on <= kept - timedelta(days=campaign.told_days)]
    source = source_of(occasion=BIRTHDAY, detail=str(kept.year))
    try:
        occurrence = _give_to(program, row.member.user_id, in_time, source=source, about={}, mark=None, at=at)
    except Exception:
        logger.exception("member %s got no gift for the birthday; the next night tries again", row.member_id)
        return False
    return occurrence is not None
