"""What a reward is worth: what it takes off a basket, what it costs the shop, and what its price in points is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.rounding import worth_minor

from . import money
from .models import Program, Reward
from .queries import worth_of
from .registries import reward_kinds


def taken_off(*, kind: str, params: Mapping[str, Any], currency: str) -> int | None:
    """
    Return what a reward takes off a basket at most (minor units), 0 where it takes nothing off, None without a limit.

    A kind that does not say it, and one whose app has left, takes nothing off.
    """
    told = getattr(reward_kinds.get(kind), "takes_off", None) if kind in reward_kinds else None
    found: int | None = told(params=params, currency=currency) if told else 0
    return found


def price_minor(*, program: Program, price: int | None, currency: str = "") -> int | None:
    """Return what a price in points is worth, in the program's currency or another; None where nobody said it."""
    unit = program.unit_or_none
    if unit is not None and unit.is_money and currency in ("", program.currency):
        return price
    row = worth_of(program_id=program.pk).get(currency or program.currency)
    return worth_minor(points=price, per_points=row.points, minor=row.minor) if row and price else None


def reward_minor(*, reward: Reward) -> int:
    """Return what one is worth in minor units of the program's currency, as far as anybody can say; else 0."""
    program = reward.program
    off = taken_off(kind=reward.kind, params=reward.params, currency=program.currency)
    return max(reward.cost_minor, off or 0, price_minor(program=program, price=reward.price) or 0)


def reward_in_words(*, reward: Reward) -> str:
    """Return "Worth of “A grooming”: €12.00.", or nothing where nobody can say."""
    minor = reward_minor(reward=reward)
    if not minor:
        return ""
    told = {"reward": reward.name, "worth": money.in_words(minor=minor, currency=reward.program.currency)}
    return pgettext("loyalty", "Worth of “%(reward)s”: %(worth)s.") % told
