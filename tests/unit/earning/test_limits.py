"""What a rule gives at most: what an order comes to with the rule, less what it comes to without it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loyalty_oscar.earning.decision import decide, decide_late
from loyalty_oscar.earning.rules import (
    Budget,
    CapPerDay,
    CapPerMonth,
    CapPerOrder,
    EveryNth,
    InProductSet,
    Multiplier,
    PerAmount,
    PerOrder,
    PerUnit,
    Room,
    Terms,
)
from loyalty_oscar.kernel.because import Because

from .purchases import a_line, a_purchase, in_force

SPENT = Because("budget_spent")
ROUNDINGS = [("floor", "order"), ("half_up", "order"), ("ceil", "order"), ("block", "order"), ("floor", "line")]
ROUNDINGS += [("half_up", "line"), ("ceil", "line")]


def base(*conditions, points=1, code="base"):
    return in_force(PerAmount(currency="EUR", points=points, step_minor=100), *conditions, code=code)


def times(number, *conditions, group="campaign", code="times"):
    return in_force(Multiplier(percent=100 * number, group=group), *conditions, code=code)


def left(rule, points, had=0):
    """The rule, of which budgets and caps leave an order so many points."""
    return replace(rule, room=Room(points=points, because=SPENT, had=had), rule_id=rule.version_id)


def brings(*rules, euros=10, percent=100, **terms):
    purchase = a_purchase(a_line(paid_minor=round(euros * 100)))
    purchase = replace(purchase, facts={"tier": {"name": "Gold", "percent": percent}})
    return decide(purchase=purchase, rules=rules, terms=Terms(**terms))


def counted(decision, rule):
    """What a decision says that a rule gave."""
    return decision.of_rules.get(rule.rule_id, 0) + sum(b.points for b in decision.bonuses if b.rule == rule.code)


class TestTheMostOfARuleForMoney:
    """Whatever limits it, what multiplies its points counts with them."""

    @pytest.mark.parametrize(("euros", "points"), [(4.99, 9), (5, 10), (5.01, 10), (500, 10)])
    @pytest.mark.parametrize(
        "limited",
        [lambda: base(CapPerOrder(points=10)), lambda: left(base(Budget(points=10)), 10)]
        + [lambda kind=kind: left(base(kind(points=10)), 10) for kind in (CapPerDay, CapPerMonth)],
        ids=["order", "budget", "day", "month"],
    )
    def test_holds_what_a_multiplier_makes_of_it(self, limited, euros, points):
        assert brings(limited(), times(2), euros=euros).points == points

    @pytest.mark.parametrize(("euros", "points"), [(6.66, 9), (6.67, 10), (6.68, 10), (500, 10)])
    def test_holds_what_a_level_makes_of_it(self, euros, points):
        assert brings(base(CapPerOrder(points=10)), euros=euros, percent=150).points == points

    def test_leaves_points_for_pieces_and_orders_alone(self):
        beside = in_force(PerUnit(points=7)), in_force(PerOrder(points=50))
        assert brings(base(CapPerOrder(points=10)), times(3), *beside, euros=500).points == 67

    def test_leaves_other_rules_what_a_multiplier_makes_of_theirs(self):
        decision = brings(left(base(), 5), base(points=2, code="more"), times(2))
        assert decision.points == 5 + 40

    def test_leaves_a_multiplier_what_its_own_budget_counts(self):
        one, two = left(base(), 5), left(times(2), 30)
        decision = brings(one, two)
        assert (decision.points, counted(decision, one), counted(decision, two)) == (10, 5, 5)

    def test_is_explained_by_the_steps(self):
        because = brings(left(base(), 15), times(2)).because
        steps = [(step["c"], step["p"]["exact"]) for step in because.params["steps"]]
        assert steps == [("per_amount", "7.50"), ("multiplier", "7.50")]
        assert [cut["c"] for cut in because.params["cut"]] == ["budget_spent"]


class TestTheMostOfAMultiplier:
    @pytest.mark.parametrize(("room", "points"), [(0, 10), (1, 11), (19, 29), (20, 30), (21, 30)])
    def test_holds_what_it_adds(self, room, points):
        triple = left(times(3), room)
        decision = brings(base(), triple)
        assert (decision.points, counted(decision, triple)) == (points, points - 10)

    @pytest.mark.parametrize(("room", "points"), [(0, 20), (1, 21), (9, 29), (10, 30), (11, 30)])
    def test_leaves_the_next_best_of_its_group_the_part_of_an_order_that_it_does_not_lift(self, room, points):
        double, triple = times(2, code="double"), left(times(3), room)
        for rules in ([base(), double, triple], [triple, double, base()]):
            decision = brings(*rules)
            assert (decision.points, counted(decision, triple)) == (points, points - 20)

    def test_is_taken_from_before_that_of_a_lesser_one_of_its_group(self):
        double, triple = left(times(2, code="double"), 4), left(times(3), 10)
        decision = brings(base(), double, triple)
        # A half of the order is tripled, which brings 10, and of the other half's 5 the budget has 4.
        assert (decision.points, counted(decision, triple), counted(decision, double)) == (24, 10, 4)

    def test_that_is_spent_is_told_only_where_it_would_have_added_something(self):
        spent = left(times(2), 0)
        assert [cut["c"] for cut in brings(base(), spent).because.params["cut"]] == ["budget_spent"]
        assert "cut" not in brings(base(), spent, times(3, code="better")).because.params


# Any order under any rules ------------------------------------------------------------------------------------------

LINE = st.tuples(st.integers(1, 3000), st.integers(1, 4), st.sampled_from([(), ("beds",)]))
LINES = st.lists(LINE, min_size=1, max_size=5)
ON = st.sampled_from([(), (InProductSet(sets=("beds",)),)])
KINDS = st.one_of(
    st.builds(lambda points, step: PerAmount(currency="EUR", points=points, step_minor=step), st.integers(1, 5),
              st.sampled_from([100, 150, 777])),
    st.builds(lambda percent, group: Multiplier(percent=percent, group=group), st.integers(101, 400),
              st.sampled_from("ab")),
    st.builds(lambda points: PerUnit(points=points), st.integers(1, 9)),
    st.builds(lambda points: PerOrder(points=points), st.integers(1, 30)),
    st.builds(lambda points: EveryNth(points=points, pieces=2), st.integers(1, 9)),
)  # fmt: skip
RULES = st.lists(st.tuples(KINDS, ON, st.integers(0, 40) | st.none()), min_size=1, max_size=5)


def some_rules(drawn):
    """Rules by name, each with what is left of it; and those that have no limit."""
    rules = [in_force(kind, *on, code=f"rule-{place}") for place, (kind, on, _most) in enumerate(drawn)]
    return [rule if most is None else left(rule, most) for rule, (_kind, _on, most) in zip(rules, drawn, strict=True)]


def an_order(lines, percent):
    purchase = a_purchase(*(a_line(paid_minor=paid, quantity=pieces, sets=sets) for paid, pieces, sets in lines))
    return replace(purchase, facts={"tier": {"name": "Gold", "percent": percent}})


class TestWhatIsCountedOfALimit:
    @given(LINES, RULES, st.sampled_from(ROUNDINGS), st.sampled_from([100, 125]))
    def test_is_what_an_order_comes_to_with_the_rule_less_without_it(self, lines, drawn, rounding, percent):
        rules, terms = some_rules(drawn), Terms(rounding=rounding[0], stage=rounding[1])
        limited = [rule for rule in rules if rule.room]
        assume(limited)
        purchase, one = an_order(lines, percent), limited[0]
        rules = [rule for rule in rules if rule is one or not rule.room]
        with_it = decide(purchase=purchase, rules=rules, terms=terms)
        whole = decide(purchase=purchase, rules=[replace(r, room=None) for r in rules], terms=terms)
        without = decide(purchase=purchase, rules=[rule for rule in rules if rule is not one], terms=terms)
        assert counted(with_it, one) == with_it.points - without.points
        assert with_it.points - without.points == min(one.room.points, whole.points - without.points)

    @given(LINES, RULES, st.sampled_from(ROUNDINGS), st.sampled_from([100, 125]))
    def test_adds_up_over_all_rules_and_is_never_more_than_is_left(self, lines, drawn, rounding, percent):
        rules, terms = some_rules(drawn), Terms(rounding=rounding[0], stage=rounding[1])
        purchase = an_order(lines, percent)
        decision = decide(purchase=purchase, rules=rules, terms=terms)
        rest = decide(purchase=purchase, rules=[rule for rule in rules if not rule.room], terms=terms)
        limited = [rule for rule in rules if rule.room]
        assert sum(counted(decision, rule) for rule in limited) == decision.points - rest.points
        for rule in limited:
            assert 0 <= counted(decision, rule) <= rule.room.points

    @given(LINES, LINES, RULES, st.sampled_from(ROUNDINGS), st.integers(0, 20))
    def test_of_lines_that_came_late_is_no_more_than_the_others_left(self, lines, late, drawn, rounding, had):
        rules, terms = some_rules(drawn), Terms(rounding=rounding[0], stage=rounding[1])
        rules = [left(rule, rule.room.points + had, had=had) if rule.room else rule for rule in rules]
        known, purchase = an_order(lines, 100).lines, an_order(late, 100)
        purchase = replace(purchase, lines=known + purchase.lines)
        told = {"purchase": purchase, "known": {line.line_id for line in known}, "terms": terms}
        decision = decide_late(rules=rules, **told)
        assert sum(line.points for line in decision.lines) == decision.points
        for rule in rules:
            if rule.room:
                assert 0 <= decision.of_rules.get(rule.rule_id, 0) <= rule.room.points - had
