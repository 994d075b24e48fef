"""Birthdays that are due by table (time zones, leap days, year ends), code words, and what counts once."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty_oscar.journeys.occasions import LATE_DAYS, days_between, fold, in_time, look_back, pairs_on, source_of
from loyalty_oscar.kernel.errors import LoyaltyError

ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Auckland", "UTC")


def local(zone, *moment):
    """An instant in UTC, told by the clock of a zone."""
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days_of(*, at, zone):
    """The days whose birthdays are due, by their pairs."""
    return {pair: kept for kept in days_due(at=at, zone=zone) for pair in pairs_on(day=kept)}


def days_due(*, at, zone):
    """The days on which something may come late at a moment."""
    return list(days_between(since=look_back(at=at, zone=zone), until=at, zone=zone))


class Dates:
    """A campaign that has dates and nothing else."""

    def __init__(self, starts_at=None, ends_at=None):
        self.starts_at, self.ends_at = starts_at, ends_at


class TestABirthday:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("month", "day"), [(1, 1), (12, 31), (2, 28), (3, 1), (3, 29), (10, 25), (3, 8), (11, 1), (4, 5), (9, 27)]
    )
    def test_begins_and_ends_at_midnight_in_the_programs_zone(self, zone, month, day):
        first = local(zone, 2026, month, day)
        last = datetime.combine(date(2026, month, day) + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
        second = timedelta(seconds=1)

        assert (day, month) not in days_of(at=first - second, zone=zone)
        assert days_of(at=first, zone=zone)[day, month] == date(2026, month, day)
        assert days_of(at=last.astimezone(UTC) - second, zone=zone)[day, month] == date(2026, month, day)

    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize("year", [2024, 2026, 2028, 2031])
    def test_of_the_last_night_of_the_year_belongs_to_the_old_one(self, zone, year):
        at = local(zone, year + 1, 1, 1, 0, 30)

        assert days_of(at=at, zone=zone)[31, 12] == date(year, 12, 31)
        assert days_of(at=at, zone=zone)[1, 1] == date(year + 1, 1, 1)

    @pytest.mark.parametrize("zone", ZONES)
    def test_is_due_on_exactly_seven_days_however_late_the_job_is(self, zone):
        due = [
            offset
            for offset in range(-3, 12)
            if (5, 6) in days_of(at=local(zone, 2026, 6, 5, 12) + timedelta(days=offset), zone=zone)
        ]

        assert due == [*range(LATE_DAYS)]

    @pytest.mark.parametrize(("year", "pairs"), [(2027, {(28, 2), (29, 2)}), (2028, {(28, 2)})])
    def test_on_the_28th_of_february_brings_those_of_the_29th_along_where_there_is_none(self, year, pairs):
        *_before, kept = days_due(at=local("UTC", year, 2, 28, 9), zone="UTC")

        assert kept == date(year, 2, 28)
        assert set(pairs_on(day=kept)) == pairs

    def test_is_found_once_in_every_window(self):
        for offset in range(366 * 4):
            at = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=offset)
            pairs = [pair for kept in days_due(at=at, zone="UTC") for pair in pairs_on(day=kept)]
            assert len(pairs) == len(set(pairs)) >= LATE_DAYS


class TestACampaign:
    NOW = datetime(2026, 5, 6, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("starts", "ends", "expected"),
        [
            (None, None, True),
            (0, None, True),
            (1, None, False),
            (None, 1, True),
            (None, 0, False),
            (-1, 1, True),
            (-2, -1, False),
        ],
    )
    def test_lasts_from_its_first_instant_until_before_its_last(self, starts, ends, expected):
        moments = [None if n is None else self.NOW + timedelta(seconds=n) for n in (starts, ends)]

        assert in_time(dated=Dates(*moments), at=self.NOW) is expected


class TestACodeWord:
    @pytest.mark.parametrize("typed", ["Summer 26", "summer-26", " SUMMER26 ", "Ｓｕｍｍｅｒ２６", "sum.mer 26"])
    def test_is_the_same_however_it_is_typed(self, typed):
        assert fold(word=typed) == "summer26"

    @pytest.mark.parametrize("typed", ["", " ", "<>", "--", "\u200b"])
    def test_is_none_without_letters(self, typed):
        assert fold(word=typed) == ""

    def test_is_never_longer_than_its_column(self):
        assert len(fold(word="a" * 10_000)) == 60


class TestWhatCountsOnce:
    def test_is_the_occasion_with_its_detail(self):
        assert source_of(occasion="review", detail="42") == "review:42"
        assert source_of(occasion="sign-up") == "sign-up"

    @pytest.mark.parametrize("detail", ["A", "é", "a b", "x" * 70])
    def test_is_refused_where_it_is_no_key_of_the_ledger(self, detail):
        with pytest.raises(LoyaltyError):
            source_of(occasion="review", detail=detail)
