"""Days of the year: which there are, and when a birthday is kept. And when somebody is late to buy."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import accumulate

import pytest

from loyalty_oscar.people.rules import birthday_in, birthdays_within, is_day, median, patience, usual_gap


class TestABirthday:
    @pytest.mark.parametrize("year", range(2024, 2033))
    def test_on_29_february_is_kept_on_the_28th_where_there_is_none(self, year):
        kept = date(year, 2, 29) if year in (2024, 2028, 2032) else date(year, 2, 28)

        assert birthday_in(year=year, day=29, month=2) == kept

    @pytest.mark.parametrize("year", [1900, 2000, 2100])
    def test_follows_the_calendar_of_centuries(self, year):
        assert birthday_in(year=year, day=29, month=2).day == (29 if year == 2000 else 28)

    @pytest.mark.parametrize(("day", "month"), [(30, 2), (31, 4), (0, 1), (1, 0), (1, 13), (32, 1)])
    def test_is_no_day_that_no_year_has(self, day, month):
        assert not is_day(day=day, month=month)

    @pytest.mark.parametrize(("day", "month"), [(29, 2), (31, 12), (1, 1), (30, 4)])
    def test_is_any_day_of_a_leap_year(self, day, month):
        assert is_day(day=day, month=month)

    @pytest.mark.parametrize("year", range(2024, 2033))
    def test_is_kept_within_a_year_on_every_day_that_there_is(self, year):
        kept = birthdays_within(first=date(year, 3, 1), days=365)
        assert len(kept) == 366

    @pytest.mark.parametrize(
        ("first", "days", "kept"),
        [
            (date(2026, 2, 27), 0, {(2, 27)}), (date(2026, 2, 28), 0, {(2, 28), (2, 29)}),
            (date(2026, 3, 1), 0, {(3, 1)}), (date(2028, 2, 28), 0, {(2, 28)}), (date(2028, 2, 29), 0, {(2, 29)}),
            (date(2026, 12, 31), 1, {(12, 31), (1, 1)}),
        ],
    )  # fmt: skip
    def test_is_soon_with_29_february_on_the_28th_where_there_is_none(self, first, days, kept):
        assert birthdays_within(first=first, days=days) == kept


def days(*gaps, first=datetime(2026, 1, 1, 12, tzinfo=UTC)):
    """Orders so many days apart."""
    return list(accumulate((timedelta(days=gap) for gap in gaps), initial=first))


class TestTheUsualGap:
    @pytest.mark.parametrize(
        ("gaps", "usual"),
        [
            ((), None), ((30,), None), ((30, 32), 31), ((30, 33), Fraction(63, 2)), ((30, 32, 28), 30), ((0, 0, 9), 0),
            ((1,) * 12, 1), ((100, *[1] * 12), 1), ((100,) * 5 + (1,) * 7, 1),
            ((100,) * 7 + (1,) * 6, Fraction(101, 2)), ((1,) * 7 + (100,) * 6, Fraction(101, 2)),
        ],
    )  # fmt: skip
    def test_is_the_median_of_the_last_twelve(self, gaps, usual):
        assert usual_gap(placed=days(*gaps)) == usual

    @pytest.mark.parametrize(("hours", "gap"), [(11, 30), (12, 31), (-12, 30), (-13, 29)])
    def test_counts_whole_days(self, hours, gap):
        first = datetime(2026, 1, 1, 12, tzinfo=UTC)
        placed = [first, first + timedelta(days=30, hours=hours), first + 2 * timedelta(days=30, hours=hours)]
        assert usual_gap(placed=placed) == gap

    def test_of_nobody_is_none(self):
        assert median(counts={}) is None
        assert median(counts={3: 1, 9: 1, 4: 2}) == 4


class TestPatience:
    @pytest.mark.parametrize(
        ("gap", "hours"),
        [
            (0, 30 * 24), (20, 30 * 24), (Fraction(41, 2), 30 * 24 + 18), (30, 45 * 24), (31, 46 * 24 + 12),
            (266, 399 * 24), (267, 400 * 24), (900, 400 * 24),
        ],
    )  # fmt: skip
    def test_is_one_and_a_half_times_the_gap_within_limits(self, gap, hours):
        assert patience(gap=Fraction(gap)) == timedelta(hours=hours)

    def test_with_gaps_of_30_32_and_28_days_ends_on_day_46(self):
        placed = days(30, 32, 28)
        end = placed[-1] + patience(gap=usual_gap(placed=placed))
        night = datetime(2026, 4, 1, tzinfo=UTC)  # Of the day of the last order, at noon.
        assert [end <= night + timedelta(days=n) for n in (44, 45, 46)] == [False, False, True]
