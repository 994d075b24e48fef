"""Rewards as their readers see them: what is in the catalogue, who has what, and what a member wants one with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, topics
from loyalty_oscar.program.hooks import reward_uses
from loyalty_oscar.program.models import Member, Program, Reward
from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.program.queries import remembered, spends_at, version_of
from loyalty_oscar.program.registries import fact_of, reward_kinds

from .kinds import CODE, is_for_baskets
from .models import Claim, Redemption, RewardCode
from .rules import RewardTerms, Wanting

#: What the events say.
GOT, GIVEN_BACK, DONE = "reward-got", "reward-back", "reward-done"
PAYLOAD = {"claim": "key of the reward that the member has"}
for _topic, _title, _text in (
    (GOT, pgettext_lazy("loyalty", "A reward"), "a member took a reward for points"),
    (GIVEN_BACK, pgettext_lazy("loyalty", "A reward was taken back"), "a reward was given back, with its points"),
    (DONE, pgettext_lazy("loyalty", "A reward was handed out"), "staff did their part of a reward"),
):
    topics.register(_topic)(Topic(title=_title, text=_text, payload=PAYLOAD))
#: How keys of claims begin that members bought.
BOUGHT = "bought:"


def terms_of(*, reward: Reward) -> RewardTerms:
    """
    Return a reward as the rules see it; how many are left is as old as its row. One of a kind whose code has left is
    had by nobody any more.
    """
    return RewardTerms(
        price=reward.price,
        rank=reward.rank,
        segment_id=reward.segment_id,
        left=None if reward.quota is None else reward.quota - reward.taken,
        per_member=reward.per_member,
        starts_at=reward.starts_at,
        ends_at=reward.ends_at,
        is_on=reward.is_on and reward.kind in reward_kinds,
    )


def has_rewards(*, program: Program) -> bool:
    """
    Return whether anybody could have a reward of a program that was read with its unit (remembered). Without any
    nothing is asked.
    """
    if not program.known_rewards:
        return False
    rows = Reward.objects.using(write_db()).filter(Q(is_on=True) | Q(claims__isnull=False), program=program)
    return remembered(
        key=("has-rewards", program.pk), version=version_of(program_id=program.pk), load=lambda: rows.exists()
    )


def catalogue(*, program: Program) -> list[Reward]:
    """
    Return the rewards of a program that was read with its unit, which cost points, are switched on and of a kind that
    is there, the cheapest first (remembered). Without any nothing is asked.
    """
    if not program.known_rewards:
        return []
    rows = Reward.objects.using(write_db()).filter(program=program, is_on=True, price__isnull=False)
    found = remembered(
        key=("rewards", program.pk),
        version=version_of(program_id=program.pk),
        load=lambda: list(rows.order_by("price", "pk")),
    )
    return [reward for reward in found if reward.kind in reward_kinds]


def left_of(*, rewards: Collection[Reward]) -> dict[int, int]:
    """
    Return how many there are still of those rewards that are counted, and 0 of those of which no code is left. One
    query where there are such, and one where there are codes.
    """
    counted = [reward.pk for reward in rewards if reward.quota is not None]
    rows = Reward.objects.using(write_db()).filter(pk__in=counted) if counted else None
    left: dict[int, int] = dict(rows.values_list("pk", F("quota") - F("taken"))) if rows is not None else {}
    if listed := {reward.pk for reward in rewards if reward.kind == CODE}:
        free = RewardCode.objects.using(write_db()).filter(reward__in=listed, claim=None)
        left |= dict.fromkeys(listed.difference(free.order_by().values_list("reward_id", flat=True).distinct()), 0)
    return left


def is_promised(*, reward: Reward) -> bool:
    """Return whether anybody has a reward, had it, or is promised it: it stays what it is then."""
    if Claim.objects.using(write_db()).filter(reward=reward).exists():
        return True
    return bool(promised_by(reward=reward))


def promised_by(*, reward: Reward) -> list[str]:
    """Return the names of what gives a reward."""
    return [name for names in reward_uses.answers(reward=reward) for name in names]


def claims_of(*, member_id: int) -> QuerySet[Claim]:
    """Return what a member has and had, newest first, each with its reward, the program of that, and its code."""
    found = Claim.objects.filter(member_id=member_id).select_related("reward__program", "code")
    return found.order_by("-got_at", "-pk")


def bought(*, member_id: int, rewards: Collection[Reward]) -> dict[int, int]:
    """Return how many of these rewards a member bought and still has, or used. One query where it matters."""
    limited = [reward.pk for reward in rewards if reward.per_member is not None]
    if not limited:
        return {}
    rows = Claim.objects.using(write_db()).filter(member_id=member_id, reward_id__in=limited, key__startswith=BOUGHT)
    counted = rows.exclude(state=Claim.State.BACK).order_by().values_list("reward_id")
    return dict(counted.annotate(count=Count("pk")))


def wanting(
    *, member: Member, account: Account | None, rewards: Collection[Reward], stopped: Because | None, at: datetime
) -> dict[int, Wanting]:
    """
    Return what a member wants each of these rewards with; it asks for the level, for segments and for what was bought
    before where a reward asks for that. `stopped` says why nothing can be used now at all.
    """
    rank = fact_of(name="tier_rank", member_id=member.pk, at=at) if any(reward.rank for reward in rewards) else None
    asks_segments = any(reward.segment_id for reward in rewards)
    segments = fact_of(name="segments", member_id=member.pk, at=at) if asks_segments else None
    had = bought(member_id=member.pk, rewards=rewards)
    who = Wanting(
        ready=account.available if account else 0,
        debt=account.debt if account else 0,
        rank=rank or 0,
        segments=frozenset(segments or ()),
        stopped=stopped,
    )
    return {reward.pk: replace(who, had=had.get(reward.pk, 0)) for reward in rewards}


def stopped(*, member: Member, at: datetime) -> Because | None:
    """Return why a member can use nothing at all now, or None. One query."""
    if member.is_frozen(at=at):
        return Because("points_frozen")
    return None if spends_at(phases=member.program.phases.using(write_db()).all(), at=at) else Because("not_now")


def is_over(*, claim: Claim, at: datetime) -> bool:
    """Return whether the time of a claim is over, whatever the job has said of it yet."""
    return claim.valid_until is not None and claim.valid_until <= at


def is_being_paid(*, claim: Claim, at: datetime) -> bool:
    """Return whether a basket that a claim lies on is being paid for. No query of kinds that lie on none."""
    if not is_for_baskets(kind=claim.reward.kind):
        return False
    rows = Redemption.objects.using(write_db()).filter(claim=claim, slot__isnull=False)
    return bool(being_paid(slots=list(rows.values_list("slot", flat=True)), at=at))
