"""Rules that count together: what their pages say they come to is what an order brings."""

import re

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import a_set
from tests.storefront import TODAY, a_club, a_product, a_user, buy, day

from .test_rules import ADD, page, typed

Range = get_model("offer", "Range")


@pytest.fixture
def unit(db):
    unit = a_club()
    Rule.objects.all().delete()
    return unit


@pytest.fixture
def rule(unit):
    def saved(code, params, *conditions, type="multiplier"):
        narrowed = [{"code": name, "params": told} for name, told in conditions]
        told = {"code": code, "name": code.capitalize(), "type": type, "params": params, "narrowed": narrowed}
        found = save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        forget_cache()
        return found

    return saved


@pytest.fixture
def said(root):
    def sentences(rule):
        with clock.at(TODAY):
            return [text.replace("\xa0", " ") for text in root.get(page(rule)).context["clashes"]]

    return sentences


def brings(product, at=TODAY):
    order = buy(a_user(f"{at.isoformat()}@example.com"), (product, 1), on=at)
    return Award.objects.get(source_id=order.pk).points


def base(rule):
    return rule("base", {"currency": "EUR", "points": 1, "step_minor": 100}, type="per-amount")


ADVENT = ("dates", {"first": "2026-12-01", "last": "2026-12-06"})
WEEK = ("dates", {"first": "2026-12-05", "last": "2026-12-11"})


class TestTwoMultipliers:
    def test_add_up_where_and_when_both_count(self, rule, said):
        bed = a_product("Bed", "100.00")
        a_set(bed, code="beds")
        base(rule), rule("advent", {"percent": 150}, ADVENT)
        double = rule("double", {"percent": 170, "group": "own"}, WEEK, ("product-set", {"sets": ["beds"]}))
        (text,) = said(double)
        pattern = (
            r"This and “Advent” add up to ([\d.]+) times, on (.*), from (\d+) December 2026 to (\d+) December 2026\."
        )
        times, where, first, last = re.fullmatch(pattern, text).groups()
        assert (times, where, first, last) == ("2.2", "beds", "5", "6")
        orders = [brings(bed, day(12, number)) for number in (int(first) - 1, int(first), int(last), int(last) + 1)]
        assert orders == [150, 220, 220, 170]
        assert [text.replace("Double", "Advent") for text in said(Rule.objects.get(code="advent"))] == [text]

    def test_of_one_group_are_told_to_be_the_better_one(self, rule, said):
        toy = a_product("Toy", "100.00")
        base(rule), rule("one", {"percent": 150})
        (text,) = said(rule("two", {"percent": 200}))
        assert text == "Of this and “One” only the better one counts, 2 times, on everything."
        assert brings(toy) == 200

    @pytest.mark.parametrize(
        "conditions",
        [
            ([ADVENT], [("dates", {"first": "2026-12-07"})]),
            ([("dates", {"last": "2026-05-05"})], []),
            ([("weekdays", {"days": [1, 2]})], [("weekdays", {"days": [3]})]),
            ([("hours", {"end": "12:00"})], [("hours", {"start": "12:00"})]),
            ([("product-set", {"sets": ["beds"]})], [("product-set", {"sets": ["toys"]})]),
            ([("product-set", {"sets": ["beds"]})], [("product-set", {"sets": ["beds"], "outside": True})]),
        ],
    )
    def test_that_never_meet_say_nothing(self, rule, said, conditions):
        a_set(a_product("Bed"), code="beds"), a_set(a_product("Toy"), code="toys")
        rule("one", {"percent": 150}, *conditions[0])
        assert said(rule("two", {"percent": 200, "group": "own"}, *conditions[1])) == []

    def test_meet_on_a_product_that_is_in_both_of_their_sets(self, rule, said):
        bed = a_product("Bed", "100.00")
        a_set(bed, code="beds"), a_set(bed, code="dogs")
        base(rule), rule("one", {"percent": 150}, ("product-set", {"sets": ["beds"]}))
        (text,) = said(rule("two", {"percent": 200, "group": "own"}, ("product-set", {"sets": ["dogs"]})))
        assert text == "This and “One” add up to 2.5 times, on what is in each of dogs, beds."
        assert brings(bed) == 250

    def test_say_so_when_one_is_saved(self, root, unit, rule):
        rule("one", {"percent": 150})
        data = typed(name="Two", unit=unit.pk, p_percent="2", p_group="own")
        answer = root.post(f"{ADD}?type=multiplier", data, follow=True)
        assert "This and “One” add up to 2.5 times, on everything." in [str(one) for one in answer.context["messages"]]


class TestTwoRulesForMoney:
    def test_add_up_for_a_step_of_both(self, rule, said):
        toy = a_product("Toy", "30.00")
        base(rule)
        more = rule("more", {"currency": "EUR", "points": 5, "step_minor": 1000}, type="per-amount")
        (text,) = said(more)
        points, step = re.search(r"“Base” add up to (\d+) paws for each €([\d.]+), on everything\.", text).groups()
        assert brings(toy) == 3000 * int(points) // int(float(step) * 100)
