"""
What of a sale is revenue now, and what is owed until its points are used (IFRS 15, 74 and B39 to B43). Pure.

Goods and points are sold together; what was paid is divided by what each is worth alone: the goods by their price, the
points by what they buy and the part of them that is expected to be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from loyalty_oscar.kernel.rounding import half_up


@dataclass(frozen=True, slots=True)
class Split:
    """What of a price (minor units) is `revenue` now, and what is `deferred` until the points are used or run out."""

    revenue: int
    deferred: int


def split(*, paid: int, points: int, worth: Fraction, used: Fraction) -> Split:
    """
    Divide what was paid for goods (minor units, not negative) that brought points, to the minor unit.

    `worth` is what one point buys (minor units), `used` the part of them that is expected to be used (0 to 1). Revenue
    is rounded half up, and the rest is deferred, so that both are what was paid.
    """
    alone = max(0, points) * worth * used
    revenue = half_up(exact=paid * paid / (paid + alone)) if paid else 0
    return Split(revenue=revenue, deferred=paid - revenue)
