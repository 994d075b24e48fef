"""
What the sentence of a rule promises is what orders get: the sentence is read as a customer reads it, and every order
around its boundaries must bring what the words say. No word of code stands in it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import combinations, product
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from django.utils.html import strip_tags

from loyalty_oscar.earning.allowances import with_rooms
from loyalty_oscar.earning.decision import decide
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.earning.rules import Room, RuleInForce, Terms, build, conditions, earning_rules
from loyalty_oscar.earning.sentences import sentence
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import LineFacts, Purchase, delivery_of
from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import forget_cache
from tests import docs
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.storefront import day, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_rules")]

ZONE = "Europe/Berlin"
SETS = {"cats": "Cat food", "dogs": "Dog beds", "cards": "Gift cards"}
LEVELS = ("Bronze", "Silver", "Gold")
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
CAMEL_CASE = re.compile(r"\b[A-Z]\w*[a-z0-9][A-Z]\w*")

#: What is tried of every kind of rule and condition that is registered, the store's own of the docs among them.
RULES = {
    "per-amount": [
        {"currency": "EUR", "points": 1, "step_minor": 100},
        {"currency": "USD", "points": 3, "step_minor": 250},
        {"currency": "EUR", "points": 2, "step_minor": 100, "delivery": True},
    ],
    "multiplier": [{"percent": 250}],
    "per-unit": [{"points": 5}],
    "first-order": [{"points": 100}],
    "per-order": [{"points": 50}],
    "every-nth": [{"points": 10, "pieces": 3}],
    "many-products": [{"points": 30, "products": 2}],
}
CONDITIONS = {
    "minimum-spend": [{"currency": "EUR", "minimum_minor": 2000}],
    "product-set": [{"sets": ["cats", "dogs"]}, {"sets": ["dogs"]}, {"sets": ["cards"], "outside": True}],
    "dates": [{"first": "2026-05-05", "last": "2026-05-05"}, {"first": "2026-05-05"}, {"last": "2026-05-05"}],
    "tier": [{"rank": 2}, {"rank": 3}, {"rank": 7}],
    "weekday": [{"day": "Tue"}],
    "weekdays": [{"days": [1, 3]}],
    "hours": [{"start": "00:00", "end": "23:59"}],
    "order-pieces": [{"pieces": 3}],
    "line-pieces": [{"pieces": 2}],
    "segment": [{"segment": 1}],
    "cap-per-order": [{"points": 9}],
    "cap-per-day": [{"points": 8}],
    "cap-per-month": [{"points": 7}],
    "cap-per-member": [{"points": 6}],
    "budget": [{"points": 10}],
}  # fmt: skip
#: The last second of Monday 4 May in Berlin, the first and last of Tuesday, the first of Wednesday.
MOMENTS = [
    datetime(2026, 5, day, 21 if second else 22, 59 if second else 0, second, tzinfo=UTC)
    for day, second in [(4, 59), (4, 0), (5, 59), (5, 0)]
]
BASE = {"currency": "EUR", "points": 1, "step_minor": 100}
#: What is in a basket: (product sets, minor units paid, pieces) of each line, around 20.00.
BASKETS = [
    [((), 1999, 1)],
    [((), 2000, 3)],
    [(("cats",), 249, 2), ((), 1751, 1)],
    [(("cards",), 2000, 1)],
    [(("cards",), 1900, 1), (("cats",), 99, 1)],
    [(("cats", "cards"), 1000, 1), (("dogs",), 1000, 4)],
    [(("cats", "dogs"), 2001, 1), (("cards",), 0, 1)],
    [(("dogs",), 0, 1)],
]


def purchases():
    """Every basket at every boundary of everything else."""
    for lines, at, rank, first, currency in product(BASKETS, MOMENTS, range(4), (True, False), ("EUR", "USD")):
        yield Purchase(
            currency=currency,
            placed_at=at,
            is_first=first,
            known_sets=frozenset(SETS),
            facts={"tier_rank": rank} if rank else {},
            delivery=delivery_of(paid_minor=490, paid_excl_minor=412),
            lines=tuple(
                LineFacts(line_id=n, product_id=n, quantity=pieces, paid_minor=paid, sets=frozenset(sets))
                for n, (sets, paid, pieces) in enumerate(lines, start=1)
            ),
        )


# Reading -----------------------------------------------------------------------------------------------------------


def codes(listed):
    """The product sets that words name: "Cat food and Dog beds"."""
    by_name = {name: code for code, name in SETS.items()}
    return {by_name[name] for name in listed.split(" and ")}


def minor(amount):
    assert re.fullmatch(r"\d+\.\d\d", amount)
    return int(amount.replace(".", ""))


def a_day(text):
    return datetime.strptime(f"{text} +0000", "%d %B %Y %z").date()


def local_day(order) -> date:
    return order.placed_at.astimezone(ZoneInfo(ZONE)).date()


def local_time(order):
    return order.placed_at.astimezone(ZoneInfo(ZONE)).strftime("%H:%M")


def paid(lines):
    return sum(line.paid_minor for line in lines)


#: Whole phrases, as regular expressions: what they promise of an order, and of its lines.
ABOUT_ORDERS = {
    r"in orders of at least €([\d.]+)": lambda o, least: o.currency == "EUR" and paid(o.lines) >= minor(least),
    r"if it comes to at least €([\d.]+)": lambda o, least: o.currency == "EUR" and paid(o.lines) >= minor(least),
    r"from (\d+ \w+ \d{4}) to (\d+ \w+ \d{4})": lambda o, a, b: a_day(a) <= local_day(o) <= a_day(b),
    r"from (\d+ \w+ \d{4})": lambda o, a: a_day(a) <= local_day(o),
    r"until (\d+ \w+ \d{4})": lambda o, b: local_day(o) <= a_day(b),
    r"on a (\w+) or (\w+)": lambda o, a, b: f"{local_day(o):%A}" in (a, b),
    r"ordered from ([\d:]+) on and before ([\d:]+)": lambda o, a, b: a <= local_time(o) < b,
    r"(?:in orders with|if it has) at least (\d+) paid pieces": lambda o, n: (
        sum(line.quantity for line in o.lines if line.paid_minor) >= int(n)
    ),
    r"for members in a group that is not there": lambda o: False,
    r"on (\w+days)": lambda o, name: local_day(o).weekday() == WEEKDAYS.index(name),
    r"for members of level (\w+) or higher": lambda o, name: rank_of(o) >= LEVELS.index(name) + 1,
    r"for members of level (Gold)": lambda o, name: rank_of(o) == 3,
    r"for members of level 7, which is not there": lambda o: False,
}
ABOUT_LINES = {
    r"on everything": lambda i: True,
    r"(?:except|not on|with more in it than) (.+)": lambda i, out: i.sets.isdisjoint(codes(out)),
    r"only what is also in ([^,]+)": lambda i, more: bool(i.sets & codes(more)),
    r"from (\d+) pieces of one product on": lambda i, least: i.quantity >= int(least),
    r"(?:on|with) ([^,]+?)(?: in it)?": lambda i, some: bool(i.sets & codes(some)),
}
GIVES = {
    r"(\d+) paws? for each ([€$])([\d.]+)": lambda o, lines, points, sign, step: (
        paid(lines) * int(points) / minor(step) if o.currency == {"€": "EUR", "$": "USD"}[sign.strip()] else 0
    ),
    r"(Twice|[\d.]+ times) the paws": lambda o, lines, times: (
        (float(times.replace("Twice", "2").split()[0]) - 1) * paid(lines) / 100 if o.currency == "EUR" else 0
    ),
    r"(\d+) paws? for each piece": lambda o, lines, points: int(points) * sum(line.quantity for line in lines),
    r"(\d+) paws for each order": lambda o, lines, points: int(points) * bool(lines),
    r"(\d+) paws for every (\d+) pieces in one order": lambda o, lines, points, every: (
        int(points) * (sum(line.quantity for line in lines) // int(every))
    ),
    r"(\d+) paws for the first order": lambda o, lines, points: int(points) * bool(o.is_first and lines),
    r"(\d+) paws: For at least (\d+) products in one order": lambda o, lines, points, least: (
        int(points) * bool(lines and len([i for i in o.lines if i.paid_minor]) >= int(least))
    ),
}


def rank_of(order):
    return order.facts.get("tier_rank", 0)


def understood(part, phrases):
    """What a phrase says and its words, or None."""
    for pattern, means in phrases.items():
        if found := re.fullmatch(pattern, part):
            return means, found.groups()
    return None


def promised(text, order):
    """What the words say that a rule brings for an order beside one point a euro; every word must be understood."""
    assert text.endswith(".")
    gives, *parts = re.split(r", (?!which)", text[:-1])
    gives, _spend, where = gives.partition(" for what you spend")
    parts = [where.strip(), *parts] if where else parts
    lines, admitted = [line for line in order.lines if line.paid_minor], True
    # Of somebody's first order: what holds for a day, a month and everybody holds for it too.
    of_what = "an order|(?:a day|a calendar month|in all) for each member|for all members together"
    mosts = [int(found[1]) for part in parts if (found := re.fullmatch(rf"at most (\d+) paws (?:{of_what})", part))]
    delivery = "delivery included" in parts
    parts = [part for part in parts if not part.startswith("at most ") and part != "delivery included"]
    for part in parts:
        if found := understood(part, ABOUT_ORDERS):
            means, words = found
            admitted = admitted and means(order, *words)
        else:
            means, words = understood(part, ABOUT_LINES)
            lines = [line for line in lines if means(line, *words)]
    if delivery and lines:
        lines.append(order.delivery)
    means, words = understood(gives, GIVES)
    return min([means(order, lines, *words), *mosts]) if admitted else 0


# The tests ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_rules():
    with docs.own_rules():
        yield


@pytest.fixture
def unit():
    unit = a_program(time_zone=ZONE)
    a_ladder(unit=unit)
    for code, name in SETS.items():
        ProductSet.objects.create(code=code, name=name)
    return unit


def a_rule(code, params, *narrowed, version=1):
    return RuleInForce(
        code=code,
        name="Rule",
        version_id=version,
        rule=build(registry=earning_rules, code=code, params=params),
        conditions=tuple(build(registry=conditions, code=c, params=p) for c, p in narrowed),
    )


def words_of(rule, unit):
    return strip_tags(sentence(rule=rule, unit=unit)).replace("\xa0", " ").replace("US$", "$")


def brought(order, *rules):
    """What the first order that there is brings."""
    counted = [rule for rule in rules if rule.is_counted()]
    rooms = {}
    for rule in counted:
        most = min(*(cap.points for cap in rule.caps_of_a_member()), rule.budget() or MOST_POINTS, MOST_POINTS)
        rooms[rule.rule_id] = Room(points=most, because=Because("budget_spent"))
    return decide(purchase=order, rules=with_rooms(rules=rules, rooms=rooms), terms=Terms(zone=ZONE)).points


EVERY_RULE = [(code, params) for code, tried in RULES.items() for params in tried]
EVERY_CONDITION = [(code, params) for code, tried in CONDITIONS.items() for params in tried]
NARROWED = [(), *((one,) for one in EVERY_CONDITION), *combinations(EVERY_CONDITION, 2)]


class TestTheSentenceOfARule:
    def test_is_tried_for_every_kind_of_rule_and_of_condition(self):
        assert set(RULES) == set(earning_rules)
        assert set(CONDITIONS) == set(conditions)

    @pytest.mark.parametrize("kind", EVERY_RULE, ids=lambda kind: f"{kind[0]}-{kind[1].get('currency', '')}")
    def test_promises_what_orders_bring(self, unit, kind):
        base = a_rule("per-amount", BASE, version=0)
        orders = list(purchases())
        for narrowed in NARROWED:
            rule = a_rule(*kind, *narrowed)
            text = words_of(rule, unit)
            assert not CAMEL_CASE.search(text), text
            # Where two conditions meet some of the orders will do; each alone has met all of them.
            for order in orders if len(narrowed) < 2 else orders[::7]:
                alone = paid(order.lines) / 100 if order.currency == "EUR" else 0
                said = int(alone + promised(text, order) + 1e-9)
                assert brought(order, base, rule) == said, (text, order)

    @pytest.mark.parametrize(
        ("percent", "says"),
        [
            (101, "1.01 times the paws"),
            (150, "1.5 times the paws"),
            (199, "1.99 times the paws"),
            (200, "Twice the paws"),
            (201, "2.01 times the paws"),
            (300, "3 times the paws"),
            (1000, "10 times the paws"),
        ],
    )
    def test_promises_what_every_multiplier_brings(self, unit, percent, says):
        base = a_rule("per-amount", BASE, version=0)
        rule = a_rule("multiplier", {"percent": percent}, ("product-set", {"sets": ["dogs"]}))
        text = words_of(rule, unit)
        assert text == f"{says} for what you spend on Dog beds."
        for order in purchases():
            alone = paid(order.lines) / 100 if order.currency == "EUR" else 0
            assert brought(order, base, rule) == int(alone + promised(text, order) + 1e-9), order

    def test_would_be_caught_with_a_wrong_word(self, unit):
        rule = a_rule("first-order", RULES["first-order"][0], ("minimum-spend", CONDITIONS["minimum-spend"][0]))
        text = words_of(rule, unit).replace("20.00", "20.01")
        orders = [order for order in purchases() if int(promised(text, order)) != brought(order, rule)]
        assert {paid(order.lines) for order in orders} == {2000}


class OnlyHeavy:
    """A condition of the store's own that looks at products, and has no words."""

    def admits(self, *, purchase, terms):
        return True

    def covers(self, *, line):
        return line.paid_minor > 1000


@dataclass(frozen=True, kw_only=True)
class Wordless(OnlyHeavy):
    """One whose words nobody registered."""

    def because(self):
        return Because("only_heavy")


@dataclass(frozen=True, kw_only=True)
class PerKilo:
    stage: ClassVar[str] = "unit"

    def because(self):
        return Because("per_kilo")


class TestAConditionWithoutWords:
    UNSAID = "This counts only under a condition of the shop."

    @pytest.mark.parametrize("condition", [OnlyHeavy(), Wordless()])
    @pytest.mark.parametrize("kind", EVERY_RULE, ids=lambda kind: f"{kind[0]}-{kind[1].get('currency', '')}")
    def test_is_said_to_be_there_and_everything_is_not_promised(self, unit, kind, condition):
        rule = a_rule(*kind, ("minimum-spend", CONDITIONS["minimum-spend"][0]))
        text = words_of(
            RuleInForce(
                code=rule.code, name="Rule", version_id=1, rule=rule.rule, conditions=(condition, *rule.conditions)
            ),
            unit,
        )
        assert text.endswith(f"at least €20.00. {self.UNSAID}")
        assert "everything" not in text
        assert not CAMEL_CASE.search(text)

    def test_leaves_what_is_excluded_excluded(self, unit):
        unit.program.excluded_set = ProductSet.objects.get(code="cards")
        rule = RuleInForce(
            code="x", name="x", version_id=1, rule=a_rule(*EVERY_RULE[0]).rule, conditions=(OnlyHeavy(),)
        )
        assert words_of(rule, unit) == f"1 paw for each €1.00, not on Gift cards. {self.UNSAID}"

    def test_reads_so_for_a_rule_of_the_stores_own_too(self, unit):
        rule = RuleInForce(code="x", name="By the kilo", version_id=1, rule=PerKilo(), conditions=(OnlyHeavy(),))
        assert words_of(rule, unit) == f"By the kilo. {self.UNSAID}"


class TestALevelInASentence:
    @pytest.mark.parametrize(
        ("rank", "says"),
        [
            (1, "for members of level Bronze or higher"),
            (2, "for members of level Silver or higher"),
            (3, "for members of level Gold"),
            (4, "for members of level 4, which is not there"),
        ],
    )
    def test_is_called_by_its_name(self, unit, rank, says):
        rule = a_rule("multiplier", {"percent": 300}, ("tier", {"rank": rank}))
        assert words_of(rule, unit) == f"3 times the paws for what you spend on everything, {says}."

    def test_is_called_so_on_the_public_page(self, unit, client):
        narrowed = [{"code": "tier", "params": {"rank": 3}}]
        save_rule(
            unit=unit, code="gold", name="Gold", type="multiplier", params={"percent": 300}, narrowed=narrowed,
            actor="system", at=day(1, 1),
        )  # fmt: skip
        forget_cache()
        page = text_of(client.get("/loyalty/how-it-works/"))
        assert "3 times the paws for what you spend on everything, for members of level Gold ." in page
        assert not CAMEL_CASE.search(page.partition("What an order brings")[2].partition("An example")[0])
