"""A price so many percent lower, whatever class of Oscar's it is: rounded once, with tax where the shop knows it."""

from __future__ import annotations

import copy
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program.money import exponent, to_minor


def lowered(*, price: Any, percent: int) -> Any:
    """
    Return a copy of a price that is `percent` lower; `loyalty_before` on it is the price without.

    What the customer sees is rounded half up to whole minor units; the part without tax keeps its share of it.
    """
    found, decimals = copy.copy(price), exponent(currency=price.currency)
    seen = price.incl_tax if price.is_tax_known else price.excl_tax
    minor = to_minor(amount=Decimal(seen) * (100 - percent) / 100, currency=price.currency)
    now = to_major(minor=minor, exponent=decimals)
    if price.is_tax_known:
        share = Decimal(price.excl_tax) / Decimal(price.incl_tax) if price.incl_tax else Decimal(1)
        found.excl_tax = (now * share).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        found.tax = now - found.excl_tax
    else:
        found.excl_tax = now
    found.loyalty_before = getattr(price, "loyalty_before", price)
    return found
