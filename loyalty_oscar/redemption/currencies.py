"""
The currencies of a reward: its amounts are the program's own, and beside them those that are told for others.

Nothing is converted. A reward that names amounts counts where they are told; one that names none (ten percent off, any
delivery) counts everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from loyalty_oscar.program.hooks import shop_currencies
from loyalty_oscar.program.models import PointWorth, Program, Reward
from loyalty_oscar.program.money import is_currency

from .kinds import is_for_baskets

#: The parameters that are amounts, in minor units; those in other currencies stand under `OTHERS`, by currency.
AMOUNTS = ("amount", "most", "least")
OTHERS = "currencies"


def by_currency(*, params: Mapping[str, Any], own: str) -> dict[str, Mapping[str, Any]]:
    """Return a reward's parameters for each currency in which amounts are told, the program's `own` first."""
    bare, others = {**params, **dict.fromkeys(AMOUNTS)}, params.get(OTHERS) or {}
    return {own: params, **{currency: {**bare, **row} for currency, row in others.items() if currency != own}}


def in_currency(*, params: Mapping[str, Any], currency: str, own: str) -> Mapping[str, Any] | None:
    """
    Return a reward's parameters with the amounts of a currency, None where it cannot be used there.

    `own` is the program's, in which it always can; a basket without goods has no currency ("") and stops nothing.
    """
    names_none = not params.get(OTHERS) and not any(params.get(name) for name in AMOUNTS)
    if names_none or currency in ("", own):
        return params
    return by_currency(params=params, own=own).get(currency)


def other_currencies(*, reward: Reward | None) -> list[str]:
    """
    Return the currencies beside the program's own in which a reward may have amounts: of the shop's prices, where
    people pay with them, of what points are worth, and of what stands there. Without a reward those of any program.
    """
    programs = Program.objects.all() if reward is None else Program.objects.filter(pk=reward.program_id)
    own = set(programs.values_list("currency", flat=True))
    found = {code for some in shop_currencies.answers() for code in some if is_currency(code=code)}
    found |= set(PointWorth.objects.filter(program__in=programs).values_list("currency", flat=True))
    found |= set(reward.params.get(OTHERS) or ()) if reward else set()
    return sorted(found - own if len(own) == 1 else found | own)


def closed_currencies(*, reward: Reward, currencies: Iterable[str]) -> list[str]:
    """Return those of these currencies in which a reward for baskets cannot be used."""
    if not is_for_baskets(kind=reward.kind):
        return []
    params, own = reward.params, reward.program.currency
    return [one for one in currencies if in_currency(params=params, currency=one, own=own) is None]
