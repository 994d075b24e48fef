"""Days of the year, as pure rules: which there are, and when somebody's is kept."""

from __future__ import annotations

from datetime import date

from loyalty_oscar.kernel import periods


def is_day(*, day: int, month: int) -> bool:
    """Return whether there is such a day in a year, 29 February included."""
    try:
        return bool(date(2024, month, day))
    except ValueError:
        return False


def birthday_in(*, year: int, day: int, month: int) -> date:
    """Return when a birthday is kept in a year: 29 February on the 28th where there is none."""
    return periods.add_months(day=date(2024, month, day), months=12 * (year - 2024))
