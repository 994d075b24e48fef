"""How often a goal is reached by what orders count for it."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.journeys.goals import Stamp, achieved, progress

START = datetime(2026, 5, 6, 12, tzinfo=UTC)


def step(day, value=1, hours=0):
    return Stamp(at=START + timedelta(days=day, hours=hours), value=value)


def times(*steps, target=10, window_days=None, repeats=True, are_marks=False):
    told = {"target": target, "window_days": window_days, "repeats": repeats, "are_marks": are_marks}
    return len(achieved(steps=steps, **told))


def seen(*steps, on=0, **terms):
    known = {"target": 10, "window_days": None, "repeats": True, "are_marks": False, **terms}
    found = progress(steps=steps, at=START + timedelta(days=on), **known)
    return found.times, found.counted


class TestAStampCard:
    def test_is_full_with_the_last_stamp_and_not_before(self):
        assert [times(step(0, 9)), times(step(0, 9), step(1)), times(step(0, 9), step(1, 11))] == [0, 1, 2]

    def test_keeps_what_an_order_brings_beyond_it_for_the_next(self):
        assert seen(step(0, 7), step(1, 6)) == (1, 3)
        assert times(step(0, 35)) == 3

    def test_counts_again_only_where_it_repeats(self):
        assert times(step(0, 35), repeats=False) == 1
        assert seen(step(0, 35), repeats=False) == (1, 10)

    def test_takes_nothing_from_orders_of_which_nothing_is_left(self):
        assert seen(step(0, 0), step(1, 4), step(2, 0)) == (0, 4)

    def test_is_the_same_in_whatever_order_its_steps_are_told(self):
        steps = [step(3, 4), step(0, 5), step(1, 6)]

        assert {seen(*order) for order in (steps, steps[::-1])} == {(1, 5)}


class TestAChallenge:
    @pytest.mark.parametrize(("hours", "reached"), [(-1, 1), (0, 0)])
    def test_ends_so_many_days_after_its_first_order_to_the_hour(self, hours, reached):
        assert times(step(0), step(20), step(60, hours=hours), target=3, window_days=60) == reached

    def test_goes_on_with_the_orders_that_are_still_near(self):
        orders = step(0), step(50), step(70), step(80)

        assert times(*orders[:3], target=3, window_days=60) == 0
        assert times(*orders, target=3, window_days=60) == 1

    def test_counts_no_order_twice(self):
        six = [step(day) for day in range(6)]

        assert [times(*six[:5], target=3, window_days=60), times(*six, target=3, window_days=60)] == [1, 2]

    def test_shows_what_is_near_at_the_moment_of_looking_and_until_when(self):
        orders = step(0), step(40)
        terms = {"target": 3, "window_days": 60, "repeats": True}

        assert [seen(*orders, on=day, **terms) for day in (59, 60, 100)] == [(0, 2), (0, 1), (0, 0)]
        found = progress(steps=orders, at=START + timedelta(days=59), are_marks=False, **terms)
        assert found.until == START + timedelta(days=60)


class TestSeveralProductSets:
    def test_count_once_each(self):
        assert times(step(0, 0b001), step(1, 0b001), step(2, 0b010), target=3, are_marks=True) == 0
        assert times(step(0, 0b001), step(1, 0b011), step(2, 0b100), target=3, are_marks=True) == 1

    def test_begin_anew_once_they_are_all_there(self):
        assert seen(step(0, 0b111), step(1, 0b011), target=3, are_marks=True) == (1, 2)


STEPS = st.lists(st.builds(step, st.integers(0, 12), st.integers(0, 4), st.integers(0, 3)), max_size=7)
TERMS = st.fixed_dictionaries(
    {"target": st.integers(1, 5), "window_days": st.none() | st.integers(1, 6), "repeats": st.booleans()}
)


def most(moments, target, window_days):
    """The most groups of so many stamps that lie near enough to each other: every way is tried."""
    best = 0
    for group in combinations(range(len(moments)), target):
        chosen = [moments[place] for place in group]
        if window_days is None or max(chosen) - min(chosen) < timedelta(days=window_days):
            left = [moment for place, moment in enumerate(moments) if place not in group]
            best = max(best, 1 + most(left, target, window_days))
    return best


class TestOfAnySteps:
    @given(steps=STEPS, terms=TERMS)
    def test_one_more_never_takes_a_time_away(self, steps, terms):
        for marks in (False, True):
            counts = [times(*steps[:many], **terms, are_marks=marks) for many in range(len(steps) + 1)]
            assert counts == sorted(counts)

    @given(steps=STEPS, terms=TERMS)
    def test_less_of_one_never_brings_a_time(self, steps, terms):
        whole = times(*steps, **terms)
        for place, one in enumerate(steps):
            less = [*steps[:place], Stamp(at=one.at, value=max(0, one.value - 1)), *steps[place + 1 :]]
            assert times(*less, **terms) <= whole

    @given(steps=STEPS, target=st.integers(1, 5))
    def test_without_a_window_it_is_the_sum(self, steps, target):
        total = sum(one.value for one in steps)

        assert times(*steps, target=target) == total // target
        assert seen(*steps, target=target) == (total // target, total % target)

    @given(
        days=st.lists(st.integers(0, 12), max_size=6), target=st.integers(1, 3), window=st.none() | st.integers(1, 6)
    )
    def test_nobody_could_make_more_of_them(self, days, target, window):
        stamps = [step(day) for day in days]

        found = times(*stamps, target=target, window_days=window)
        assert found == most([one.at for one in stamps], target, window)

    @given(steps=STEPS, terms=TERMS)
    def test_progress_and_achieved_agree_and_what_is_left_is_less_than_all(self, steps, terms):
        found = progress(steps=steps, at=START + timedelta(days=13), are_marks=False, **terms)

        assert found.times == times(*steps, **terms)
        assert found.counted < terms["target"] or (found.times and not terms["repeats"])
