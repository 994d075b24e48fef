"""Whose the points of an order are: by rule, to the point."""

import pytest

from loyalty_oscar.earning.shares import shares


def step(code, exact, rule="base"):
    return {"c": code, "p": {"rule": rule.title(), "code": rule, "exact": exact}}


def earned(*steps):
    return {"c": "earned", "p": {"steps": list(steps)}}


#: 99.90 at a point each, doubled, and a gift of 50: 249 in all.
DOUBLED = earned(
    step("per_amount", "99.90"), step("multiplier", "99.90", "double"), step("first_order", "50.00", "first")
)


class TestTheSharesOfAnOrder:
    def test_leave_whole_points_whole_and_divide_the_rest(self):
        found = shares(points=249, because=DOUBLED, standing=249)
        assert found == {"rule:base": 100, "rule:double": 99, "rule:first": 50}

    def test_name_the_level_that_lifted_it(self):
        told = {"rule": "Gold", "rank": 3, "exact": "10.00"}
        because = earned(step("per_amount", "40.00"), {"c": "tier_bonus", "p": told})
        assert shares(points=50, because=because, standing=50) == {"rule:base": 40, "tier:3": 10}

    def test_name_it_as_it_was_called_where_no_number_was_written_down(self):
        because = earned(step("per_amount", "40.00"), {"c": "tier_bonus", "p": {"rule": "Gold", "exact": "10.00"}})
        assert shares(points=50, because=because, standing=50) == {"rule:base": 40, "tier:Gold": 10}

    def test_fall_by_the_same_part(self):
        assert shares(points=249, because=DOUBLED, standing=83) == {
            "rule:base": 33,
            "rule:double": 33,
            "rule:first": 17,
        }

    @pytest.mark.parametrize("standing", range(0, 250, 7))
    def test_add_up_whatever_stands(self, standing):
        assert sum(shares(points=249, because=DOUBLED, standing=standing).values()) == standing

    def test_are_nothing_where_nothing_stands(self):
        assert set(shares(points=249, because=DOUBLED, standing=0).values()) == {0}

    def test_hold_what_came_late(self):
        because = earned(step("per_amount", "10.00"), step("first_order", "50.00", "first"))
        assert shares(points=75, because=because, standing=75) == {"rule:base": 25, "rule:first": 50}

    def test_of_whole_points_alone_hold_what_came_late(self):
        because = earned(step("per_order", "20.00", "each"), step("first_order", "20.00", "first"))
        assert shares(points=50, because=because, standing=50) == {"rule:each": 25, "rule:first": 25}

    def test_are_of_nobody_where_nobody_wrote_them_down(self):
        assert shares(points=10, because={"c": "no_rule"}, standing=10) == {"order": 10}
        assert shares(points=10, because={}, standing=4) == {"order": 4}
