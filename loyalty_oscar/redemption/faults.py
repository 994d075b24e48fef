"""What is wrong with a reward that is in force: nobody can have it, or there are too many to choose from."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import clock, money
from loyalty_oscar.program.hooks import level_counts
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Reward

from .currencies import closed_currencies, other_currencies
from .kinds import CODE
from .stock import RewardStock

#: More rewards for points than these are hard to choose from.
MANY = 5


def count_on_level(*, program_id: int, rank: int) -> int:
    """Return how many members stand on a level or higher."""
    counts = level_counts.answers(program_id=program_id)
    return sum(number for one in counts for found, number in one.items() if found >= rank)


def reach(*, reward: Reward) -> str:
    """Return "Nobody below Gold can have it; 12 members stand high enough.", or nothing where everybody can."""
    level = levels(program_id=reward.program_id).get(reward.rank)
    if not reward.rank or level is None:
        return ""
    count = count_on_level(program_id=reward.program_id, rank=reward.rank)
    text = npgettext(
        "loyalty",
        "Nobody below %(level)s can have it; %(count)s member stands high enough.",
        "Nobody below %(level)s can have it; %(count)s members stand high enough.",
        count,
    )
    return text % {"level": level, "count": money.number(count)}


def reward_warnings(*, reward: Reward, stock: RewardStock) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with a reward that is switched on."""
    if not reward.is_on:
        return
    called = levels(program_id=reward.program_id)
    if reward.rank and reward.rank not in called:
        yield pgettext("loyalty", "Its level is not there any more, so nobody can have it. Choose another level.")
    elif reward.rank and not count_on_level(program_id=reward.program_id, rank=reward.rank):
        text = pgettext("loyalty", "Nobody stands on level %(level)s or higher yet, so nobody can have it.")
        yield text % {"level": called[reward.rank]}
    if reward.kind == CODE and stock.given >= stock.codes:
        yield pgettext("loyalty", "No code is left, so nobody can have it. Add codes below.")
    if closed := closed_currencies(reward=reward, currencies=other_currencies(reward=reward)):
        text = pgettext("loyalty", "It can’t be used in a basket of %(currencies)s, for which it has no amount.")
        yield text % {"currencies": ", ".join(closed)}
    at = clock.now()
    priced = (
        Reward.objects.filter(program=reward.program_id, is_on=True, price__isnull=False)
        .filter(Q(starts_at=None) | Q(starts_at__lte=at), Q(ends_at=None) | Q(ends_at__gt=at))
        .count()
    )
    if reward.price is not None and priced > MANY:
        text = pgettext(
            "loyalty", "There are %(count)s rewards in the catalogue. More than %(most)s are hard to choose from."
        )
        yield text % {"count": money.number(priced), "most": money.number(MANY)}
