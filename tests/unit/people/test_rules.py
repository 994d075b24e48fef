"""Days of the year: which there are, and when a birthday is kept."""

from datetime import date

import pytest

from loyalty_oscar.people.rules import birthday_in, is_day


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
