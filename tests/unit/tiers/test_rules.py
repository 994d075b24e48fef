"""Levels by the calendar: year ends, leap days, time zones, clock changes, windows, grace, returns and gifts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.tiers.rules import (
    CALENDAR_YEAR,
    HALF_YEAR,
    LIFETIME,
    MEMBER_YEAR,
    QUARTER,
    ROLLING,
    Counted,
    LadderTerms,
    Now,
    TierDecision,
    decide,
    deserved,
    held,
    span,
    span_to_keep,
    value,
)

ZONES = ("Pacific/Auckland", "Europe/Berlin", "America/New_York", "Pacific/Pago_Pago")
LEVELS = (100, 300, 600)


def here(text, zone="UTC"):
    """A moment on the clock of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def a_ladder(window=CALENDAR_YEAR, zone="UTC", grace=30):
    return LadderTerms(thresholds=LEVELS, window=window, zone=zone, grace_days=grace)


def orders(*pairs, zone="UTC"):
    return [Counted(at=here(when, zone), value=worth) for when, worth in pairs]


def midnight(moment, zone):
    """The local date of an instant that must be a midnight."""
    local = moment.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return local.date().isoformat()


class TestTheThresholds:
    @pytest.mark.parametrize(
        ("worth", "rank"),
        [(0, 0), (1, 0), (99, 0), (100, 1), (101, 1), (299, 1), (300, 2), (599, 2), (600, 3), (10**12, 3)],
    )
    def test_are_reached_by_exactly_their_value(self, worth, rank):
        assert a_ladder().rank(worth) == rank


class TestACalendarYear:
    """16 cases for four zones: what is placed on which side of midnight counts for which year."""

    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("placed", "asked", "rank", "until"),
        [
            ("2025-12-31T23:59:59", "2025-12-31T23:59:59", 1, "2027-01-01"),
            ("2026-01-01T00:00:00", "2026-01-01T00:00:00", 1, "2028-01-01"),
            ("2025-12-31T23:59:59", "2026-12-31T23:59:59", 1, "2027-01-01"),
            ("2025-12-31T23:59:59", "2027-01-01T00:00:00", 0, None),
            ("2026-01-01T00:00:00", "2027-12-31T23:59:59", 1, "2028-01-01"),
            ("2026-01-01T00:00:00", "2028-01-01T00:00:00", 0, None),
            ("2028-02-29T12:00:00", "2028-02-29T12:00:00", 1, "2030-01-01"),
            ("2028-02-29T12:00:00", "2029-12-31T23:59:59", 1, "2030-01-01"),
            ("2028-12-31T23:59:59", "2029-01-01T00:00:00", 1, "2030-01-01"),
            ("2024-02-29T00:00:00", "2026-01-01T00:00:00", 0, None),
        ],
    )
    def test_carries_to_the_end_of_the_next(self, zone, placed, asked, rank, until):
        found = deserved(counted=orders((placed, 150), zone=zone), ladder=a_ladder(zone=zone), at=here(asked, zone))
        assert found[0] == rank
        assert (found[1] and midnight(found[1], zone)) == until

    @pytest.mark.parametrize("zone", ZONES)
    def test_never_adds_two_years_up(self, zone):
        both = orders(("2025-12-31T23:59:59", 60), ("2026-01-01T00:00:00", 60), zone=zone)
        assert deserved(counted=both, ladder=a_ladder(zone=zone), at=here("2026-06-01T00:00:00", zone)) == (0, None)

    def test_depends_on_the_zone_in_which_the_order_was_placed_before_or_after_midnight(self):
        placed = [Counted(at=datetime(2025, 12, 31, 23, 30, tzinfo=UTC), value=100)]
        years = [
            midnight(deserved(counted=placed, ladder=a_ladder(zone=zone), at=placed[0].at)[1], zone)[:4]
            for zone in ZONES
        ]
        assert years == ["2028", "2028", "2027", "2027"]

    @pytest.mark.parametrize(
        ("last", "this", "rank", "until"),
        [
            (600, 0, 3, 2027), (600, 600, 3, 2028), (0, 600, 3, 2028), (300, 100, 2, 2027), (100, 300, 2, 2028),
            (300, 300, 2, 2028), (99, 99, 0, None), (100, 99, 1, 2027), (99, 100, 1, 2028),
        ],
    )  # fmt: skip
    def test_counts_the_better_of_two_years(self, last, this, rank, until):
        counted = orders(("2025-06-01T00:00:00", last), ("2026-06-01T00:00:00", this))
        found = deserved(counted=counted, ladder=a_ladder(), at=here("2026-07-01T00:00:00"))
        assert (found[0], found[1] and found[1].year) == (rank, until)


class TestTheClockChanges:
    @pytest.mark.parametrize(
        ("zone", "placed", "first_gone"),
        [
            # Spring forward and fall back, on both sides of the world: a window ends at a local midnight.
            ("Europe/Berlin", "2026-03-29T01:59:59", "2027-03-30"),
            ("Europe/Berlin", "2026-03-29T03:00:00", "2027-03-30"),
            ("Europe/Berlin", "2026-10-25T02:30:00", "2027-10-26"),
            ("Europe/Berlin", "2026-10-25T23:59:59", "2027-10-26"),
            ("America/New_York", "2026-03-08T01:59:59", "2027-03-09"),
            ("America/New_York", "2026-11-01T01:30:00", "2027-11-02"),
            ("Pacific/Auckland", "2026-04-05T02:30:00", "2027-04-06"),
            ("Pacific/Auckland", "2026-09-27T03:30:00", "2027-09-28"),
            ("Pacific/Pago_Pago", "2026-10-25T12:00:00", "2027-10-26"),
        ],
    )
    def test_leave_the_rolling_window_at_whole_days(self, zone, placed, first_gone):
        counted, ladder = orders((placed, 100), zone=zone), a_ladder(ROLLING, zone)
        rank, until = deserved(counted=counted, ladder=ladder, at=counted[0].at)
        assert (rank, midnight(until, zone)) == (1, first_gone)
        assert deserved(counted=counted, ladder=ladder, at=until - timedelta(microseconds=1))[0] == 1
        assert deserved(counted=counted, ladder=ladder, at=until)[0] == 0

    @pytest.mark.parametrize("fold", [0, 1])
    def test_count_both_hours_that_have_the_same_name(self, fold):
        placed = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold).astimezone(UTC)
        found = deserved(
            counted=[Counted(at=placed, value=100)], ladder=a_ladder(zone="Europe/Berlin"), at=placed
        )  # fmt: skip
        assert (found[0], midnight(found[1], "Europe/Berlin")) == (1, "2028-01-01")


class TestTheLastTwelveMonths:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("placed", "last_moment"),
        [
            ("2026-05-06T10:00:00", "2027-05-06T23:59:59"),
            ("2026-05-06T00:00:00", "2027-05-06T23:59:59"),
            ("2026-12-31T23:59:59", "2027-12-31T23:59:59"),
            ("2027-02-28T12:00:00", "2028-02-29T23:59:59"),
            ("2028-02-28T12:00:00", "2029-02-28T23:59:59"),
        ],
    )
    def test_hold_an_order_through_the_same_day_of_the_next_year(self, zone, placed, last_moment):
        counted, ladder = orders((placed, 100), zone=zone), a_ladder(ROLLING, zone)
        last = here(last_moment, zone)
        assert deserved(counted=counted, ladder=ladder, at=last)[0] == 1
        assert deserved(counted=counted, ladder=ladder, at=last + timedelta(seconds=1))[0] == 0

    def test_hold_a_leap_day_through_the_end_of_february(self):
        counted, ladder = orders(("2028-02-29T12:00:00", 100)), a_ladder(ROLLING)
        assert deserved(counted=counted, ladder=ladder, at=here("2029-02-28T23:59:59"))[0] == 1
        assert deserved(counted=counted, ladder=ladder, at=here("2029-03-01T00:00:00"))[0] == 0

    def test_end_when_so_much_has_rolled_out_that_the_rank_is_gone(self):
        counted = orders(("2026-01-10T12:00:00", 50), ("2026-03-10T12:00:00", 250), ("2026-06-10T12:00:00", 60))
        rank, until = deserved(counted=counted, ladder=a_ladder(ROLLING), at=here("2026-07-01T00:00:00"))
        assert (rank, until.date().isoformat()) == (2, "2027-03-11")


class TestAQuarter:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("placed", "asked", "rank", "until"),
        [
            ("2026-03-31T23:59:59", "2026-03-31T23:59:59", 1, "2026-07-01"),
            ("2026-04-01T00:00:00", "2026-04-01T00:00:00", 1, "2026-10-01"),
            ("2026-03-31T23:59:59", "2026-06-30T23:59:59", 1, "2026-07-01"),
            ("2026-03-31T23:59:59", "2026-07-01T00:00:00", 0, None),
            ("2026-12-31T23:59:59", "2027-03-31T23:59:59", 1, "2027-04-01"),
            ("2026-12-31T23:59:59", "2027-04-01T00:00:00", 0, None),
            ("2028-02-29T12:00:00", "2028-06-30T23:59:59", 1, "2028-07-01"),
            ("2026-10-25T02:30:00", "2027-03-31T23:59:59", 1, "2027-04-01"),
        ],
    )
    def test_carries_to_the_end_of_the_next(self, zone, placed, asked, rank, until):
        ladder = a_ladder(QUARTER, zone=zone)
        found = deserved(counted=orders((placed, 150), zone=zone), ladder=ladder, at=here(asked, zone))
        assert (found[0], found[1] and midnight(found[1], zone)) == (rank, until)

    def test_never_adds_two_up(self):
        both = orders(("2026-03-31T23:59:59", 60), ("2026-04-01T00:00:00", 60))
        assert deserved(counted=both, ladder=a_ladder(QUARTER), at=here("2026-05-01T00:00:00")) == (0, None)

    def test_that_a_level_ends_with_leads_to_the_end_of_this_one(self):
        now = Now(rank=3, since=here("2026-01-10T00:00:00"), kept_until=here("2026-07-01T00:00:00"))
        step = decide(
            now=now, counted=orders(("2026-01-10T00:00:00", 600)), ladder=a_ladder(QUARTER, grace=10),
            at=here("2026-07-11T00:00:00"), announced=True,
        )  # fmt: skip
        assert (step.rank, step.kept_until.date().isoformat()) == (2, "2026-10-01")


class TestTheLastSixMonths:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("placed", "last_moment"),
        [
            ("2026-05-06T10:00:00", "2026-11-06T23:59:59"),
            ("2026-10-25T02:30:00", "2027-04-25T23:59:59"),
            ("2027-08-28T12:00:00", "2028-02-28T23:59:59"),
            ("2026-08-28T12:00:00", "2027-02-28T23:59:59"),
            ("2026-12-30T23:59:59", "2027-06-30T23:59:59"),
        ],
    )
    def test_hold_an_order_through_the_same_day_of_the_sixth_month(self, zone, placed, last_moment):
        counted, ladder = orders((placed, 100), zone=zone), a_ladder(HALF_YEAR, zone)
        last = here(last_moment, zone)
        assert deserved(counted=counted, ladder=ladder, at=last)[0] == 1
        assert deserved(counted=counted, ladder=ladder, at=last + timedelta(seconds=1))[0] == 0

    @pytest.mark.parametrize("placed", ["2026-08-29", "2026-08-30", "2026-08-31"])
    def test_hold_the_last_days_of_a_long_month_until_the_short_one_is_over(self, placed):
        counted, ladder = orders((f"{placed}T12:00:00", 100)), a_ladder(HALF_YEAR)
        rank, until = deserved(counted=counted, ladder=ladder, at=counted[0].at)
        assert rank == 1
        assert until.date().isoformat() == "2027-03-01"
        for at, carried in ((until - timedelta(seconds=1), 1), (until, 0)):
            assert deserved(counted=counted, ladder=ladder, at=at)[0] == carried

    def test_say_to_the_second_when_so_much_has_rolled_out(self):
        counted = orders(("2026-01-10T12:00:00", 50), ("2026-03-10T12:00:00", 250), ("2026-06-10T12:00:00", 60))
        rank, until = deserved(counted=counted, ladder=a_ladder(HALF_YEAR), at=here("2026-07-01T00:00:00"))
        assert (rank, until.date().isoformat()) == (2, "2026-09-11")


class TestAYearOfMembership:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(
        ("joined", "placed", "asked", "rank", "until"),
        [
            ("2024-05-06", "2026-05-05T23:59:59", "2026-05-05T23:59:59", 1, "2027-05-06"),
            ("2024-05-06", "2026-05-06T00:00:00", "2026-05-06T00:00:00", 1, "2028-05-06"),
            ("2024-05-06", "2026-05-05T23:59:59", "2027-05-05T23:59:59", 1, "2027-05-06"),
            ("2024-05-06", "2026-05-05T23:59:59", "2027-05-06T00:00:00", 0, None),
            # Who joined on 29 February has 28 February where there is no other, and 29 where there is.
            ("2024-02-29", "2026-02-27T23:59:59", "2026-02-27T23:59:59", 1, "2027-02-28"),
            ("2024-02-29", "2026-02-28T00:00:00", "2026-02-28T00:00:00", 1, "2028-02-29"),
            ("2024-02-29", "2028-02-28T23:59:59", "2028-02-28T23:59:59", 1, "2029-02-28"),
            ("2024-02-29", "2028-02-29T00:00:00", "2028-02-29T00:00:00", 1, "2030-02-28"),
            ("2023-08-31", "2026-08-31T00:00:00", "2026-08-31T00:00:00", 1, "2028-08-31"),
            ("2025-10-25", "2026-10-24T23:59:59", "2026-10-24T23:59:59", 1, "2027-10-25"),
            ("2025-03-29", "2026-03-29T01:30:00", "2026-03-29T12:00:00", 1, "2028-03-29"),
            ("2026-01-15", "2026-01-15T00:00:00", "2026-01-15T00:00:00", 1, "2028-01-15"),
        ],
    )
    def test_carries_to_the_end_of_the_next(self, zone, joined, placed, asked, rank, until):
        ladder = replace(a_ladder(MEMBER_YEAR, zone=zone), since=date.fromisoformat(joined))
        found = deserved(counted=orders((placed, 150), zone=zone), ladder=ladder, at=here(asked, zone))
        assert (found[0], found[1] and midnight(found[1], zone)) == (rank, until)

    @pytest.mark.parametrize("joined", ["2024-02-29", "2024-05-06", "2023-12-31"])
    def test_follows_on_the_one_before_without_a_gap(self, joined):
        told = {"window": MEMBER_YEAR, "zone": "Europe/Berlin", "since": date.fromisoformat(joined)}
        at = here("2024-06-01T00:00:00")
        for _year in range(9):
            start, end = span(**told, at=at)
            assert start <= at < end and span(**told, at=end)[0] == end
            assert span(**told, at=end - timedelta(microseconds=1)) == (start, end)
            at = end


class TestALifetime:
    @pytest.mark.parametrize("years", [0, 1, 10, 60])
    def test_never_forgets(self, years):
        counted = orders(("2020-02-29T12:00:00", 100))
        at = here(f"{2020 + years}-12-31T00:00:00")
        assert deserved(counted=counted, ladder=a_ladder(LIFETIME), at=at) == (1, None)

    @pytest.mark.parametrize("window", [CALENDAR_YEAR, MEMBER_YEAR, QUARTER, ROLLING, HALF_YEAR, LIFETIME])
    def test_or_any_window_begins_with_nothing(self, window):
        assert deserved(counted=[], ladder=a_ladder(window), at=here("2026-05-06T00:00:00")) == (0, None)


GOLD = Now(rank=3, since=here("2026-03-01T00:00:00"), kept_until=here("2028-01-01T00:00:00"))
BOUGHT = orders(("2026-03-01T00:00:00", 600))


class TestTheGrace:
    @pytest.mark.parametrize(
        ("at", "days", "announced", "rank"),
        [
            ("2027-12-31T23:59:59", 30, True, None), ("2028-01-01T00:00:00", 30, True, None),
            ("2028-01-30T23:59:59", 30, True, None), ("2028-01-31T00:00:00", 30, True, 2),
            ("2028-01-31T00:00:00", 30, False, None), ("2030-01-01T00:00:00", 30, False, None),
            ("2028-01-01T00:00:00", 0, True, 2), ("2027-12-31T23:59:59", 0, True, None),
            ("2028-02-29T23:59:59", 60, True, None), ("2028-03-01T00:00:00", 60, True, 2),
        ],
    )  # fmt: skip
    def test_ends_to_the_second_and_only_if_announced(self, at, days, announced, rank):
        ladder = a_ladder(grace=days)
        step = decide(now=GOLD, counted=BOUGHT, ladder=ladder, at=here(at), announced=announced)
        assert (step and step.rank) == rank
        assert step is None or step.why == "down"

    def test_leads_down_one_level_at_a_time_and_each_is_kept_for_a_year(self):
        now, seen = GOLD, []
        for year in (2028, 2029, 2030, 2031):
            step = decide(now=now, counted=BOUGHT, ladder=a_ladder(), at=here(f"{year}-02-15T00:00:00"), announced=True)
            seen.append(step and (step.rank, step.kept_until and step.kept_until.date().isoformat()))
            now = Now(rank=step.rank, kept_until=step.kept_until, is_counted=False) if step else now
        assert [rank and rank[0] for rank in seen] == [2, 1, 0, None]
        assert [row[1] for row in seen[:2]] == ["2029-01-01", "2030-01-01"]

    def test_saves_who_reaches_the_level_again_within_it(self):
        again = [*BOUGHT, *orders(("2028-01-20T00:00:00", 600))]
        step = decide(now=GOLD, counted=again, ladder=a_ladder(), at=here("2028-02-15T00:00:00"), announced=True)
        assert (step.rank, step.why, step.kept_until.year) == (3, "kept", 2030)

    def test_leads_no_further_than_what_the_orders_still_carry(self):
        some = [*BOUGHT, *orders(("2027-06-01T00:00:00", 350))]
        step = decide(now=GOLD, counted=some, ladder=a_ladder(), at=here("2028-02-15T00:00:00"), announced=True)
        assert (step.rank, step.kept_until.date().isoformat()) == (2, "2029-01-01")


class TestAReturn:
    @pytest.mark.parametrize(
        ("left", "at", "rank"),
        [
            (0, "2026-03-10T00:00:00", 0), (99, "2026-03-10T00:00:00", 0), (100, "2026-03-10T00:00:00", 1),
            (599, "2026-12-31T23:59:59", 2), (599, "2027-01-01T00:00:00", 2), (300, "2027-01-10T00:00:00", 2),
            (0, "2027-06-01T00:00:00", 0), (0, "2028-01-10T00:00:00", 0),
        ],
    )  # fmt: skip
    def test_takes_the_level_at_once_also_after_the_year_has_ended(self, left, at, rank):
        counted = orders(("2026-03-01T00:00:00", left)) if left else []
        step = decide(now=GOLD, counted=counted, ladder=a_ladder(), at=here(at))
        assert (step.rank, step.why) == (rank, "recounted")

    def test_of_one_order_leaves_a_level_that_others_carry(self):
        counted = orders(("2026-03-01T00:00:00", 600), ("2026-04-01T00:00:00", 0))
        assert decide(now=GOLD, counted=counted, ladder=a_ladder(), at=here("2026-05-01T00:00:00")) is None

    def test_leaves_a_level_that_staff_gave(self):
        now = Now(rank=3, since=GOLD.since, kept_until=GOLD.kept_until, is_counted=False)
        assert decide(now=now, counted=[], ladder=a_ladder(), at=here("2026-05-01T00:00:00")) is None

    @pytest.mark.parametrize("told", [60, 90])
    @pytest.mark.parametrize(("before", "stays"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
    def test_leaves_a_date_that_is_exactly_so_near_that_it_may_be_announced(self, before, stays, told):
        longer, at = here("2029-01-01"), here("2029-01-01") - timedelta(days=told + 3) - before
        now, ladder = Now(rank=3, since=here("2025-03-01"), kept_until=longer), replace(a_ladder(), told_days=told)
        step = decide(now=now, counted=orders(("2025-03-01", 600)), ladder=ladder, at=at)
        assert step == (
            None if stays else TierDecision(rank=3, kept_until=here("2027-01-01"), why="kept", is_counted=True)
        )

    @pytest.mark.parametrize(
        ("rank", "promised", "wanted"),
        [
            (2, "2028-06-01", (2, "2028-06-01")),  # The same level, promised for longer.
            (2, "2026-06-01", (2, "2027-01-01")),
            (2, None, (2, None)),
            (1, "2028-06-01", (2, "2027-01-01")),
            (3, "2026-06-01", (3, "2026-06-01")),
        ],
    )
    def test_goes_no_deeper_than_an_earlier_descent_promised(self, rank, promised, wanted):
        step = TierDecision(rank=2, kept_until=here("2027-01-01"), why="recounted", is_counted=True)
        found = held(step=step, promise=(rank, promised and here(promised)))
        assert (found.rank, found.kept_until) == (wanted[0], wanted[1] and here(wanted[1]))
        assert found.is_counted == (found == step)


class TestALevelGivenByHand:
    AT = here("2026-05-06T00:00:00")

    @pytest.mark.parametrize(
        ("given", "bought", "rank", "why"),
        [(2, 0, 2, "given"), (2, 100, 2, "given"), (2, 300, 2, "up"), (2, 600, 3, "up"), (0, 100, 1, "up")],
    )
    def test_is_a_floor_under_what_the_orders_carry(self, given, bought, rank, why):
        counted = orders(("2026-03-01T00:00:00", bought))
        gift = (given, here("2026-12-01T00:00:00"))
        step = decide(now=Now(), counted=counted, ladder=a_ladder(), at=self.AT, given=gift)
        assert (step.rank, step.why) == (rank, why)
        assert step.kept_until == (gift[1] if why == "given" else here("2028-01-01T00:00:00"))

    def test_without_an_end_is_kept_until_it_is_taken_back(self):
        now = Now(rank=3, since=self.AT, kept_until=None, is_counted=False)
        late = here("2040-01-01T00:00:00")
        assert decide(now=now, counted=[], ladder=a_ladder(), at=late, given=(3, None), announced=True) is None
        step = decide(now=now, counted=[], ladder=a_ladder(), at=late, taken=True)
        assert (step.rank, step.why) == (0, "taken")


class TestAStrictLevel:
    END = here("2026-06-01T00:00:00")
    SINCE = here("2026-03-01T00:00:00")
    NOW = Now(rank=3, since=SINCE, kept_until=END, is_counted=False, is_given=True, is_strict=True)
    SECOND = timedelta(seconds=1)

    @pytest.mark.parametrize(("bought", "rank"), [(0, 0), (100, 1), (300, 2)])
    def test_ends_at_its_date_without_grace_or_notice_where_the_orders_say(self, bought, rank):
        counted = orders(("2026-02-01T00:00:00", bought))
        told = {"now": self.NOW, "counted": counted, "ladder": a_ladder(grace=365)}
        assert decide(at=self.END - self.SECOND, given=(3, self.END), **told) is None
        step = decide(at=self.END, **told)
        assert (step.rank, step.why, step.is_given) == (rank, "down", False)

    def test_stays_where_the_orders_carry_it_by_then(self):
        counted = orders(("2026-05-01T00:00:00", 600))
        step = decide(now=self.NOW, counted=counted, ladder=a_ladder(), at=self.END)
        assert (step.rank, step.why, step.is_counted) == (3, "kept", True)
        assert step.kept_until == here("2028-01-01T00:00:00")

    def test_goes_on_where_it_is_given_again(self):
        later = here("2027-06-01T00:00:00")
        step = decide(now=self.NOW, counted=[], ladder=a_ladder(), at=self.END, given=(3, later))
        assert (step.rank, step.why, step.kept_until, step.is_given) == (3, "kept", later, True)


class TestALevelThatNoOrderLiftsTo:
    ladder = LadderTerms(thresholds=(100, None, 300, None))

    @pytest.mark.parametrize(("worth", "rank"), [(0, 0), (99, 0), (100, 1), (299, 1), (300, 3), (10**9, 3)])
    def test_is_passed_over(self, worth, rank):
        assert self.ladder.rank(worth) == rank

    def test_is_stood_on_by_those_who_have_it(self):
        at = here("2026-05-06T00:00:00")
        until = here("2026-12-01T00:00:00")
        step = decide(now=Now(rank=1), counted=orders(("2026-03-01T00:00:00", 100)), ladder=self.ladder, at=at,
                      given=(2, until))  # fmt: skip
        assert (step.rank, step.why, step.kept_until) == (2, "given", until)

    def test_alone_lifts_nobody(self):
        assert LadderTerms(thresholds=(None, None)).rank(10**12) == 0


class TestWhatKeepsALevel:
    @pytest.mark.parametrize(
        ("window", "at", "kept", "start", "end"),
        [
            (CALENDAR_YEAR, "2026-06-01", "2028-01-01", "2027-01-01", "2028-01-01"),
            (CALENDAR_YEAR, "2027-12-31", "2028-01-01", "2027-01-01", "2028-01-01"),
            (CALENDAR_YEAR, "2028-01-15", "2028-01-01", "2028-01-01", "2029-01-01"),
            (CALENDAR_YEAR, "2028-01-15", "2028-03-01", "2028-01-01", "2029-01-01"),
            (CALENDAR_YEAR, "2027-12-31", "2028-01-02", "2027-01-01", "2028-01-01"),
            (CALENDAR_YEAR, "2027-12-31", "2028-12-31", "2027-01-01", "2028-01-01"),
            (CALENDAR_YEAR, "2027-12-31", "2029-01-01", "2028-01-01", "2029-01-01"),
            (CALENDAR_YEAR, "2026-12-31", "2028-03-01", "2028-01-01", "2029-01-01"),
            (QUARTER, "2026-05-20", "2026-08-15", "2026-04-01", "2026-07-01"),
            (QUARTER, "2026-05-20", "2026-10-01", "2026-07-01", "2026-10-01"),
            (ROLLING, "2027-01-01", "2027-05-07", "2026-05-07", None),
            (ROLLING, "2027-05-20", "2027-05-07", "2026-05-20", None),
            (LIFETIME, "2027-05-20", "2028-05-07", None, None),
        ],
    )
    def test_are_the_orders_of_the_span_that_reaches_its_date(self, window, at, kept, start, end):
        found = span_to_keep(
            window=window, at=here(f"{at}T00:00:00"), kept_until=here(f"{kept}T00:00:00"), zone="UTC"
        )  # fmt: skip
        assert [moment and moment.date().isoformat() for moment in found] == [start, end]


#: Seconds of five years, a leap year among them.
MOMENTS = st.integers(0, 5 * 365 * 86_400).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
ORDERS = st.lists(st.builds(Counted, at=MOMENTS, value=st.integers(1, 700)), max_size=8)
LADDERS = st.builds(
    a_ladder,
    window=st.sampled_from((CALENDAR_YEAR, ROLLING, LIFETIME)),
    zone=st.sampled_from(ZONES),
    grace=st.integers(0, 90),
)


def after(now, step, at):
    """The standing once a step is taken, as the operation writes it."""
    if step is None:
        return now
    if step.why == "kept":
        return Now(rank=now.rank, since=now.since, kept_until=step.kept_until, is_counted=now.is_counted)
    counted = step.why in ("up", "recounted", "taken")
    return Now(rank=step.rank, since=at, kept_until=step.kept_until, is_counted=counted)


class TestDeciding:
    @given(counted=ORDERS, ladder=LADDERS, at=MOMENTS, announced=st.booleans())
    def test_again_at_the_same_moment_changes_nothing(self, counted, ladder, at, announced):
        past = [one for one in counted if one.at <= at]
        first = decide(now=Now(), counted=past, ladder=ladder, at=at, announced=announced)
        now = after(Now(), first, at)
        assert decide(now=now, counted=past, ladder=ladder, at=at, announced=announced) is None

    @given(counted=ORDERS, ladder=LADDERS, at=MOMENTS, data=st.data())
    def test_hangs_on_what_counts_and_not_on_the_order_in_which_orders_were_looked_at(self, counted, ladder, at, data):
        past = [one for one in counted if one.at <= at]
        ends = []
        for row in (past, data.draw(st.permutations(past))):
            now = Now()
            for known in range(len(row) + 1):
                now = after(now, decide(now=now, counted=row[:known], ladder=ladder, at=at), at)
            ends.append((now.rank, now.kept_until))
        assert ends[0] == ends[1]

    @given(counted=ORDERS, ladder=LADDERS, at=MOMENTS)
    def test_never_stands_below_what_the_orders_carry(self, counted, ladder, at):
        past = [one for one in counted if one.at <= at]
        now = after(Now(), decide(now=Now(), counted=past, ladder=ladder, at=at), at)
        assert now.rank == deserved(counted=past, ladder=ladder, at=at)[0]

    @given(counted=ORDERS, ladder=LADDERS, at=MOMENTS)
    def test_counts_what_lies_in_the_span_and_nothing_else(self, counted, ladder, at):
        start, end = span(window=ladder.window, at=at, zone=ladder.zone)
        inside = [one.value for one in counted if (not start or one.at >= start) and (not end or one.at < end)]
        assert value(counted=counted, window=ladder.window, at=at, zone=ladder.zone) == sum(inside)

    @given(counted=ORDERS, ladder=LADDERS, at=MOMENTS)
    def test_promises_a_date_up_to_which_the_orders_carry_the_rank(self, counted, ladder, at):
        past = [one for one in counted if one.at <= at]
        rank, until = deserved(counted=past, ladder=ladder, at=at)
        if until is not None:
            assert until > at
            assert deserved(counted=past, ladder=ladder, at=until - timedelta(seconds=1))[0] >= rank
            assert deserved(counted=past, ladder=ladder, at=until)[0] < rank
