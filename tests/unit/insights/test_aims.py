"""Where a program stands on the straight way to a target, up or down, at each boundary."""

from datetime import date
from fractions import Fraction

import pytest

from loyalty_oscar.insights.aims import AimedWay

#: A hundred days from 1,000 to 2,000.
UP = AimedWay(starts_on=date(2026, 1, 1), start=1_000, ends_on=date(2026, 4, 11), target=2_000)
DOWN = AimedWay(starts_on=date(2026, 1, 1), start=2_000, ends_on=date(2026, 4, 11), target=1_000)


class TestTheWay:
    @pytest.mark.parametrize(
        ("on", "due"),
        [
            (date(2025, 12, 1), 1_000),
            (date(2026, 1, 1), 1_000),
            (date(2026, 1, 2), 1_010),
            (date(2026, 2, 20), 1_500),
            (date(2026, 4, 10), 1_990),
            (date(2026, 4, 11), 2_000),
            (date(2027, 1, 1), 2_000),
        ],
    )
    def test_is_straight_from_the_first_day_to_the_last(self, on, due):
        assert UP.due(on=on) == due
        assert DOWN.due(on=on) == 3_000 - due

    def test_is_exact(self):
        way = AimedWay(starts_on=date(2026, 1, 1), start=0, ends_on=date(2026, 1, 4), target=1)
        assert way.due(on=date(2026, 1, 2)) == Fraction(1, 3)


class TestTheProgress:
    @pytest.mark.parametrize(
        ("on", "value", "up", "down"),
        [
            (date(2026, 2, 20), 1_499, "behind", "ahead"),
            (date(2026, 2, 20), 1_500, "ahead", "ahead"),
            (date(2026, 2, 20), 1_501, "ahead", "behind"),
            (date(2026, 2, 20), 1_999, "ahead", "behind"),
            (date(2026, 2, 20), 2_000, "reached", "behind"),
            (date(2026, 2, 20), 1_000, "behind", "reached"),
            (date(2026, 2, 20), 999, "behind", "reached"),
            (date(2026, 5, 1), 1_999, "behind", "behind"),
            (date(2025, 12, 31), 2_000, "too_little", "too_little"),
            (date(2026, 1, 1), 1_000, "ahead", "reached"),
            (date(2026, 2, 20), None, "too_little", "too_little"),
        ],
    )
    def test_is_judged_by_the_day_and_by_where_the_way_leads(self, on, value, up, down):
        assert (UP.progress(on=on, value=value), DOWN.progress(on=on, value=value)) == (up, down)
