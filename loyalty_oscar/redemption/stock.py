"""How many of rewards members have, and how many codes are left: what staff read beside each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Q

from loyalty_oscar.program.models import Reward

from .kinds import CODE
from .models import Claim, RewardCode

#: What members do not have any more, and never used.
GONE = (Claim.State.BACK, Claim.State.OVER)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardStock:
    """
    How many of a reward members have or used (`had`), bought or as a gift; and how many of its `codes` are `given`.
    """

    had: int = 0
    codes: int = 0
    given: int = 0


def stock_of(*, rewards: Collection[Reward]) -> dict[int, RewardStock]:
    """Return it for each of these rewards. Two queries at most."""
    claims = Claim.objects.filter(reward__in=[reward.pk for reward in rewards]).exclude(state__in=GONE)
    had = dict(claims.order_by().values_list("reward_id").annotate(Count("pk")))
    listed = [reward.pk for reward in rewards if reward.kind == CODE]
    codes = RewardCode.objects.filter(reward__in=listed).order_by().values_list("reward_id") if listed else None
    counts = codes.annotate(Count("pk"), given=Count("pk", filter=~Q(claim=None))) if codes is not None else ()
    by_reward = {pk: (count, given) for pk, count, given in counts}
    found = {}
    for reward in rewards:
        count, given = by_reward.get(reward.pk, (0, 0))
        found[reward.pk] = RewardStock(had=had.get(reward.pk, 0), codes=count, given=given)
    return found
