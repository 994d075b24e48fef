"""A sale that brings points, divided as the standard says."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.insights.ifrs import Split, split

TEN_CENTS = Fraction(10)


class TestASale:
    def test_of_2000_with_2000_points_worth_a_tenth_defers_156_68(self):
        found = split(paid=200_000, points=2_000, worth=TEN_CENTS, used=Fraction(85, 100))
        assert found == Split(revenue=184_332, deferred=15_668)

    @pytest.mark.parametrize(
        ("points", "worth", "used"),
        [(0, TEN_CENTS, Fraction(1)), (100, Fraction(0), Fraction(1)), (100, TEN_CENTS, Fraction(0))],
    )
    def test_is_revenue_where_nothing_is_owed(self, points, worth, used):
        assert split(paid=999, points=points, worth=worth, used=used) == Split(revenue=999, deferred=0)

    def test_of_nothing_has_nothing_to_divide(self):
        assert split(paid=0, points=50, worth=TEN_CENTS, used=Fraction(1)) == Split(revenue=0, deferred=0)

    def test_whose_points_are_worth_as_much_as_it_is_halved(self):
        assert split(paid=1_000, points=100, worth=TEN_CENTS, used=Fraction(1)) == Split(revenue=500, deferred=500)

    @given(
        paid=st.integers(0, 10**9),
        points=st.integers(0, 10**7),
        worth=st.fractions(0, 1000),
        used=st.fractions(0, 1),
    )
    def test_is_divided_to_the_cent(self, paid, points, worth, used):
        found = split(paid=paid, points=points, worth=worth, used=used)
        assert found.revenue + found.deferred == paid
        assert found.revenue >= 0 and found.deferred >= 0
        alone = points * worth * used
        if paid:
            assert abs(found.deferred - paid * alone / (paid + alone)) <= Fraction(1, 2)
