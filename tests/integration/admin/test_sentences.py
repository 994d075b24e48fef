"""Rules read back as sentences."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.utils import translation
from django.utils.html import strip_tags

from loyalty_oscar.earning.rules import (
    Dates,
    FirstOrder,
    InProductSet,
    MinimumSpend,
    Multiplier,
    PerAmount,
    PerUnit,
    RuleInForce,
)
from loyalty_oscar.earning.sentences import sentence
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import ProductSet

NAMES = {"cats": "Cat food", "dogs": "Dog beds", "cards": "Gift cards"}


def read(unit, rule, *conditions, name="Rule"):
    stored = RuleInForce(code="x", name=name, version_id=1, rule=rule, conditions=conditions)
    return strip_tags(sentence(rule=stored, unit=unit, names=NAMES)).replace("\xa0", " ")


class TestASentence:
    @pytest.mark.parametrize(
        ("rule", "conditions", "says"),
        [
            (
                PerAmount(currency="EUR", points=1, step_minor=100),
                [InProductSet(sets=("cards",), outside=True), Dates(first="2026-05-01", last="2026-05-31")],
                "1 paw for each €1.00, on everything, except Gift cards, from 1 May 2026 to 31 May 2026.",
            ),
            (PerAmount(currency="JPY", points=3, step_minor=500), [], "3 paws for each ¥500, on everything."),
            (
                Multiplier(percent=250),
                [Dates(first="2026-05-09")],
                "2.5 times the paws for what you spend on everything, from 9 May 2026.",
            ),
            (
                PerUnit(points=5),
                [InProductSet(sets=("cats", "dogs"))],
                "5 paws for each piece, on Cat food and Dog beds.",
            ),
            (
                PerUnit(points=5),
                [InProductSet(sets=("cats",)), InProductSet(sets=("dogs",))],
                "5 paws for each piece, on Cat food, only what is also in Dog beds.",
            ),
            (
                FirstOrder(points=100),
                [MinimumSpend(currency="EUR", minimum_minor=2000), Dates(last="2026-05-31")],
                "100 paws for the first order, if it comes to at least €20.00, until 31 May 2026.",
            ),
        ],
    )
    def test_says_what_a_rule_gives_on_what_and_when(self, unit, rule, conditions, says):
        assert read(unit, rule, *conditions) == says

    def test_names_what_the_program_leaves_out_everywhere(self, unit):
        unit.program.excluded_set = ProductSet(pk=1, code="cards")
        assert read(unit, PerUnit(points=1)) == "1 paw for each piece, on everything, except Gift cards."

    def test_is_written_in_the_readers_numbers(self, unit):
        with translation.override("de"):
            assert "1,00 €" in read(unit, PerAmount(currency="EUR", points=1, step_minor=100))

    def test_lets_nobody_write_markup_into_the_page(self, unit):
        names = {"cats": "<script>alert(1)</script>"}
        rule = RuleInForce(
            code="x", name="x", version_id=1, rule=PerUnit(points=1), conditions=(InProductSet(sets=("cats",)),)
        )
        html = sentence(rule=rule, unit=unit, names=names)
        assert "<script>" not in html
        assert "&lt;script&gt;" in html

    def test_calls_a_rule_of_the_stores_own_by_its_name(self, unit):
        @dataclass(frozen=True, kw_only=True)
        class PerKilo:
            stage: ClassVar[str] = "unit"

            def because(self):
                return Because("never_heard_of")

        assert read(unit, PerKilo(), name="By the kilo") == "By the kilo, on everything."
