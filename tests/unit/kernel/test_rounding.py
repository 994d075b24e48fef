"""Every division of the house, by table and by a few thousand drawn cases."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.rounding import (
    MODES,
    full_steps,
    per_mille,
    percentage,
    round_points,
    spread,
    taken_back,
    to_major,
    to_minor,
    two_places,
    worth_minor,
)

shares = st.fractions(min_value=0, max_value=10**9, max_denominator=10**6)


class TestRoundingPoints:
    @pytest.mark.parametrize(
        ("exact", "floor", "half_up", "ceil"),
        [
            ("0", 0, 0, 0),
            ("1/3", 0, 0, 1),
            ("1/2", 0, 1, 1),
            ("2/3", 0, 1, 1),
            ("1", 1, 1, 1),
            ("1.49", 1, 1, 2),
            ("1.5", 1, 2, 2),
            ("2.5", 2, 3, 3),
            ("5.97", 5, 6, 6),
            ("999999999999.5", 999999999999, 1000000000000, 1000000000000),
        ],
    )
    def test_goes_the_way_its_mode_says(self, exact, floor, half_up, ceil):
        assert [round_points(exact=Fraction(exact), mode=mode) for mode in MODES] == [floor, half_up, ceil]

    def test_refuses_a_mode_it_does_not_know(self):
        with pytest.raises(BadRule, match="floor, half_up, ceil"):
            round_points(exact=Fraction(1), mode="bankers")

    @given(shares, shares)
    def test_down_never_makes_splitting_an_order_pay(self, one, other):
        apart = round_points(exact=one, mode="floor") + round_points(exact=other, mode="floor")
        assert apart <= round_points(exact=one + other, mode="floor")

    def test_to_the_nearest_would_make_it_pay(self):
        half = Fraction(1, 2)
        assert 2 * round_points(exact=half, mode="half_up") > round_points(exact=2 * half, mode="half_up")

    @given(shares)
    def test_is_never_a_whole_point_away(self, exact):
        down, near, up = (round_points(exact=exact, mode=mode) for mode in MODES)
        assert down <= exact <= up
        assert up - down == (exact.denominator != 1)
        assert abs(near - exact) <= Fraction(1, 2)


class TestSpreading:
    @pytest.mark.parametrize(
        ("total", "weights", "parts"),
        [
            (15, [80, 8, 12], [12, 1, 2]),
            (10, [1, 1, 1], [4, 3, 3]),
            (1, [1, 1], [1, 0]),
            (2, [1, 1, 1], [1, 1, 0]),
            (7, [0, 0], [7, 0]),
            (7, [0, 5, 0], [0, 7, 0]),
            (0, [3, 4], [0, 0]),
            (5, [Fraction(1, 3), Fraction(2, 3)], [2, 3]),
            (3, [], []),
        ],
    )
    def test_gives_what_is_left_to_the_largest_remainders_and_ties_to_the_first(self, total, weights, parts):
        assert spread(total=total, weights=weights) == parts

    @given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6) | shares, min_size=1, max_size=30))
    def test_adds_up_and_stays_within_a_point_of_each_share(self, total, weights):
        parts = spread(total=total, weights=weights)
        assert sum(parts) == total
        whole = sum(map(Fraction, weights))
        if whole:
            assert all(abs(p - Fraction(w) * total / whole) < 1 for p, w in zip(parts, weights, strict=True))

    @given(st.integers(0, 10**6), st.lists(st.integers(1, 1000), min_size=2, max_size=12))
    def test_gives_no_smaller_remainder_a_point_that_a_larger_one_missed(self, total, weights):
        exact = [Fraction(w * total, sum(weights)) for w in weights]
        extra = [p - e.__floor__() for p, e in zip(spread(total=total, weights=weights), exact, strict=True)]
        rest = [e - e.__floor__() for e in exact]
        got = [r for r, x in zip(rest, extra, strict=True) if x == 1]
        missed = [r for r, x in zip(rest, extra, strict=True) if x == 0]
        assert not got or not missed or min(got) >= max(missed)


class TestTakingBack:
    @pytest.mark.parametrize(
        ("points", "quantity", "by_unit"),
        [(10, 3, [3, 3, 4]), (1, 2, [0, 1]), (0, 4, [0, 0, 0, 0]), (7, 1, [7]), (100, 7, [14, 14, 14, 15, 14, 14, 15])],
    )
    def test_leaves_the_remainder_to_the_last_unit(self, points, quantity, by_unit):
        gone = [taken_back(points=points, gone=n, quantity=quantity) for n in range(quantity + 1)]
        assert [b - a for a, b in pairwise(gone)] == by_unit

    @given(st.integers(0, 10**9), st.lists(st.integers(1, 50), min_size=1, max_size=12))
    def test_ends_in_any_steps_where_the_full_return_ends(self, points, steps):
        quantity, gone, taken = sum(steps), 0, 0
        for step in steps:
            gone += step
            part = taken_back(points=points, gone=gone, quantity=quantity) - taken
            assert part >= 0
            taken += part
        assert taken == points == taken_back(points=points, gone=quantity, quantity=quantity)

    @pytest.mark.parametrize(("gone", "back"), [(-3, 0), (0, 0), (2, 10), (99, 10)])
    def test_keeps_within_what_was_bought(self, gone, back):
        assert taken_back(points=10, gone=gone, quantity=2) == back

    def test_of_a_line_without_units_is_everything(self):
        assert taken_back(points=10, gone=0, quantity=0) == 10


class TestMoney:
    @pytest.mark.parametrize(
        ("amount", "exponent", "minor"),
        [
            ("12.34", 2, 1234),
            ("12.345", 2, 1235),
            ("12.344999", 2, 1234),
            ("1980", 0, 1980),
            ("1.0005", 3, 1001),
            ("0", 2, 0),
            ("-1.00", 2, -100),
        ],
    )
    def test_becomes_minor_units_half_up(self, amount, exponent, minor):
        assert to_minor(amount=Decimal(amount), exponent=exponent) == minor

    @given(st.integers(-(10**12), 10**12), st.sampled_from([0, 2, 3]))
    def test_goes_there_and_back_unchanged(self, minor, exponent):
        major = to_major(minor=minor, exponent=exponent)
        assert to_minor(amount=major, exponent=exponent) == minor
        assert -major.as_tuple().exponent == exponent

    @given(st.integers(0, 10**7), st.integers(1, 1000), st.integers(1, 1000))
    def test_that_points_buy_is_never_more_than_they_are_worth(self, points, per_points, minor):
        bought = worth_minor(points=points, per_points=per_points, minor=minor)
        assert bought * per_points <= points * minor < (bought + 1) * per_points

    @given(st.integers(0, 10**9), st.integers(1, 10**6))
    def test_counts_full_steps_only(self, amount, step):
        assert 0 <= amount - step * full_steps(amount=amount, step=step) < step


class TestForTheEye:
    @pytest.mark.parametrize(
        ("part", "whole", "mille"), [(0, 0, 0), (1, 3, 333), (5, 4, 1000), (-1, 4, 0), (4, 4, 1000), (3, -1, 0)]
    )
    def test_progress_stays_between_nothing_and_all(self, part, whole, mille):
        assert per_mille(part=part, whole=whole) == mille

    @pytest.mark.parametrize(
        ("exact", "shown"), [("74.2", "74.20"), ("1/3", "0.33"), ("2/3", "0.67"), ("0.005", "0.01"), ("12", "12.00")]
    )
    def test_an_exact_share_has_two_places(self, exact, shown):
        assert two_places(exact=Fraction(exact)) == shown

    @pytest.mark.parametrize(
        ("part", "whole", "is_"), [(1, 100, "1.00"), (25, 1000, "2.50"), (1, 10_000, "0.01"), (3, 1, "300.00")]
    )
    def test_a_percentage_has_two_decimals(self, part, whole, is_):
        assert str(percentage(part=part, whole=whole)) == is_

    @pytest.mark.parametrize(("part", "whole"), [(1, 300), (1, 20_000), (2, 3)])
    def test_a_percentage_that_these_do_not_hold_is_none(self, part, whole):
        assert percentage(part=part, whole=whole) is None
