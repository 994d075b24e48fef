"""
What campaigns give and say as their occasions are told: once per member and source whatever asks how often, and taken
back when it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.queries import earns_at, goes_on_as

from .carrying import carry_out_one
from .giving import NothingLeft, State, count, post, take_from_budget, undo
from .models import Campaign, Occurrence
from .occasions import WORD, fold, in_time, occasions, source_of
from .planning import SINCE, again, coming, plan, to_withdraw
from .queries import PROMISED, given_to, of_one, rests, speaks_against


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
    what: dict[str, Any] = {"source": source, "about": about or {}, "mark": mark, "happened_at": happened_at, "at": at}
    return _bring(program, user_id, campaigns, **what)


def use_word(*, program: Program, user_id: Any, word: str, at: datetime) -> Occurrence | None:
    """Give a person the points of a code word, once. Returns None for every word that brings this person nothing."""
    in_force, folded = _in_force(program, WORD, at), fold(word=word)
    campaigns = [campaign for campaign in in_force if campaign.word and campaign.word == folded]
    source = source_of(occasion=WORD, detail=str(campaigns[0].pk) if campaigns else "")
    return _bring(program, user_id, campaigns, source=source, about={}, mark=None, happened_at=None, at=at)


def _bring(
    program: Program,
    user_id: Any,
    campaigns: Sequence[Campaign],
    *,
    source: str,
    about: Mapping[str, Any],
    mark: str | None,
    happened_at: datetime | None,
    at: datetime,
) -> Occurrence | None:
    """
    Give somebody at once what the first of these campaigns promises that is meant for this person and has points left;
    plan what comes later, and what surprises or only says something.
    """
    member = _member(program, user_id, at) if campaigns else None
    if member is None:
        return None
    promised = [campaign for campaign in campaigns if campaign.is_promise]
    against = speaks_against(campaigns=promised, member_ids=[member.pk], at=at)
    meant = [campaign for campaign in promised if not against[campaign.pk]]
    # Those that give less wait beside it, for the case that it falls. What has a mark comes once in the whole program.
    later = (meant[:1] if mark else meant) if meant and meant[0].delay_days else []
    given = None
    if meant and not later:
        now = [campaign for campaign in meant if not campaign.delay_days]
        told: dict[str, Any] = {"source": source, "about": about, "mark": mark, "caused_at": happened_at}
        given = _give(member=member, campaigns=now, **told, at=at)
    others = [campaign for campaign in campaigns if campaign not in promised]
    if planned := [*later, *others]:
        what: dict[str, Any] = {"member_id": member.pk, "source": source}
        again(campaigns=planned, caused_at=happened_at, at=at, **what)
        what |= {"happened_at": happened_at or at, "about": about, "at": at}
        plan(rows=[coming(campaign=one, mark=mark if one in later else None, **what) for one in planned])
        _carry_out_now(member, source, at)
    return given


def _carry_out_now(member: Member, source: str, at: datetime) -> None:
    """Carry out at once what was planned for a source and needs not wait."""
    rows = Occurrence.objects.using(write_db()).filter(member=member, source=source, is_open=True, due_at__lte=at)
    for pk in rows.order_by("pk").values_list("pk", flat=True):
        carry_out_one(occurrence_id=pk, at=at)


def _in_force(program: Program, occasion: str, at: datetime) -> list[Campaign]:
    """Return the campaigns of an occasion that were in force at a moment, the one that gives most first."""
    rows = Campaign.objects.using(write_db()).filter(program=program, occasion=occasion, is_on=True)
    found = sorted(rows.select_related("reward", "program").order_by("pk"), key=lambda campaign: -campaign.weight)
    return [campaign for campaign in found if in_time(dated=campaign, at=at)]


def _member(program: Program, user_id: Any, at: datetime) -> Member | None:
    if not earns_at(phases=program.phases.using(write_db()).all(), at=at):
        return None
    if program.enrolment == Program.Enrolment.AUTOMATIC:
        return program_operations.join(program=program, user_id=user_id, at=at)
    return goes_on_as(user_id=user_id).filter(program=program).first()


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
    caused_at: datetime | None,
    at: datetime,
) -> Occurrence | None:
    db = write_db()
    with transaction.atomic(using=db):
        lock(account_id=account_id)
        rows = Occurrence.objects.using(db).filter(of_one(member_id=member.pk), PROMISED, source=source)
        there = list(rows.select_related("campaign__reward").order_by("pk"))
        known = [one for one in there if one.member_id == member.pk]
        had = any(one.state == State.DONE for one in there)
        if had or any(one.state == State.PLANNED or one.barred_by for one in known):
            return None
        occurrence = known[0] if known else None
        of_it = [occurrence.campaign] if occurrence else campaigns
        rested = [one for one in of_it if not rests(campaign=one, member_id=member.pk, source=source, at=at)]
        if not rested:
            return None
        if occurrence:
            campaign = count(occurrence=occurrence, campaigns=rested)
            about = {**about, SINCE: caused_at.isoformat()} if caused_at else about
        else:
            campaign = take_from_budget(campaigns=rested)
            occurrence = Occurrence(
                program_id=member.program_id,
                campaign=campaign,
                member=member,
                source=source,
                points=campaign.points,
                mark=mark,
            )
        because = Because(occasions.get(campaign.occasion).because, **{"name": campaign.name, **about})
        occurrence.state, occurrence.at, occurrence.because = State.DONE, at, because.to_json()
        occurrence.save(using=db)
        post(occurrence=occurrence, because=because, at=at)
    return occurrence


def undo_act(*, user_id: Any, occasion: str, detail: str = "", at: datetime, but: Program | None = None) -> int:
    """
    Take back what an occasion brought a person, in every program `but` one, used or not; returns how many points.

    Points that were used become points to make up. What was never given, or is taken back already, is left alone.
    """
    source = source_of(occasion=occasion, detail=detail)
    there = Occurrence.objects.using(write_db()).filter(given_to(user_id=user_id), source=source)
    there = there.exclude(program=but) if but else there
    return sum(_withdraw(occurrence, at) for occurrence in to_withdraw(rows=there.select_related("campaign")))


def _withdraw(occurrence: Occurrence, at: datetime) -> int:
    because = Because("campaign_withdrawn", name=occurrence.campaign.name)
    return undo(occurrence_id=occurrence.pk, because=because, at=at)


def take_back(*, occurrence: Occurrence, actor: str, at: datetime) -> int:
    """Take back what a campaign brought, for good (staff found it wrong); returns how many points that was now."""
    Occurrence.objects.using(write_db()).filter(pk=occurrence.pk, barred_by="").update(barred_by=actor)
    return _withdraw(occurrence, at)
