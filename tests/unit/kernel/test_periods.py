"""Days and months in the program's zone: month ends, leap days, changes of the clock, ends of years."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.periods import (
    add_months,
    after_days,
    daytime,
    end_of_day_after,
    end_of_month_after,
    fixed_date_after,
    last_day,
    local_day,
    start_of_day,
)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
#: Hours east of Greenwich at local midnight of a day, worked out from the rules of each zone.
MIDNIGHTS = [
    (date(2026, 1, 1), (0, 1, -5, 13)),
    (date(2026, 3, 1), (0, 1, -5, 13)),
    (date(2026, 3, 8), (0, 1, -5, 13)),
    (date(2026, 3, 9), (0, 1, -4, 13)),
    (date(2026, 3, 29), (0, 1, -4, 13)),
    (date(2026, 3, 30), (0, 2, -4, 13)),
    (date(2026, 4, 5), (0, 2, -4, 13)),
    (date(2026, 4, 6), (0, 2, -4, 12)),
    (date(2026, 7, 1), (0, 2, -4, 12)),
    (date(2026, 9, 27), (0, 2, -4, 12)),
    (date(2026, 9, 28), (0, 2, -4, 13)),
    (date(2026, 10, 25), (0, 2, -4, 13)),
    (date(2026, 10, 26), (0, 1, -4, 13)),
    (date(2026, 11, 1), (0, 1, -4, 13)),
    (date(2026, 11, 2), (0, 1, -5, 13)),
    (date(2028, 2, 29), (0, 1, -5, 13)),
    (date(2028, 12, 31), (0, 1, -5, 13)),
]
CASES = [(day, zone, east) for day, easts in MIDNIGHTS for zone, east in zip(ZONES, easts, strict=True)]
zones = st.sampled_from(ZONES)
instants = st.integers(946684800, 3786912000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


class TestADay:
    @pytest.mark.parametrize(("day", "zone", "east"), CASES)
    def test_begins_at_midnight_of_its_zone(self, day, zone, east):
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=east)
        assert start_of_day(day=day, zone=zone) == begins
        assert local_day(at=begins, zone=zone) == day
        assert local_day(at=begins - timedelta(microseconds=1), zone=zone) == day - timedelta(days=1)

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("Europe/Berlin", date(2026, 3, 29), 23),
            ("Europe/Berlin", date(2026, 10, 25), 25),
            ("America/New_York", date(2026, 3, 8), 23),
            ("America/New_York", date(2026, 11, 1), 25),
            ("Pacific/Auckland", date(2026, 4, 5), 25),
            ("Pacific/Auckland", date(2026, 9, 27), 23),
            ("UTC", date(2026, 3, 29), 24),
            # Here the clock jumps at midnight, so the day begins at one o'clock.
            ("Africa/Cairo", date(2026, 4, 24), 23),
        ],
    )
    def test_has_as_many_hours_as_its_zone_gives_it(self, zone, day, hours):
        ends = start_of_day(day=day + timedelta(days=1), zone=zone)
        assert ends - start_of_day(day=day, zone=zone) == timedelta(hours=hours)

    @given(instants, zones)
    def test_contains_its_instants(self, at, zone):
        day = local_day(at=at, zone=zone)
        assert start_of_day(day=day, zone=zone) <= at < start_of_day(day=day + timedelta(days=1), zone=zone)

    def test_of_waiting_is_24_hours_whatever_the_clock_does(self):
        at = datetime(2026, 3, 28, 12, tzinfo=UTC)
        assert after_days(at=at, days=14) - at == timedelta(hours=14 * 24)


class TestMonthsLater:
    @pytest.mark.parametrize(
        ("day", "months", "later"),
        [
            ("2026-01-31", 1, "2026-02-28"),
            ("2028-01-31", 1, "2028-02-29"),
            ("2027-12-31", 2, "2028-02-29"),
            ("2028-02-29", 12, "2029-02-28"),
            ("2028-02-29", 48, "2032-02-29"),
            ("2026-08-31", 1, "2026-09-30"),
            ("2026-12-15", 1, "2027-01-15"),
            ("2026-12-15", 12, "2027-12-15"),
            ("2026-05-05", 0, "2026-05-05"),
            ("2026-03-31", -1, "2026-02-28"),
            ("2026-01-15", -1, "2025-12-15"),
        ],
    )
    def test_is_the_same_day_or_the_months_last(self, day, months, later):
        assert add_months(day=date.fromisoformat(day), months=months) == date.fromisoformat(later)


class TestTheEndOfTheMonth:
    @pytest.mark.parametrize(
        ("at", "months", "zone", "end"),
        [
            ("2026-05-05T10:00", 12, "UTC", "2027-06-01T00:00"),
            ("2026-05-05T10:00", 12, "Europe/Berlin", "2027-05-31T22:00"),
            ("2026-05-05T10:00", 12, "America/New_York", "2027-06-01T04:00"),
            ("2026-05-05T10:00", 12, "Pacific/Auckland", "2027-05-31T12:00"),
            # The last minute of May in Greenwich is June already in Berlin, and still May in New York.
            ("2026-05-31T23:59", 12, "UTC", "2027-06-01T00:00"),
            ("2026-05-31T23:59", 12, "Europe/Berlin", "2027-06-30T22:00"),
            ("2026-05-31T23:59", 12, "America/New_York", "2027-06-01T04:00"),
            ("2026-05-31T11:59", 12, "Pacific/Auckland", "2027-05-31T12:00"),
            ("2026-05-31T12:00", 12, "Pacific/Auckland", "2027-06-30T12:00"),
            # February, with and without its leap day.
            ("2027-02-10T00:00", 12, "UTC", "2028-03-01T00:00"),
            ("2028-02-29T12:00", 12, "UTC", "2029-03-01T00:00"),
            ("2026-01-31T12:00", 1, "Europe/Berlin", "2026-02-28T23:00"),
            # Across a year, and with no month at all.
            ("2026-12-31T22:59", 0, "Europe/Berlin", "2026-12-31T23:00"),
            ("2026-12-31T23:00", 0, "Europe/Berlin", "2027-01-31T23:00"),
            ("2026-11-15T12:00", 1, "America/New_York", "2027-01-01T05:00"),
            # The month ends after the clock has changed.
            ("2026-10-01T12:00", 0, "Europe/Berlin", "2026-10-31T23:00"),
            ("2026-03-01T12:00", 0, "Europe/Berlin", "2026-03-31T22:00"),
        ],
    )
    def test_is_the_first_instant_of_the_next(self, at, months, zone, end):
        found = end_of_month_after(at=datetime.fromisoformat(f"{at}+00:00"), months=months, zone=zone)
        assert found == datetime.fromisoformat(f"{end}+00:00")

    @given(instants, st.integers(0, 60), zones)
    def test_is_never_sooner_than_the_months_promised(self, at, months, zone):
        end = end_of_month_after(at=at, months=months, zone=zone)
        promised = add_months(day=local_day(at=at, zone=zone), months=months)
        assert local_day(at=end, zone=zone) > promised
        assert local_day(at=end, zone=zone).day == 1
        assert last_day(expires_at=end, zone=zone).month == promised.month


class TestAFixedDate:
    @pytest.mark.parametrize(
        ("at", "month", "day", "zone", "last"),
        [
            ("2026-05-05T10:00", 12, 31, "UTC", "2026-12-31"),
            ("2026-12-30T10:00", 12, 31, "UTC", "2026-12-31"),
            ("2026-12-31T10:00", 12, 31, "UTC", "2027-12-31"),
            ("2026-12-30T23:30", 12, 31, "Europe/Berlin", "2027-12-31"),
            ("2026-12-31T23:30", 12, 31, "Europe/Berlin", "2027-12-31"),
            ("2027-01-01T03:00", 12, 31, "America/New_York", "2027-12-31"),
            ("2026-03-01T10:00", 2, 29, "UTC", "2027-02-28"),
            ("2027-03-01T10:00", 2, 29, "UTC", "2028-02-29"),
            ("2028-02-28T10:00", 2, 29, "UTC", "2028-02-29"),
        ],
    )
    def test_is_the_next_one_that_leaves_a_whole_day(self, at, month, day, zone, last):
        ends = fixed_date_after(at=datetime.fromisoformat(f"{at}+00:00"), month=month, day=day, zone=zone)
        assert last_day(expires_at=ends, zone=zone) == date.fromisoformat(last)
        assert ends == start_of_day(day=date.fromisoformat(last) + timedelta(days=1), zone=zone)


class TestTheLastDay:
    @pytest.mark.parametrize(("zone", "months"), list(product(ZONES, range(1, 13))))
    def test_is_the_last_of_the_month_where_points_run_out_with_it(self, zone, months):
        ends = end_of_month_after(at=datetime(2027, 6, 15, tzinfo=UTC), months=months, zone=zone)
        day = last_day(expires_at=ends, zone=zone)
        assert (day + timedelta(days=1)).day == 1
        assert day.month == (6 + months - 1) % 12 + 1


class TestTheEndOfADay:
    @pytest.mark.parametrize(
        ("zone", "at", "days", "ends"),
        [
            ("UTC", datetime(2026, 5, 6, 10, tzinfo=UTC), 30, datetime(2026, 6, 6, tzinfo=UTC)),
            ("UTC", datetime(2026, 5, 6, tzinfo=UTC), 30, datetime(2026, 6, 6, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 5, 6, 21, 59, tzinfo=UTC), 1, datetime(2026, 5, 7, 22, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 5, 6, 22, tzinfo=UTC), 1, datetime(2026, 5, 8, 22, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 3, 28, 10, tzinfo=UTC), 1, datetime(2026, 3, 29, 22, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 10, 24, 10, tzinfo=UTC), 1, datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ],
    )
    def test_is_that_of_the_zone_over_changes_of_the_clock_too(self, zone, at, days, ends):
        assert end_of_day_after(at=at, days=days, zone=zone) == ends

    @given(minutes=st.integers(0, 5_000_000), days=st.integers(0, 400), zone=st.sampled_from(ZONES))
    def test_is_never_sooner_than_its_days_nor_a_day_later(self, minutes, days, zone):
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        ends = end_of_day_after(at=at, days=days, zone=zone)
        over = after_days(at=at, days=days)
        assert over < ends <= over + timedelta(hours=25)
        assert last_day(expires_at=ends, zone=zone) == local_day(at=over, zone=zone)


class TestTheDaytime:
    @pytest.mark.parametrize(
        ("zone", "at", "first"),
        [
            ("UTC", datetime(2026, 5, 6, 8, tzinfo=UTC), datetime(2026, 5, 6, 8, tzinfo=UTC)),
            ("UTC", datetime(2026, 5, 6, 7, 59, tzinfo=UTC), datetime(2026, 5, 6, 8, tzinfo=UTC)),
            ("UTC", datetime(2026, 5, 6, 20, tzinfo=UTC), datetime(2026, 5, 7, 8, tzinfo=UTC)),
            ("America/New_York", datetime(2026, 5, 6, 2, tzinfo=UTC), datetime(2026, 5, 6, 12, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),
        ],
    )
    def test_begins_in_the_morning_of_the_zone(self, zone, at, first):
        assert daytime(at=at, zone=zone, hours=(8, 20)) == first

    @given(minutes=st.integers(0, 5_000_000), zone=st.sampled_from(ZONES))
    def test_is_never_over_and_never_more_than_a_night_away(self, minutes, zone):
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        found = daytime(at=at, zone=zone, hours=(8, 20))
        assert timedelta(0) <= found - at <= timedelta(hours=13)
        assert daytime(at=found, zone=zone, hours=(8, 20)) == found
        assert daytime(at=at, zone=zone, hours=(0, 24)) == at
