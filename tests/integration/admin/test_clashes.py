"""Rules that count together: what their pages say they come to is what an order brings."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import a_set
from tests.storefront import TODAY, a_club_without_rules, a_product, a_user, buy, day

from .test_rules import ADD, page, typed

Range = get_model("offer", "Range")


@pytest.fixture
def unit(db):
    return a_club_without_rules()


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


def in_berlin(*at):
    return datetime(*at, tzinfo=ZoneInfo("Europe/Berlin"))


def base(rule):
    return rule("base", {"currency": "EUR", "points": 1, "step_minor": 100}, type="per-amount")


ADVENT = ("dates", {"first": "2026-12-01", "last": "2026-12-06"})
#: The days of both.
BOTH = "from 5 December 2026 to 6 December 2026"
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

    @pytest.mark.parametrize(
        ("cap", "most", "brought"),
        [
            ("cap-per-order", "at most 20 paws an order", 220),
            ("cap-per-day", "at most 20 paws a day for each member", 220),
            ("cap-per-month", "at most 20 paws a calendar month for each member", 220),
            ("cap-per-member", "at most 20 paws in all for each member", 220),
            ("budget", "at most 20 paws for all members together", 220),
        ],
    )
    def test_say_where_one_ends(self, rule, said, cap, most, brought):
        toy = a_product("Toy", "100.00")
        base(rule), rule("one", {"percent": 150}, (cap, {"points": 20}))
        two = rule("two", {"percent": 200, "group": "own"})
        assert said(two) == [f"This and “One” add up to 2.5 times, on everything. “One” brings {most}."]
        assert brings(toy) == brought
        assert said(Rule.objects.get(code="one"))[0].endswith(f"on everything. This brings {most}.")

    def test_say_so_when_one_is_saved(self, root, unit, rule):
        rule("one", {"percent": 150})
        data = typed(name="Two", unit=unit.pk, p_percent="2", p_group="own")
        answer = root.post(f"{ADD}?type=multiplier", data, follow=True)
        assert "This and “One” add up to 2.5 times, on everything." in [str(one) for one in answer.context["messages"]]


class TestMoreThanTwo:
    def test_are_told_first_with_the_most_that_they_come_to(self, rule, said):
        bed, toy = a_product("Bed", "100.00"), a_product("Toy", "100.00")
        a_set(bed, code="beds"), a_set(toy, code="toys")
        base(rule), rule("advent", {"percent": 150}, ADVENT), rule("week", {"percent": 200, "group": "week"}, WEEK)
        rule("toys", {"percent": 110, "group": "toys"}, ("product-set", {"sets": ["toys"]}))
        beds = rule("beds", {"percent": 170, "group": "own"}, ("product-set", {"sets": ["beds"]}))
        most, *pairs = said(beds)
        assert most == (
            "This, “Advent” and “Week” add up to 3.2 times, on beds, from 5 December 2026 to 6 December 2026."
        )
        assert [text.partition(" times")[0] for text in pairs] == [
            "This and “Advent” add up to 2.2",
            "This and “Week” add up to 2.7",
        ]
        assert [brings(bed, day(12, number)) for number in (4, 5, 6, 7)] == [220, 320, 320, 270]
        assert brings(toy, day(12, 5) + timedelta(hours=1)) == 260

    def test_of_which_two_are_of_one_group_count_the_better_one(self, rule, said):
        toy = a_product("Toy", "100.00")
        (
            base(rule),
            rule("one", {"percent": 150}),
            rule("two", {"percent": 200}),
            rule("three", {"percent": 120, "group": "c"}),
        )
        most, *_pairs = said(rule("four", {"percent": 130, "group": "own"}))
        assert most == "This, “Three” and “Two” add up to 2.5 times, on everything."
        assert brings(toy) == 250

    def test_that_meet_two_by_two_and_never_at_once_are_told_in_pairs_alone(self, rule, said):
        rule("one", {"percent": 150, "group": "a"}, ("weekdays", {"days": [1, 2]}))
        rule("two", {"percent": 150, "group": "b"}, ("weekdays", {"days": [2, 3]}))
        three = rule("three", {"percent": 150, "group": "c"}, ("weekdays", {"days": [1, 3]}))
        assert [text.partition(",")[0] for text in said(three)] == [
            "This and “One” add up to 2 times",
            "This and “Two” add up to 2 times",
        ]


class TestRulesThatGiveWholePoints:
    """Each kind adds up with its own, as one order shows."""

    @pytest.mark.parametrize(
        ("type", "one", "two", "says", "pieces"),
        [
            ("per-unit", {"points": 5}, {"points": 7}, "12 paws for each piece, on everything", 1),
            ("per-order", {"points": 5}, {"points": 7}, "12 paws, in one order", 1),
            ("first-order", {"points": 5}, {"points": 7}, "12 paws, in a first order", 1),
            (
                "every-nth",
                {"points": 5, "pieces": 3},
                {"points": 7, "pieces": 3},
                "12 paws for every 3 pieces, on everything",
                3,
            ),
        ],
    )
    def test_add_up(self, rule, said, type, one, two, says, pieces):
        rule("one", one, type=type)
        assert said(rule("two", two, type=type)) == [f"This and “One” add up to {says}."]
        order = buy(a_user("new@example.com"), (a_product(), pieces), on=TODAY)
        assert Award.objects.get(source_id=order.pk).points == 12

    def test_for_an_order_add_up_whatever_sets_they_ask_for(self, rule, said):
        bed, toy = a_product("Bed"), a_product("Toy")
        a_set(bed, code="beds"), a_set(toy, code="toys")
        rule("one", {"points": 5}, ("product-set", {"sets": ["beds"]}), WEEK, type="per-order")
        two = rule("two", {"points": 7}, ("product-set", {"sets": ["toys"]}), ADVENT, type="per-order")
        assert said(two) == [f"This and “One” add up to 12 paws, in one order, {BOTH}."]
        order = buy(a_user("new@example.com"), (bed, 1), (toy, 1), on=day(12, 5))
        assert Award.objects.get(source_id=order.pk).points == 12

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            (("per-unit", {"points": 5}), ("per-order", {"points": 5})),
            (("every-nth", {"points": 5, "pieces": 2}), ("every-nth", {"points": 5, "pieces": 3})),
            (("per-unit", {"points": 5}), ("multiplier", {"percent": 200})),
        ],
    )
    def test_say_nothing_beside_another_kind(self, rule, said, one, two):
        rule("one", one[1], type=one[0])
        assert said(rule("two", two[1], type=two[0])) == []

    def test_say_nothing_where_no_order_meets_both(self, rule, said):
        least = [("minimum-spend", {"currency": code, "minimum_minor": 100}) for code in ("EUR", "USD")]
        rule("one", {"points": 5}, least[0], type="per-order")
        assert said(rule("two", {"points": 5}, least[1], type="per-order")) == []


class TestDays:
    def test_on_which_no_such_weekday_falls_are_no_meeting(self, rule, said):
        rule("one", {"percent": 150}, ("weekdays", {"days": [1, 2, 3]}))
        # 5 and 6 December 2026 are a Saturday and a Sunday.
        weekend = ("dates", {"first": "2026-12-05", "last": "2026-12-06"})
        assert said(rule("two", {"percent": 200, "group": "own"}, weekend)) == []

    def test_at_the_end_of_all_days_are_counted(self, rule, said):
        rule("one", {"percent": 150}, ("weekdays", {"days": [5]}))
        late = ("dates", {"first": "9999-12-28"})
        (text,) = said(rule("two", {"percent": 200, "group": "own"}, late))
        assert text.startswith("This and “One” add up to 2.5 times")


class TestTheFrontPage:
    @pytest.fixture
    def front(self, root):
        def sentences():
            forget_cache()
            with clock.at(TODAY):
                html = root.get(reverse("admin:app_list", args=["loyalty_program"])).content.decode()
            return re.findall(r'<li data-loyalty="clash">(.*?)</li>', html.replace("\xa0", " "))

        return sentences

    def test_tells_what_meets_now_and_in_time_to_come(self, rule, front):
        base(rule), rule("advent", {"percent": 150}, ADVENT), rule("week", {"percent": 200, "group": "week"}, WEEK)
        rule("always", {"percent": 120, "group": "own"})
        rule("five", {"points": 5}, type="per-unit"), rule("six", {"points": 6}, type="per-unit")
        assert front() == [
            f"“Advent”, “Always” and “Week” add up to 2.7 times, on everything, {BOTH}.",
            "“Five” and “Six” add up to 11 paws for each piece, on everything.",
        ]

    def test_tells_what_a_planned_version_will_meet_until_the_next_takes_its_place(self, rule, front, unit):
        rule("always", {"percent": 120, "group": "own"})
        planned = {
            "unit": unit,
            "code": "later",
            "name": "Later",
            "type": "multiplier",
            "actor": "system",
            "at": day(1, 1),
        }
        save_rule(**planned, params={"percent": 150}, is_on=False)
        save_rule(**planned, params={"percent": 200}, starts_at=in_berlin(2026, 6, 1))
        save_rule(**planned, params={"percent": 300}, starts_at=in_berlin(2026, 7, 1))
        assert front() == [
            "“Always” and “Later” add up to 3.2 times, on everything, from 1 July 2026.",
            "“Always” and “Later” add up to 2.2 times, on everything, from 1 June 2026 to 30 June 2026.",
        ]

    def test_says_nothing_where_nothing_meets(self, rule, front):
        base(rule), rule("advent", {"percent": 150}, ADVENT)
        assert front() == []


class TestTwoRulesForMoney:
    def test_add_up_for_a_step_of_both(self, rule, said):
        toy = a_product("Toy", "30.00")
        base(rule)
        more = rule("more", {"currency": "EUR", "points": 5, "step_minor": 1000}, type="per-amount")
        (text,) = said(more)
        points, step = re.search(r"“Base” add up to (\d+) paws for each €([\d.]+), on everything\.", text).groups()
        assert brings(toy) == 3000 * int(points) // int(float(step) * 100)
