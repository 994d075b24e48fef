"""What members pay for a reward against what they get, and what is asked before that is far more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.rounding import fewest_points, worth_minor
from loyalty_oscar.program import money
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import worth_of
from loyalty_oscar.program.reward_worth import price_minor, taken_off
from loyalty_oscar.program.second_look import tick

from ..currencies import by_currency
from ..kinds import DELIVERY, OFF

#: Worth more than so many times its price, a reward is asked about.
FAR_MORE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardDeal:
    """
    What a reward's price is worth, and what the reward is, in minor units of a currency.

    `price` is None where it has none or nobody said what points are worth there, `value` where there is no limit to it.
    `usual` is what the program calls usual for a gift, None where nothing says it in that currency.
    """

    currency: str
    price: int | None
    value: int | None
    usual: int | None

    @classmethod
    def of(cls, *, program: Program, kind: str, params: Mapping[str, Any], price: int | None, cost: int) -> RewardDeals:
        """
        Return the deals of a reward by its kind and numbers, by currency: in the program's own, of which `cost` is, and
        in each other in which amounts are told.
        """
        found = {}
        for currency, there in by_currency(params=params, own=program.currency).items():
            off = taken_off(kind=kind, params=there, currency=currency)
            if off is None and price is None and _is_usual(program, kind, there):
                off = 0
            found[currency] = cls(
                currency=currency,
                price=price_minor(program=program, price=price, currency=currency),
                value=None if off is None else max(off, cost if currency == program.currency else 0),
                usual=_usual(program, currency),
            )
        return found

    def is_as_good(self, *, as_: RewardDeal) -> bool:
        """Return whether it costs the shop no more than another: it brings no less and gives no more."""
        gives = as_.value is None or (self.value is not None and self.value <= as_.value)
        return gives and (self.price is None or (as_.price is not None and self.price >= as_.price))


#: The deals of one reward by currency.
RewardDeals = dict[str, RewardDeal]


def _usual(program: Program, currency: str) -> int | None:
    """Return what is usual for a gift; in another currency what as many points are worth there as in the program's."""
    if currency == program.currency:
        return program.much_minor
    worths = worth_of(program_id=program.pk)
    own, other = worths.get(program.currency), worths.get(currency)
    if own is None or other is None:
        return None
    points = fewest_points(wanted=program.much_minor, per_points=own.points, minor=own.minor)
    return worth_minor(points=points, per_points=other.points, minor=other.minor)


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


def bad_deals(*, now: RewardDeals, before: RewardDeals) -> list[str]:
    """Return the questions about a reward that is worth far more than its price, and more than it was before."""
    asked = [text for currency, deal in now.items() for text in _bad(deal, before.get(currency))]
    return list(dict.fromkeys(asked))


def _bad(deal: RewardDeal, before: RewardDeal | None) -> list[str]:
    if before is not None and deal.is_as_good(as_=before):
        return []
    if deal.value is None:
        return [tick(pgettext("loyalty", "There is no limit to what one takes off."))]
    if deal.price is not None:
        if deal.value <= FAR_MORE * deal.price:
            return []
        text = pgettext("loyalty", "Members pay what is worth %(price)s, and get what is worth %(value)s.")
        told = {"value": deal.value, "price": deal.price}
    elif deal.usual is not None:
        if deal.value <= deal.usual:
            return []
        text = pgettext("loyalty", "One is worth %(value)s, more than the usual %(limit)s for a gift.")
        told = {"value": deal.value, "limit": deal.usual}
    elif deal.value:
        text = pgettext("loyalty", "One is worth %(value)s, and nothing says what is usual in that currency.")
        told = {"value": deal.value}
    else:
        return []
    return [tick(text % {name: money.in_words(minor=one, currency=deal.currency) for name, one in told.items()})]
