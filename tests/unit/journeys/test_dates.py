"""The days of campaigns by table: leap days, both clock changes, ends of months and years, midnights, other zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty_oscar.journeys.occasions import (
    LATE_DAYS,
    chance,
    days_between,
    due_after,
    is_held_out,
    look_back,
    moment_of,
    months_before,
    pairs_on,
    years_before,
)

BERLIN, NEW_YORK, AUCKLAND, KATHMANDU = "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu"
ZONES = pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, AUCKLAND, KATHMANDU, "UTC"])


def local(zone, *moment):
    """An instant in UTC, told by the clock of a zone."""
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)


class TestADelay:
    @pytest.mark.parametrize(
        ("zone", "start", "days", "end"),
        [
            (BERLIN, (2026, 5, 6, 10), 0, (2026, 5, 6, 10)),
            (BERLIN, (2026, 5, 6, 10), 1, (2026, 5, 7, 10)),
            (BERLIN, (2026, 3, 28, 10), 1, (2026, 3, 29, 10)),  # The clock is put forward in that night.
            (BERLIN, (2026, 3, 28, 2, 30), 1, (2026, 3, 29, 3, 30)),  # There is no half past two.
            (BERLIN, (2026, 10, 24, 10), 1, (2026, 10, 25, 10)),  # And back.
            (BERLIN, (2026, 10, 24, 23, 59), 7, (2026, 10, 31, 23, 59)),
            (BERLIN, (2026, 12, 25, 18), 10, (2027, 1, 4, 18)),
            (BERLIN, (2027, 12, 31, 23, 59), 1, (2028, 1, 1, 23, 59)),
            (BERLIN, (2027, 2, 27, 8), 2, (2027, 3, 1, 8)),
            (BERLIN, (2028, 2, 27, 8), 2, (2028, 2, 29, 8)),
            (BERLIN, (2028, 2, 29, 8), 366, (2029, 3, 1, 8)),
            (BERLIN, (2026, 5, 6, 0, 0), 12, (2026, 5, 18, 0, 0)),
            (NEW_YORK, (2026, 3, 7, 10), 1, (2026, 3, 8, 10)),
            (NEW_YORK, (2026, 3, 7, 2, 30), 1, (2026, 3, 8, 3, 30)),
            (NEW_YORK, (2026, 10, 31, 10), 1, (2026, 11, 1, 10)),
            (NEW_YORK, (2026, 12, 31, 0, 0), 1, (2027, 1, 1, 0, 0)),
            (AUCKLAND, (2026, 4, 4, 10), 1, (2026, 4, 5, 10)),
            (AUCKLAND, (2026, 9, 26, 10), 1, (2026, 9, 27, 10)),
            (KATHMANDU, (2026, 2, 28, 0, 15), 1, (2026, 3, 1, 0, 15)),
            ("UTC", (2026, 10, 24, 10), 30, (2026, 11, 23, 10)),
        ],
    )
    def test_ends_at_the_same_time_of_the_clock_on_the_wall(self, zone, start, days, end):
        assert due_after(at=local(zone, *start), days=days, zone=zone) == local(zone, *end)

    @pytest.mark.parametrize(("zone", "hours"), [(BERLIN, 23), (NEW_YORK, 24), (AUCKLAND, 24)])
    def test_counts_by_the_zone_of_the_program_and_not_by_that_of_anybody_else(self, zone, hours):
        start = local(BERLIN, 2026, 3, 28, 10)
        assert due_after(at=start, days=1, zone=zone) - start == timedelta(hours=hours)


class TestTheDaysOnWhichSomethingMayStillCome:
    @ZONES
    @pytest.mark.parametrize(
        "at",
        [
            (2026, 5, 6, 0, 0),
            (2026, 5, 6, 23, 59),
            (2026, 3, 29, 0, 30),
            (2026, 4, 1, 0, 30),
            (2026, 10, 25, 0, 30),
            (2026, 10, 28, 0, 30),
            (2027, 1, 1, 0, 0),
            (2028, 3, 1, 0, 0),
        ],
    )
    def test_are_seven_with_today_as_the_last(self, zone, at):
        at = local(zone, *at)
        days = list(days_between(since=look_back(at=at, zone=zone), until=at, zone=zone))
        today = at.astimezone(ZoneInfo(zone)).date()
        assert days == [today - timedelta(days=late) for late in reversed(range(LATE_DAYS))]

    @pytest.mark.parametrize(
        ("since", "until", "days"),
        [
            ((2026, 5, 6, 0, 0), (2026, 5, 6, 0, 0), [date(2026, 5, 6)]),
            ((2026, 5, 6, 0, 1), (2026, 5, 6, 23, 59), []),
            ((2026, 5, 6, 0, 1), (2026, 5, 7, 0, 0), [date(2026, 5, 7)]),
            ((2026, 12, 31, 0, 0), (2027, 1, 1, 12), [date(2026, 12, 31), date(2027, 1, 1)]),
            ((2028, 2, 28, 12), (2028, 3, 1, 0, 0), [date(2028, 2, 29), date(2028, 3, 1)]),
            ((2027, 2, 28, 12), (2027, 3, 1, 0, 0), [date(2027, 3, 1)]),
            ((2026, 3, 28, 12), (2026, 3, 29, 12), [date(2026, 3, 29)]),
            ((2026, 10, 24, 12), (2026, 10, 25, 12), [date(2026, 10, 25)]),
        ],
    )
    def test_begin_between_two_moments(self, since, until, days):
        found = days_between(since=local(BERLIN, *since), until=local(BERLIN, *until), zone=BERLIN)
        assert list(found) == days

    @pytest.mark.parametrize(
        ("zone", "days"), [(BERLIN, [date(2026, 5, 7)]), (NEW_YORK, []), (AUCKLAND, [date(2026, 5, 7)])]
    )
    def test_are_those_of_the_programs_zone_wherever_a_member_has_moved(self, zone, days):
        """2026-05-06 10:00 UTC until 2026-05-07 00:00 UTC: midnight in Auckland and Berlin, evening in New York."""
        since, until = datetime(2026, 5, 6, 10, tzinfo=UTC), datetime(2026, 5, 7, 0, tzinfo=UTC)
        assert list(days_between(since=since, until=until, zone=zone)) == days


class TestAnAnniversary:
    @pytest.mark.parametrize(
        ("day", "first", "kept"),
        [
            (date(2026, 5, 6), date(2024, 1, 1), [date(2024, 5, 6), date(2025, 5, 6)]),
            (date(2026, 5, 6), date(2025, 5, 6), [date(2025, 5, 6)]),
            (date(2026, 5, 6), date(2025, 5, 7), []),
            (date(2026, 5, 6), date(2026, 5, 6), []),
            (date(2026, 5, 6), date(2026, 1, 1), []),
            (date(2027, 2, 28), date(2023, 1, 1), [
                date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28),
            ]),
            (date(2028, 2, 28), date(2024, 1, 1), [
                date(2024, 2, 28), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28),
            ]),
            (date(2028, 2, 29), date(2023, 1, 1), [date(2024, 2, 29)]),
            (date(2028, 3, 1), date(2027, 1, 1), [date(2027, 3, 1)]),
            (date(2025, 2, 28), date(2024, 2, 29), [date(2024, 2, 29)]),
            (date(2026, 12, 31), date(2024, 12, 31), [date(2024, 12, 31), date(2025, 12, 31)]),
            (date(2027, 1, 1), date(2026, 1, 1), [date(2026, 1, 1)]),
        ],
    )  # fmt: skip
    def test_is_kept_of_these_days(self, day, first, kept):
        assert years_before(day=day, first=first) == kept

    @pytest.mark.parametrize("joined", [date(2024, 2, 29), date(2024, 2, 28), date(2025, 12, 31), date(2025, 1, 1)])
    def test_comes_once_in_every_year(self, joined):
        days = (date(2026, 1, 1) + timedelta(days=offset) for offset in range(2922))
        assert [day.year for day in days if joined in years_before(day=day, first=joined)] == [*range(2026, 2034)]


class TestSoManyMonthsBefore:
    @pytest.mark.parametrize(
        ("day", "months", "found"),
        [
            (date(2026, 5, 6), 24, [date(2024, 5, 6)]),
            (date(2026, 2, 28), 1, [date(2026, 1, 28), date(2026, 1, 29), date(2026, 1, 30), date(2026, 1, 31)]),
            (date(2028, 2, 29), 1, [date(2028, 1, 29), date(2028, 1, 30), date(2028, 1, 31)]),
            (date(2028, 2, 28), 1, [date(2028, 1, 28)]),
            (date(2026, 4, 30), 1, [date(2026, 3, 30), date(2026, 3, 31)]),
            (date(2026, 3, 31), 1, []),
            (date(2026, 3, 30), 1, []),
            (date(2026, 3, 28), 1, [date(2026, 2, 28)]),
            (date(2026, 2, 28), 24, [date(2024, 2, 28), date(2024, 2, 29)]),
            (date(2028, 2, 29), 24, []),
            (date(2027, 1, 31), 1, [date(2026, 12, 31)]),
            (date(2027, 1, 1), 12, [date(2026, 1, 1)]),
        ],
    )
    def test_are_these_days(self, day, months, found):
        assert months_before(day=day, months=months) == found

    @pytest.mark.parametrize("months", [1, 3, 6, 12, 23, 24, 36])
    def test_every_day_has_one_on_which_it_ends(self, months):
        placed = [date(2024, 1, 1) + timedelta(days=offset) for offset in range(366)]
        ends = [date(2024, 1, 1) + timedelta(days=offset) for offset in range(366 + 31 * (months + 1))]
        found = [one for day in ends for one in months_before(day=day, months=months)]
        assert [found.count(day) for day in placed] == [1] * len(placed)


class TestTheMomentByWhichACampaignHasBegun:
    @pytest.mark.parametrize(
        ("due", "at", "expected"),
        [
            ((2026, 5, 6, 0, 0), (2026, 5, 6, 15), (2026, 5, 6, 15)),
            ((2026, 5, 6, 0, 0), (2026, 5, 8, 15), (2026, 5, 6, 23, 59, 59, 999999)),
            ((2026, 3, 29, 0, 0), (2026, 4, 1, 0, 0), (2026, 3, 29, 23, 59, 59, 999999)),
            ((2026, 10, 25, 0, 0), (2026, 11, 1, 0, 0), (2026, 10, 25, 23, 59, 59, 999999)),
            ((2026, 12, 31, 0, 0), (2027, 1, 3, 0, 0), (2026, 12, 31, 23, 59, 59, 999999)),
        ],
    )
    def test_is_now_or_the_end_of_the_day(self, due, at, expected):
        found = moment_of(due_at=local(BERLIN, *due), at=local(BERLIN, *at), zone=BERLIN)
        assert found == local(BERLIN, *expected)


class TestADay:
    @pytest.mark.parametrize(
        ("day", "pairs"),
        [
            (date(2026, 2, 28), [(28, 2), (29, 2)]),
            (date(2028, 2, 28), [(28, 2)]),
            (date(2028, 2, 29), [(29, 2)]),
            (date(2026, 3, 1), [(1, 3)]),
            (date(2026, 12, 31), [(31, 12)]),
            (date(2100, 2, 28), [(28, 2), (29, 2)]),
            (date(2000, 2, 28), [(28, 2)]),
        ],
    )
    def test_is_kept_by_these(self, day, pairs):
        assert pairs_on(day=day) == pairs


class TestWhoGetsNoSurprises:
    MEMBERS = range(10_000)

    def out(self, percent, salt="a"):
        return {pk for pk in self.MEMBERS if is_held_out(salt=salt, member_id=pk, percent=percent)}

    @pytest.mark.parametrize("percent", [0, 1, 5, 10, 20, 50])
    def test_are_about_so_many(self, percent):
        assert abs(len(self.out(percent)) - percent * 100) < 200

    def test_are_the_same_for_life_and_of_more_percent_a_part(self):
        assert self.out(10) == self.out(10)
        assert self.out(5) < self.out(10) < self.out(20)

    def test_are_others_in_another_program(self):
        assert len(self.out(10) & self.out(10, salt="b")) < 200

    def test_are_drawn_alike_on_every_machine(self):
        assert chance(salt="a", about="holdout:1") == 7610008515542425124
