"""Reading campaigns and what they gave, and goals with how far members are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from loyalty_oscar.people.consents import allowed
from loyalty_oscar.people.models import Consent
from loyalty_oscar.people.queries import address_marks
from loyalty_oscar.program.abstract import ForWhom
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, ProductSet
from loyalty_oscar.program.queries import goes_on_as, remembered, shown_units, version_of, versions
from loyalty_oscar.program.registries import facts, facts_then, known_rows, promise_of

from .models import Campaign, CampaignText, Goal, GoalStep, Occurrence
from .occasions import SIGN_UP, WARRANTY

#: Facts of the shop that campaigns ask for: how many paid orders of a member arrived and were kept, and whether the
#: address of the member's account was confirmed.
FINAL_ORDERS, CONFIRMED = "final_orders", "address_confirmed"
DONE = Occurrence.State.DONE
#: Of campaigns that promised something: what only says something, or surprises, stands in nobody's way.
PROMISED = (Q(points__gt=0) | Q(campaign__reward__isnull=False)) & Q(campaign__is_public=True)


@known_rows.register("campaigns")
def campaigns_of_program() -> QuerySet[Campaign]:
    """Return the campaigns of one program, for the query that reads programs."""
    return Campaign.objects.filter(program=OuterRef("program"))


def all_campaigns(*, program_id: int) -> list[Campaign]:
    """
    Return the campaigns of a program, also those that are switched off, in order of their codes (remembered). Where
    there are none nothing is asked.
    """
    if not _has("campaigns", program_id):
        return []
    load, version = partial(_campaigns, program_id), version_of(program_id=program_id)
    return remembered(key=("campaigns", program_id), version=version, load=load)


def _campaigns(program_id: int) -> list[Campaign]:
    rows = Campaign.objects.using(write_db()).filter(program_id=program_id).order_by("code")
    return list(rows.select_related("reward", "program"))


def campaigns_about(*, program_id: int, occasion: str) -> list[Campaign]:
    """Return the campaigns of a program about an occasion that are switched on (remembered)."""
    return [one for one in all_campaigns(program_id=program_id) if one.is_on and one.occasion == occasion]


def campaigns_of(*, program_id: int) -> list[Campaign]:
    """
    Return the campaigns of a program that promise something and are switched on, in order of their codes (remembered).
    Of one for a level or a group nobody else is to be told: `meant_then` says who.
    """
    on = (campaign for campaign in all_campaigns(program_id=program_id) if campaign.is_on and campaign.is_public)
    return [one for one in on if promise_of(row=one)]


def _has(rows: str, program_id: int) -> bool:
    """Return whether a program has rows of a kind at all, as was known when programs were read."""
    return any(unit.program_id == program_id and rows in unit.program.known_rows for unit in shown_units())


def has_campaign(*, occasion: str) -> bool:
    """Return whether any program has, or had, a campaign of an occasion (remembered)."""
    found = Campaign.objects.using(write_db()).filter(occasion=occasion)
    return remembered(key=("has-campaign", occasion), version=versions(), load=found.exists)


def standing_sources(*, member_id: int) -> set[str]:
    """Return the sources (`sign-up`, `review:42`) of the campaigns for which a member has what was promised."""
    rows = Occurrence.objects.filter(PROMISED, member_id=member_id, state=DONE)
    return set(rows.values_list("source", flat=True))


def people_given(*, sources: Iterable[str]) -> set[Any]:
    """
    Return the ids of the people who have points for one of these sources (`review:42`), in any program, and of those
    who are one with them by now.
    """
    given = Occurrence.objects.filter(PROMISED, source__in=list(sources), state=DONE).values("member")
    rows = Member.objects.filter(Q(pk__in=given) | Q(merged_into__in=given), user__isnull=False)
    return set(rows.values_list("user_id", flat=True))


def given_to(*, user_id: Any) -> Q:
    """Return the condition that something came to a person, or to the member as whom that person goes on."""
    return Q(member__user_id=user_id) | Q(member__in=goes_on_as(user_id=user_id))


def of_one(*, member_id: int) -> Q:
    """Return the condition that something came to a member, or to one who was merged into that member."""
    return Q(member=member_id) | Q(member__merged_into=member_id)


def given_for(*, user_id: Any, sources: Iterable[str]) -> list[tuple[int, str]]:
    """Return (program, source) where a person got points for one of these sources, where they stand first."""
    rows = Occurrence.objects.using(write_db()).filter(PROMISED, given_to(user_id=user_id), source__in=list(sources))
    found = sorted(rows.order_by("pk").values_list("state", "program_id", "source"), key=lambda row: row[0] != DONE)
    return [(program_id, source) for _state, program_id, source in found]


def confirmed_marks(*, user_ids: Iterable[Any]) -> dict[Any, set[str]]:
    """Return the marks of the addresses that people confirmed, with or without points for it. Two queries."""
    found: dict[Any, set[str]] = {}
    ids = list(user_ids)
    given = Occurrence.objects.using(write_db()).filter(source=SIGN_UP, member__user_id__in=ids, mark__isnull=False)
    for user_id, mark in (*address_marks(user_ids=ids).items(), *given.values_list("member__user_id", "mark")):
        if mark is not None:
            found.setdefault(user_id, set()).add(mark)
    return found


@known_rows.register("goals")
def goals_of_program() -> QuerySet[Goal]:
    """Return the goals of one program, for the query that reads programs."""
    return Goal.objects.filter(program=OuterRef("program"))


@known_rows.register("letters")
def letters_of_program() -> QuerySet[CampaignText]:
    """Return what campaigns of one program say, for the query that reads programs: with any, there are letters."""
    return CampaignText.objects.filter(campaign__program=OuterRef("program"))


def goals_of(*, program_id: int) -> list[Goal]:
    """
    Return the goals of a program, also those that are switched off, in order of their codes (remembered). Where there
    are none nothing is asked.
    """
    if not _has("goals", program_id):
        return []
    load, version = partial(_goals, program_id), version_of(program_id=program_id)
    return remembered(key=("goals", program_id), version=version, load=load)


def _goals(program_id: int) -> list[Goal]:
    rows = Goal.objects.using(write_db()).filter(program_id=program_id).order_by("code")
    return list(rows.select_related("reward", "segment", "program__unit"))


def names_of_sets(*, goals: Iterable[Goal]) -> dict[str, str]:
    """Return what the product sets of goals are called, by code (remembered). Without any nothing is asked."""
    codes = tuple(sorted({code for goal in goals for code in goal.set_codes}))
    rows = ProductSet.objects.using(write_db()).filter(code__in=codes).values_list("code", "name")
    return remembered(key=("set-names", codes), version=versions(), load=lambda: dict(rows)) if codes else {}


def meant_then(*, row: ForWhom, asked: set[tuple[int, datetime]]) -> set[tuple[int, datetime]]:
    """
    Return those of these members, each at a moment, whom something was for then. A query for levels, one for lists.
    """
    if row.rank and asked:
        ranks = facts_then(name="tier_rank", asked=asked) if "tier_rank" in facts else {}
        asked = {one for one in asked if ranks.get(one, 0) >= row.rank}
    if row.segment_id and asked:
        segments = facts_then(name="segments", asked=asked)
        asked = {one for one in asked if row.segment_id in segments.get(one, ())}
    return asked


def speaks_against(
    *, campaigns: Collection[Campaign], member_ids: Collection[int], at: datetime
) -> dict[int, dict[int, str]]:
    """
    Return by the key of each campaign those of these members whom it is not for by now, each with why: for another
    level or segment, without a confirmed address (`not_for_them`), or with too few orders (`not_a_buyer`).

    Two queries a campaign that names a level and a segment, and one for each of the two facts, however many members.
    """
    ids, found = set(member_ids), {}
    for campaign in campaigns:
        meant = {pk for pk, _at in meant_then(row=campaign, asked={(pk, at) for pk in ids})}
        found[campaign.pk] = dict.fromkeys(ids - meant, "not_for_them")
    wanted = [(CONFIRMED, {one.pk: int(one.confirmed_only) for one in campaigns}, "not_for_them")]
    wanted.append((FINAL_ORDERS, {one.pk: one.orders_wanted for one in campaigns}, "not_a_buyer"))
    for fact, least, why in wanted:
        left = {pk: ids - found[pk].keys() for pk, number in least.items() if number}
        asked = sorted(set().union(*left.values()))
        told = facts.get(fact)(members=asked, at=at) if asked and fact in facts else {}
        for pk, members in left.items():
            found[pk] |= dict.fromkeys((one for one in members if int(told.get(one) or 0) < least[pk]), why)
    return found


def meant_now(*, campaign: Campaign, member_ids: Collection[int], at: datetime) -> set[int]:
    """Return those of these members for whom a campaign is by now."""
    return set(member_ids).difference(speaks_against(campaigns=[campaign], member_ids=member_ids, at=at)[campaign.pk])


def set_codes_of(*, campaign: Campaign, source: str) -> frozenset[str]:
    """
    Return the product sets of whose goods something (`source`) is for a campaign: of a warranty its own (one query,
    where the campaign names several), else all that the campaign names (none: of all goods).
    """
    codes = frozenset(campaign.params.get("sets", ()))
    if campaign.occasion != WARRANTY or not source or len(codes) < 2:
        return codes
    rows = ProductSet.objects.using(write_db()).filter(pk=source.rpartition(":")[2], code__in=codes)
    return frozenset(rows.values_list("code", flat=True)) or codes


def rests(*, campaign: Campaign, member_id: int, source: str, at: datetime) -> bool:
    """
    Return whether a campaign came to a member too short a while ago, for something else than `source`. One query, and
    none where it does not rest.
    """
    if not campaign.rest_days:
        return False
    since = at - timedelta(days=campaign.rest_days)
    rows = Occurrence.objects.using(write_db()).filter(campaign=campaign, member=member_id, state=DONE, at__gt=since)
    return rows.exclude(source=source).exists()


def says() -> Exists:
    """Return whether a campaign writes letters, for which consent is needed, for a query of campaigns."""
    return Exists(CampaignText.objects.filter(campaign=OuterRef("pk")))


def says_something(*, campaign: Campaign) -> bool:
    """Return whether a campaign writes letters, for which consent is needed. One query."""
    return Campaign.objects.using(write_db()).filter(says(), pk=campaign.pk).exists()


def may_be_told(*, campaign: Campaign, member_ids: Collection[int], at: datetime) -> frozenset[int]:
    """Return those of these members who allow the letter of a campaign; all where it says nothing."""
    if not member_ids or not says_something(campaign=campaign):
        return frozenset(member_ids)
    return allowed(purpose=Consent.Purpose.LETTERS, member_ids=member_ids, at=at)


def goals_now(*, program_id: int) -> list[int]:
    """Return the keys of the goals that are switched on, as an order keeps them that is looked at first."""
    return [goal.pk for goal in goals_of(program_id=program_id) if goal.is_on]


def counted_steps(*, goals: Collection[Goal], member_ids: Iterable[int]) -> list[GoalStep]:
    """Return what orders count for these goals and members, oldest first. One query."""
    rows = GoalStep.objects.using(write_db()).filter(goal__in=[goal.pk for goal in goals], value__gt=0)
    return list(rows.filter(member_id__in=list(member_ids)).order_by("placed_at", "pk"))
