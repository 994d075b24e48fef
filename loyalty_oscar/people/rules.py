"""Days of the year, as pure rules: which there are, and when somebody's is kept. And when somebody is late to buy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.rounding import half_up

#: From so many orders on somebody has a rhythm of their own: the median of so many of the last gaps.
LEAST_ORDERS, GAPS = 3, 12
#: Between so many days after the last order the next one is missed, whatever the rhythm says.
SOONEST, LATEST = 30, 400


def is_day(*, day: int, month: int) -> bool:
    """Return whether there is such a day in a year, 29 February included."""
    try:
        return bool(date(2024, month, day))
    except ValueError:
        return False


def birthday_in(*, year: int, day: int, month: int) -> date:
    """Return when a birthday is kept in a year: 29 February on the 28th where there is none."""
    return periods.add_months(day=date(2024, month, day), months=12 * (year - 2024))


def usual_gap(*, placed: Sequence[datetime]) -> Fraction | None:
    """
    Return the median of the last twelve gaps between orders (oldest first), in days; None for fewer than three orders.

    A gap is counted in whole days, so the median is whole or a half.
    """
    if len(placed) < LEAST_ORDERS:
        return None
    last = placed[-GAPS - 1 :]
    return median(counts=Counter(_days(after - before) for before, after in pairwise(last)))


def median(*, counts: Mapping[int, int]) -> Fraction | None:
    """Return the median of numbers, each with how often it is there; None where there is none."""
    total = sum(counts.values())
    if not total:
        return None
    middle = {(total - 1) // 2, total // 2}
    found, passed = list[int](), 0
    for number, times in sorted(counts.items()):
        found += [number for place in middle if passed <= place < passed + times]
        passed += times
    return Fraction(sum(found), len(found))


def patience(*, gap: Fraction) -> timedelta:
    """Return how long after the last order the next one is missed: one and a half times the usual gap (days)."""
    hours = min(max(36 * gap, Fraction(24 * SOONEST)), Fraction(24 * LATEST))
    return timedelta(hours=int(hours))


def _days(gap: timedelta) -> int:
    return half_up(exact=Fraction(gap // timedelta(seconds=1), 86400))


def birthdays_within(*, first: date, days: int) -> frozenset[tuple[int, int]]:
    """Return the birthdays (month, day) that are kept on a day or within the next `days`, 29 February among them."""
    ahead = [first + timedelta(days=number) for number in range(days + 1)]
    kept = {(day.month, day.day) for day in ahead}
    leap = {(2, 29) for day in ahead if day == birthday_in(year=day.year, day=29, month=2)}
    return frozenset(kept | leap)
