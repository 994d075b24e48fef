"""Spread and refund as pure functions: what points take off lines, and the exact way back."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.rounding import (
    as_shown,
    falls,
    fewest_points,
    left_to_pay,
    share_out,
    spread,
    taken_back,
    worth_minor,
)
from tests.amount import many


class TestTheFewestPoints:
    @pytest.mark.parametrize(
        ("wanted", "per_points", "minor", "points"),
        [(100, 1, 1, 100), (0, 3, 1, 0), (33, 3, 1, 99), (1, 1, 5, 1), (5, 1, 5, 1), (6, 1, 5, 2), (42, 7, 3, 98)],
    )
    def test_buy_what_is_wanted(self, wanted, per_points, minor, points):
        assert fewest_points(wanted=wanted, per_points=per_points, minor=minor) == points

    @many
    @given(st.integers(1, 10**9), st.integers(1, 1000), st.integers(1, 1000))
    def test_buy_it_and_one_less_does_not(self, wanted, per_points, minor):
        points = fewest_points(wanted=wanted, per_points=per_points, minor=minor)
        assert worth_minor(points=points, per_points=per_points, minor=minor) >= wanted
        assert worth_minor(points=points - 1, per_points=per_points, minor=minor) < wanted


class TestSpreadingOverLines:
    @many
    @given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.data())
    def test_never_takes_more_off_a_line_than_it_costs(self, rooms, data):
        total = data.draw(st.integers(0, sum(rooms)))
        parts = spread(total=total, weights=rooms)
        assert sum(parts) == total
        assert all(0 <= part <= room for part, room in zip(parts, rooms, strict=True))

    def test_rounds_down_where_the_shares_are_more_than_there_is(self):
        assert share_out(total=1, exact=[Fraction(2), Fraction(1, 2)]) == [2, 0]


class TestWhatASumFallsBy:
    @pytest.mark.parametrize(
        ("total", "exact", "rooms", "parts"),
        [
            (300, ["500", "300"], [500, 300], [188, 112]),
            (1, ["10", "10"], [10, 10], [1, 0]),
            (1, ["0.16", "0.33", "0.33", "1.01"], [0, 1, 0, 1], [0, 0, 0, 1]),
            (2, ["0.16", "0.33", "0.33", "1.01"], [0, 1, 0, 1], [0, 1, 0, 1]),
            (4, ["0.63", "0.63", "1.93", "0.96"], [1, 0, 2, 1], [1, 0, 1, 1]),
            (1, ["0.4", "0.4", "0.4"], [1, 0, 0], [0, 0, 0]),
            (0, ["5"], [5], [0]),
            (0, [], [], []),
        ],
    )
    def test_is_shared_by_what_there_is_room_for(self, total, exact, rooms, parts):
        assert falls(total=total, rooms=rooms, exact=list(map(Fraction, exact)), finer=100) == parts

    @many
    @given(st.lists(st.fractions(0, 9, max_denominator=1_000), min_size=1, max_size=8), st.booleans(), st.data())
    def test_is_what_it_falls_by_however_little_each_amount_is(self, exact, is_fine, data):
        finer = 100 if is_fine else 1
        whole = as_shown(exact=sum(exact), finer=finer)
        rooms, total = share_out(total=whole, exact=exact), data.draw(st.integers(0, whole))
        parts = falls(total=total, rooms=rooms, exact=exact, finer=finer)
        left = left_to_pay(exact=exact, parts=parts, finer=finer)
        now = sum(amount if rest is None else Fraction(rest) for amount, rest in zip(exact, left, strict=True))
        assert whole - as_shown(exact=now, finer=finer) == sum(parts) <= total
        assert all(rest is None or rest >= 0 for rest in left)
        assert all(part <= room for part, room in zip(parts, rooms, strict=True))
        assert sum(parts) >= min(total, sum(map(int, exact))), "whole coins can always be taken"


class TestWhatIsLeftToPay:
    @pytest.mark.parametrize(
        ("exact", "parts", "left"),
        [
            (["500", "300"], [200, 0], [300, None]),
            (["500"], [500], [0]),
            (["299.7"] * 3, [300, 300, 299], [0, 0, 0]),
            (["298.8", "298.8"], [100, 100], [199, 199]),
            (["100.4", "0.4"], [1, 0], [100, None]),
            (["0.7", "17", "0.75"], [0, 10, 1], [None, 6, 0]),
            (["0.4"], [1], [0]),
            ([], [], []),
        ],
    )
    def test_is_whole_cents_that_make_the_rounded_sum_fall_by_the_parts(self, exact, parts, left):
        assert left_to_pay(exact=[Fraction(amount) for amount in exact], parts=parts) == left

    def test_is_told_from_the_sum_that_is_shown_where_columns_hold_more_than_the_currency(self):
        # 691.4974 yen stand in a column of two decimals as 691.50, and are shown as 692.
        exact = [Fraction("67.9099"), Fraction("623.5875")]
        assert as_shown(exact=sum(exact)) == 691
        assert as_shown(exact=sum(exact), finer=100) == 692
        assert left_to_pay(exact=exact, parts=[0, 1], finer=100) == [None, 623]
        assert as_shown(exact=exact[0] + 623, finer=100) == 691

    @many
    @given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.data())
    def test_is_the_plain_difference_where_all_amounts_are_whole(self, rooms, data):
        parts = spread(total=data.draw(st.integers(0, sum(rooms))), weights=rooms)
        left = left_to_pay(exact=[Fraction(room) for room in rooms], parts=parts)
        assert left == [room - part if part else None for room, part in zip(rooms, parts, strict=True)]


lines = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=1, max_size=30)


class TestTheWayBack:
    @many
    @given(lines, st.integers(0, 10**6), st.data())
    def test_ends_in_any_order_of_returns_where_the_full_return_ends(self, bought, points, data):
        weights = [minor for minor, _quantity in bought]
        shares = spread(total=points, weights=weights)
        gone, back = [0] * len(bought), 0
        for n in data.draw(st.lists(st.integers(0, len(bought) - 1), max_size=12)):
            gone[n] = min(bought[n][1], gone[n] + data.draw(st.integers(1, 5)))
            now = returned(shares, gone, bought)
            assert back <= now <= points
            back = now
        assert back == returned(shares, gone, bought), "only what is gone counts, not how it went"
        assert returned(shares, [quantity for _minor, quantity in bought], bought) == points
        assert returned(shares, [0] * len(bought), bought) == 0


def returned(shares, gone, bought):
    """The points that should have come back by now."""
    return sum(
        taken_back(points=share, gone=units, quantity=quantity)
        for share, units, (_minor, quantity) in zip(shares, gone, bought, strict=True)
    )
