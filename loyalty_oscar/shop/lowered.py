"""A price so many percent lower, whatever class of Oscar's it is: rounded once, with tax where the shop knows it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program.money import exponent, to_minor


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """
    Why a price is lower, for those who show it: `kind` ("tier", "sale"), `percent` off the price without, since when.
    """

    kind: str
    percent: int
    starts_at: datetime


def lower_of(*, price: Any, cut: Cut) -> Any:
    """
    Return the lower of a price and what this cut makes of the price without any: cuts do not add up.

    `loyalty_cut` on the price says which one counted.
    """
    found = lowered(price=getattr(price, "loyalty_before", price), percent=cut.percent)
    if seen_of(price=found) >= seen_of(price=price):
        return price
    found.loyalty_cut = cut
    return found


def seen_of(*, price: Any) -> Any:
    """Return the amount that customers see: with tax where the shop knows it."""
    return price.incl_tax if price.is_tax_known else price.excl_tax


def lowered(*, price: Any, percent: int) -> Any:
    """
    Return a copy of a price that is `percent` lower; `loyalty_before` on it is the price without.

    What the customer sees is rounded half up to whole minor units; the part without tax keeps its share of it.
    """
    found, decimals = copy.copy(price), exponent(currency=price.currency)
    minor = to_minor(amount=Decimal(seen_of(price=price)) * (100 - percent) / 100, currency=price.currency)
    now = to_major(minor=minor, exponent=decimals)
    if price.is_tax_known:
        share = Decimal(price.excl_tax) / Decimal(price.incl_tax) if price.incl_tax else Decimal(1)
        found.excl_tax = (now * share).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        found.tax = now - found.excl_tax
    else:
        found.excl_tax = now
    found.loyalty_before = getattr(price, "loyalty_before", price)
    return found
