"""What a rule of a cashback program gives is typed as a percentage, exactly, and stored as whole numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from django.urls import reverse

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.kernel.rounding import part_and_whole, percentage
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import UnitFactory
from tests.storefront import TODAY, text_of

from .test_rules import ADD, page, typed
from .test_saved_unchanged import Form, save_unchanged


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def credit(db):
    """A program whose unit is money."""
    return UnitFactory(is_money=True, names={"en": {"title": "Credit"}}, program__live=True, program__rule=None)


def a_rule(unit, points, step_minor, currency="EUR", **more):
    params = {"currency": currency, "points": points, "step_minor": step_minor, **more}
    return save_rule(unit=unit, code="back", name="Back", type="per-amount", params=params, actor="system", at=TODAY)


def stored():
    params = Rule.objects.get().versions.order_by("number").last().params
    return params["points"], params["step_minor"]


def fields(root, url):
    return {name for name in Form(root.get(url).content.decode()).names if name.startswith("p_")}


@pytest.mark.parametrize(
    ("percent", "rate"),
    [("2", (2, 100)), ("2.5", (25, 1000)), ("0.01", (1, 10_000)), ("33.33", (3333, 10_000)), ("100", (100, 100)),
     ("1.10", (11, 1000))],
)  # fmt: skip
def test_it_is_stored_exactly_and_read_back(root, credit, percent, rate):
    data = typed(name="Back", unit=credit.pk, p_percent=percent, is_meant="on")
    assert root.post(f"{ADD}?type=per-amount", data).status_code == 302
    assert stored() == rate
    rule = Rule.objects.get()
    said = f"{float(percent):g} % back, on everything."
    assert said in text_of(root.get(page(rule)))
    assert said in text_of(root.get(reverse("admin:loyalty_earning_rule_changelist")))
    assert Decimal(Form(root.get(page(rule)).content.decode()).data["p_percent"][0]) == Decimal(percent)
    save_unchanged(root, page(rule), "en")
    assert rule.versions.count() == 1


def test_every_percentage_comes_back_as_it_was_typed():
    for hundredths in range(1, 10_001):
        percent = Decimal(hundredths) / 100
        part, whole = part_and_whole(percent=percent)
        assert percentage(part=part, whole=whole) == percent
        assert part_and_whole(percent=Fraction(hundredths, 100)) == (part, whole)


@pytest.mark.parametrize("percent", ["", "0", "-1", "0.001", "2.555", "100.01", "much", "NaN", "1e9"])
def test_what_is_none_is_refused_at_its_field(root, credit, percent):
    answer = root.post(f"{ADD}?type=per-amount", typed(name="Back", unit=credit.pk, p_percent=percent))
    assert list(answer.context["adminform"].form.errors) == ["p_percent"]
    assert not Rule.objects.exists()


def test_the_history_says_both_percentages(root, credit):
    rule = a_rule(credit, 2, 100)
    assert root.post(page(rule), typed(name="Back", p_percent="2.5")).status_code == 302
    assert stored() == (25, 1000)
    history = text_of(root.get(reverse("admin:loyalty_earning_rule_history", args=[rule.pk])))
    assert "Percent of what is paid: 2.00 → 2.5" in history
    said = text_of(root.get(page(rule)))
    assert "2 % back" in said and "2.5 % back" in said, "what it said and says"


def test_numbers_that_say_the_same_stay_as_they_are_stored(root, credit):
    rule = a_rule(credit, 1, 50, delivery=True)
    save_unchanged(root, page(rule), "en")
    data = typed(name="Back", p_percent="2.00", p_delivery="on", last="2030-01-01")
    assert root.post(page(rule), data).status_code == 302
    assert stored() == (1, 50)
    assert rule.versions.last().params["delivery"] is True


@pytest.mark.parametrize(("points", "step_minor", "currency"), [(1, 300, "EUR"), (2, 100, "CHF"), (151, 100, "EUR")])
def test_what_is_no_such_percentage_is_typed_as_before(root, credit, points, step_minor, currency):
    PointWorth.objects.create(program=credit.program, currency="CHF", points=100, minor=90)
    rule = a_rule(credit, points, step_minor, currency)
    assert {"p_points", "p_step_minor"} <= fields(root, page(rule))
    save_unchanged(root, page(rule), "en")


def test_a_new_rule_asks_for_the_currency_where_there_are_two(root, credit):
    PointWorth.objects.create(program=credit.program, currency="CHF", points=100, minor=90)
    assert {"p_currency", "p_points", "p_step_minor"} <= fields(root, f"{ADD}?type=per-amount")


def test_a_copy_is_a_percentage_too(root, credit):
    rule = a_rule(credit, 25, 1000)
    data = Form(root.get(f"{ADD}?type=per-amount&copy={rule.pk}").content.decode()).data
    assert data["p_percent"] == ["2.50"]


def test_it_goes_by_the_unit_that_is_chosen(root, credit):
    points = UnitFactory(program__code="other", program__is_default=False, program__rule=None)
    data = typed(name="Back", unit=points.pk, p_currency="EUR", p_points="3", p_step_minor="1.00", is_meant="on")
    assert root.post(f"{ADD}?type=per-amount", data).status_code == 302
    assert stored() == (3, 100)
    assert "p_percent" in fields(root, f"{ADD}?type=per-amount&unit={credit.pk}")


def test_points_are_no_percentage(root, unit):
    assert "p_percent" not in fields(root, f"{ADD}?type=per-amount")
