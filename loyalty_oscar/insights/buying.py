"""
Who buys, who stays and who comes back, from the orders of a shop. Pure.

A period is days of the program's time zone, its end exclusive. Customers at a date are those with a paid order in the
`window` days before it; acquired are those whose first order of all lies in the period.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import groupby

from loyalty_oscar.kernel.periods import local_day

#: An order that was paid and kept: its buyer, when it was placed, and what was paid for what is left (minor units).
Row = tuple[str, datetime, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuyingPeriod:
    """
    The days from `first` on and before `until`; who bought in the `window` days before a date is a customer then.

    A window that is shorter than the period loses those who were acquired early in it, and retention falls below kept.
    """

    first: date
    until: date
    window: int


@dataclass(kw_only=True, slots=True)
class Buying:
    """
    What was bought in a period, and by whom. Money is minor units.

    Customers at its `start` and `end`, those `acquired` in it, those `kept`: customers at both; and those `won_back`:
    customers at the end who were none at the start, though they had bought before it. In it, `buyers` had an order,
    `repeaters` two or more, for `turnover` together, `existing` of it by buyers that were not acquired in it.
    """

    start: int = 0
    end: int = 0
    acquired: int = 0
    kept: int = 0
    won_back: int = 0
    buyers: int = 0
    repeaters: int = 0
    turnover: int = 0
    existing: int = 0

    @property
    def retention(self) -> Fraction | None:
        """Customers at the end without those acquired, of those at the start: can pass 1. None without a start."""
        return _share(self.end - self.acquired, self.start)

    @property
    def kept_share(self) -> Fraction | None:
        """The part of the customers at the start who are still there. None without a start."""
        return _share(self.kept, self.start)

    @property
    def won_back_share(self) -> Fraction | None:
        """
        Those won back, of the customers at the start: what retention has beside those kept, where none was acquired and
        lost. None without a start.
        """
        return _share(self.won_back, self.start)

    @property
    def repeat_rate(self) -> Fraction | None:
        """The part of the buyers who had two orders or more. None without buyers."""
        return _share(self.repeaters, self.buyers)

    @property
    def existing_share(self) -> Fraction | None:
        """The part of the turnover that those brought who had bought before. None without turnover."""
        return _share(self.existing, self.turnover)


@dataclass(kw_only=True, slots=True)
class CohortMonth:
    """What the customers whose first order lies in one month bought in one month: how many did, for how much."""

    buyers: int = 0
    turnover: int = 0


def count(*, rows: Iterable[Row], spans: Sequence[BuyingPeriod], zone: str) -> list[Buying]:
    """
    Return what was bought in each period, in one pass over the orders of all times.

    Rows come sorted by buyer, and those of a buyer by when they were placed.
    """
    found = [Buying() for _span in spans]
    for orders in _by_buyer(rows, zone):
        days = [day for day, _paid in orders]
        for span, buying in zip(spans, found, strict=True):
            _add(buying, span, days, orders)
    return found


def cohorts(*, rows: Iterable[Row], zone: str) -> dict[tuple[date, int], CohortMonth]:
    """
    Return what was bought by the month of the first order (its first day) and the months since (0, 1, …).

    Rows come sorted as for `count`. Months in which a cohort bought nothing are left out.
    """
    found: dict[tuple[date, int], CohortMonth] = {}
    for orders in _by_buyer(rows, zone):
        first = date.fromordinal(orders[0][0]).replace(day=1)
        for age, some in groupby(orders, key=lambda order: months_since(first=first, day=date.fromordinal(order[0]))):
            cell = found.setdefault((first, age), CohortMonth())
            cell.buyers += 1
            cell.turnover += sum(paid for _day, paid in some)
    return found


def _by_buyer(rows: Iterable[Row], zone: str) -> Iterator[list[tuple[int, int]]]:
    """Yield the orders of each buyer: the number of the day (`date.toordinal`), and what was paid."""
    for _buyer, some in groupby(rows, key=lambda row: row[0]):
        yield [(local_day(at=placed_at, zone=zone).toordinal(), paid) for _who, placed_at, paid in some]


def _add(buying: Buying, span: BuyingPeriod, days: Sequence[int], orders: Sequence[tuple[int, int]]) -> None:
    first, until = span.first.toordinal(), span.until.toordinal()
    since, upto = bisect_left(days, first), bisect_left(days, until)
    at_start = since > 0 and days[since - 1] >= first - span.window
    at_end = upto > 0 and days[upto - 1] >= until - span.window
    is_new = since == 0 and upto > 0
    turnover = sum(paid for _day, paid in orders[since:upto])
    buying.start += at_start
    buying.end += at_end
    buying.acquired += is_new
    buying.kept += at_start and at_end
    buying.won_back += at_end and not at_start and not is_new
    buying.buyers += upto > since
    buying.repeaters += upto - since > 1
    buying.turnover += turnover
    buying.existing += 0 if is_new else turnover


def months_since(*, first: date, day: date) -> int:
    """Return how many months the month of a day comes after that of an earlier one; below 0 before it."""
    return 12 * (day.year - first.year) + day.month - first.month


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None
