"""What members pay for a reward against what they get, and what is asked before that is far more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.reward_worth import price_minor, taken_off
from loyalty_oscar.program.second_look import tick

from ..kinds import DELIVERY, OFF

#: Worth more than so many times its price, a reward is asked about.
FAR_MORE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardDeal:
    """
    What a reward's price is worth, and what the reward is, in minor units of the program's currency.

    `price` is None where it has none or nobody said what points are worth, `value` where there is no limit to it.
    """

    price: int | None
    value: int | None

    @classmethod
    def of(cls, *, program: Program, kind: str, params: Mapping[str, Any], price: int | None, cost: int) -> RewardDeal:
        """Return the deal of a reward by its kind and numbers."""
        off = taken_off(kind=kind, params=params, currency=program.currency)
        if off is None and price is None and _is_usual(program, kind, params):
            off = 0
        value = None if off is None else max(off, cost)
        return cls(price=price_minor(program=program, price=price), value=value)

    def is_as_good(self, *, as_: RewardDeal) -> bool:
        """Return whether it costs the shop no more than another: it brings no less and gives no more."""
        gives = as_.value is None or (self.value is not None and self.value <= as_.value)
        return gives and (self.price is None or (as_.price is not None and self.price >= as_.price))


def _is_usual(program: Program, kind: str, params: Mapping[str, Any]) -> bool:
    """Return whether what has no limit is no lot as a gift: a delivery, and percent that may come back anyway."""
    return kind == DELIVERY or (kind == OFF and (params.get("percent") or 0) <= program.much_percent)


def dear_cost(*, program: Program, minor: int, before: int) -> list[str]:
    """Return the question about what one costs, where that is more than the program calls usual for a gift."""
    if minor <= max(before, program.much_minor):
        return []
    text = pgettext("loyalty", "One costs you %(cost)s, more than the usual %(limit)s for a gift.")
    told = {"cost": minor, "limit": program.much_minor}
    return [tick(text % {name: money.in_words(minor=one, currency=program.currency) for name, one in told.items()})]


def bad_deal(*, program: Program, deal: RewardDeal, before: RewardDeal | None) -> list[str]:
    """Return the question about a reward that is worth far more than its price, and more than it was before."""
    if before is not None and deal.is_as_good(as_=before):
        return []
    if deal.value is None:
        return [tick(pgettext("loyalty", "There is no limit to what one takes off."))]
    if deal.price is None:
        if deal.value <= program.much_minor:
            return []
        text = pgettext("loyalty", "One is worth %(value)s, more than the usual %(limit)s for a gift.")
        told = {"value": deal.value, "limit": program.much_minor}
    elif deal.value > FAR_MORE * deal.price:
        text = pgettext("loyalty", "Members pay what is worth %(price)s, and get what is worth %(value)s.")
        told = {"value": deal.value, "price": deal.price}
    else:
        return []
    return [tick(text % {name: money.in_words(minor=one, currency=program.currency) for name, one in told.items()})]
