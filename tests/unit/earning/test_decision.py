"""What a purchase brings: counted exactly, rounded once, split so that it adds up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.earning.decision import decide, decide_late
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.rules import Dates, InProductSet, MinimumSpend

from .purchases import (
    FirstOrder,
    Multiplier,
    PerAmount,
    PerUnit,
    Terms,
    a_line,
    a_purchase,
    in_force,
    one_per_euro,
)


def points(purchase, *rules, **terms):
    return decide(purchase=purchase, rules=rules, terms=Terms(**terms)).points


class TestAPurchase:
    def test_is_rounded_down_once_and_not_on_each_line(self):
        purchase = a_purchase(a_line(paid_minor=99), a_line(paid_minor=99), a_line(paid_minor=2))
        assert points(purchase, one_per_euro()) == 2

    def test_is_rounded_on_each_line_where_the_terms_say_so(self):
        purchase = a_purchase(a_line(paid_minor=199), a_line(paid_minor=199))
        assert points(purchase, one_per_euro(), stage="line") == 2

    @pytest.mark.parametrize(("mode", "expected"), [("floor", 2), ("half_up", 3), ("ceil", 3)])
    def test_is_rounded_as_the_program_says(self, mode, expected):
        assert points(a_purchase(a_line(paid_minor=250)), one_per_euro(), rounding=mode) == expected

    def test_counts_full_steps_only_in_blocks(self):
        ten_per_two = in_force(PerAmount(currency="EUR", points=10, step_minor=200))
        assert points(a_purchase(a_line(paid_minor=700)), ten_per_two, rounding="block") == 30
        assert points(a_purchase(a_line(paid_minor=700)), ten_per_two) == 35

    @pytest.mark.parametrize(
        ("known", "late", "expected"),
        # 1.51 is one full step, and 4.41 two: the late line brings the one that it adds, tripled or not.
        [((151, "beds"), (290, "toys"), 1), ((151, "toys"), (290, "beds"), 3), ((100, "beds"), (49, "toys"), 0)],
    )
    def test_that_a_line_joins_late_gets_the_full_steps_that_it_adds(self, known, late, expected):
        one_per_step = in_force(PerAmount(currency="EUR", points=1, step_minor=150))
        triple = in_force(Multiplier(percent=300), InProductSet(sets=("beds",)))
        first, second = (a_line(paid_minor=paid, sets=[code]) for paid, code in (known, late))
        told = {"purchase": a_purchase(first, second), "known": {first.line_id}, "terms": Terms(rounding="block")}
        assert decide_late(rules=[one_per_step, triple], **told).points == expected

    def test_is_multiplied_before_it_is_rounded(self):
        triple = in_force(Multiplier(percent=300))
        assert points(a_purchase(a_line(paid_minor=199)), one_per_euro(), triple) == 5

    def test_of_nothing_paid_brings_nothing_and_says_why(self):
        decision = decide(purchase=a_purchase(a_line(paid_minor=0)), rules=[one_per_euro()], terms=Terms())
        assert (decision.points, decision.because.code) == (0, "nothing_paid")

    def test_in_a_currency_without_a_rate_brings_nothing_and_says_why(self):
        purchase = a_purchase(a_line(paid_minor=5000), currency="PLN")
        decision = decide(purchase=purchase, rules=[one_per_euro()], terms=Terms())
        assert (decision.points, decision.because.code) == (0, "no_rule")

    def test_leaves_out_what_the_program_excludes(self):
        lines = a_line(paid_minor=1000, sets=["gift-cards"]), a_line(paid_minor=500)
        purchase = a_purchase(*lines, known_sets=["gift-cards"])
        assert points(purchase, one_per_euro(), excluded_set="gift-cards") == 5

    def test_brings_nothing_while_nobody_knows_what_the_program_excludes(self):
        bonus = in_force(FirstOrder(points=20))
        purchase = a_purchase(a_line(paid_minor=500), is_first=True)
        decision = decide(purchase=purchase, rules=[one_per_euro(), bonus], terms=Terms(excluded_set="gift-cards"))
        assert (decision.points, decision.because.code) == (0, "excluded_set_untied")

    def test_of_excluded_products_only_says_so(self):
        purchase = a_purchase(a_line(paid_minor=1000, sets=["gift-cards"]), known_sets=["gift-cards"])
        decision = decide(purchase=purchase, rules=[one_per_euro()], terms=Terms(excluded_set="gift-cards"))
        assert (decision.points, decision.because.code) == (0, "all_excluded")

    def test_explains_each_step_with_its_exact_share(self):
        double = in_force(Multiplier(percent=200), InProductSet(sets=("beds",)), code="bed days")
        purchase = a_purchase(a_line(paid_minor=8900, sets=["beds"]), a_line(paid_minor=3920))
        decision = decide(purchase=purchase, rules=[one_per_euro(), double], terms=Terms())
        steps = [(step["c"], step["p"]["exact"]) for step in decision.because.params["steps"]]
        assert steps == [("per_amount", "128.20"), ("multiplier", "89.00")]
        assert decision.points == 217

    @given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30), st.sampled_from([100, 300, 777]))
    def test_splits_to_its_lines_so_that_they_add_up(self, paid, step):
        rule = in_force(PerAmount(currency="EUR", points=7, step_minor=step))
        lines = [a_line(paid_minor=amount) for amount in paid]
        decision = decide(purchase=a_purchase(*lines), rules=[rule], terms=Terms())
        assert sum(line.points for line in decision.lines) == decision.points == 7 * sum(paid) // step
        for line, award in zip(lines, decision.lines, strict=True):
            assert abs(award.points - Fraction(7 * line.paid_minor, step)) < 1

    @given(st.lists(st.integers(0, 5_000), min_size=2, max_size=20))
    def test_never_brings_more_when_it_is_split_into_many(self, paid):
        lines = [a_line(paid_minor=amount) for amount in paid]
        whole = points(a_purchase(*lines), one_per_euro())
        assert sum(points(a_purchase(line), one_per_euro()) for line in lines) <= whole


class TestMultipliers:
    def test_of_one_group_do_not_add_up(self):
        rules = [in_force(Multiplier(percent=200)), in_force(Multiplier(percent=300))]
        assert points(a_purchase(a_line(paid_minor=1000)), one_per_euro(), *rules) == 30

    def test_of_two_groups_add_and_do_not_multiply(self):
        rules = [in_force(Multiplier(percent=200)), in_force(Multiplier(percent=300, group="tier"))]
        assert points(a_purchase(a_line(paid_minor=1000)), one_per_euro(), *rules) == 40

    def test_leave_fixed_points_alone(self):
        per_bed = in_force(PerUnit(points=50), InProductSet(sets=("beds",)))
        purchase = a_purchase(a_line(paid_minor=1000, quantity=2, sets=["beds"]))
        assert points(purchase, one_per_euro(), per_bed, in_force(Multiplier(percent=200))) == 120


class TestAFirstOrderBonus:
    def test_comes_with_the_first_order_only(self):
        bonus = in_force(FirstOrder(points=40))
        assert points(a_purchase(a_line(paid_minor=1000), is_first=True), one_per_euro(), bonus) == 50
        assert points(a_purchase(a_line(paid_minor=1000)), one_per_euro(), bonus) == 10

    def test_does_not_come_when_no_money_was_paid(self):
        assert points(a_purchase(a_line(paid_minor=0), is_first=True), in_force(FirstOrder(points=40))) == 0

    @pytest.mark.parametrize(
        ("gone", "stays"),
        [((0, 0), True), ((1, 0), True), ((1, 1), False), ((2, 0), False)],
    )
    def test_stays_while_a_minimum_that_all_goods_met_is_met(self, gone, stays):
        bed = a_line(paid_minor=5000, quantity=2, sets=["beds"])
        card = a_line(paid_minor=6000, quantity=2)
        conditions = InProductSet(sets=("beds",)), MinimumSpend(currency="EUR", minimum_minor=6000)
        bonus = in_force(FirstOrder(points=40), *conditions)
        decision = decide(purchase=a_purchase(bed, card, is_first=True), rules=[bonus], terms=Terms())
        lines = [
            a_left(points=0, quantity=2, gone=units, line_id=line.line_id, paid_minor=line.paid_minor)
            for line, units in zip((bed, card), gone, strict=True)
        ]
        assert decision.points == 40
        assert left(*lines, bonuses=[bonus.to_json() for bonus in decision.bonuses]) == (40 if stays else 0)


class TestConditions:
    @pytest.mark.parametrize(("paid", "expected"), [(4999, 0), (5000, 50)])
    def test_ask_for_a_minimum(self, paid, expected):
        rule = one_per_euro(MinimumSpend(currency="EUR", minimum_minor=5000))
        assert points(a_purchase(a_line(paid_minor=paid)), rule) == expected

    @pytest.mark.parametrize(("outside", "expected"), [(False, 10), (True, 5)])
    def test_take_products_in_a_set_or_out_of_it(self, outside, expected):
        rule = one_per_euro(InProductSet(sets=("beds",), outside=outside))
        purchase = a_purchase(a_line(paid_minor=1000, sets=["beds"]), a_line(paid_minor=500))
        assert points(purchase, rule) == expected

    @pytest.mark.parametrize("outside", [False, True])
    def test_suspend_the_rule_when_its_set_is_tied_to_no_range(self, outside):
        rule = one_per_euro(InProductSet(sets=("gone",), outside=outside))
        assert points(a_purchase(a_line(paid_minor=1000)), rule) == 0

    @pytest.mark.parametrize(
        ("zone", "first", "last", "expected"),
        [
            ("UTC", "2026-05-06", "2026-05-06", 10),
            ("UTC", "2026-05-07", "", 0),
            ("UTC", "", "2026-05-05", 0),
            ("Pacific/Auckland", "2026-05-07", "", 10),
            ("America/Los_Angeles", "", "2026-05-06", 10),
        ],
    )
    def test_count_days_in_the_zone_of_the_program(self, zone, first, last, expected):
        rule = one_per_euro(Dates(first=first, last=last))
        assert points(a_purchase(a_line(paid_minor=1000)), rule, zone=zone) == expected


def left(*lines, bonuses=()):
    return left_of(lines=lines, bonuses=bonuses)


def a_left(*, points, quantity, gone, line_id=1, paid_minor=1000):
    return LineLeft(line_id=line_id, quantity=quantity, points=points, paid_minor=paid_minor, gone=gone)


class TestWhatIsLeft:
    def test_of_a_full_return_is_nothing(self):
        assert left(a_left(points=37, quantity=3, gone=3)) == 0

    def test_gives_the_remainder_to_the_last_unit(self):
        assert [left(a_left(points=37, quantity=3, gone=gone)) for gone in range(4)] == [37, 25, 13, 0]

    def test_never_goes_below_nothing_when_more_comes_back_than_was_sold(self):
        assert left(a_left(points=37, quantity=3, gone=5)) == 0

    @pytest.mark.parametrize(("gone", "expected"), [(0, 60), (1, 50), (2, 0)])
    def test_keeps_a_bonus_while_its_minimum_stays_paid(self, gone, expected):
        bonus = {"p": 40, "min": 500, "lines": [1], "rule": "first"}
        assert left(a_left(points=20, quantity=2, gone=gone), bonuses=[bonus]) == expected
