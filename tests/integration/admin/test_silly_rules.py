"""Whatever is typed into the form of a rule: a sentence at the field, nothing written, no error page."""

import pytest
from django.urls import reverse

from loyalty_oscar.earning.models import Rule, RuleVersion
from loyalty_oscar.program.models import ProductSet

ADD = reverse("admin:loyalty_earning_rule_add")
HUGE = "9" * 30
NUMBERS = ["", "0", "-1", "1.5", "ten", HUGE, "1e3", "<b>1</b>", "١٢٣x"]
MONEY = ["0", "-0.01", "much", "1.005", HUGE, "NaN", "Infinity", "<i>5</i>"]
DAYS = ["soon", "31.02.2026x", "2026-02-31", "0000-01-01", "10000-01-01", "<b>", "5"]
HOURS = ["25:00", "noon", "12:60", "-1:00", "18:00:30", "<b>"]
#: Words of the code that a shop keeper has never read.
OF_THE_CODE = (
    "_minor",
    "percent must",
    "params",
    "rank",
    "__init__",
    "BadRule",
    "Constraint",
    "None",
    "p_",
    "isinstance",
)

BASE = {
    "per-amount": {"p_currency": "EUR", "p_points": "1", "p_step_minor": "1.00"},
    "multiplier": {"p_percent": "2", "p_group": "campaign"},
    "per-unit": {"p_points": "5"},
    "first-order": {"p_points": "5"},
    "per-order": {"p_points": "5"},
    "every-nth": {"p_points": "5", "p_pieces": "3"},
}
TYPED = [
    *(("per-amount", {"p_points": each}, "p_points") for each in NUMBERS),
    *(("per-amount", {"p_step_minor": each}, "p_step_minor") for each in ["", *MONEY]),
    ("per-amount", {"p_points": "10000000", "p_step_minor": "0.01"}, "p_points"),
    ("per-amount", {"p_currency": "X" * 3}, "p_currency"),
    *(("multiplier", {"p_percent": each}, "p_percent") for each in ["", "1", "0.5", "-2", "101", "two", HUGE, "1.001"]),
    *(("every-nth", {"p_pieces": each}, "p_pieces") for each in [*NUMBERS, "1"]),
    *(("per-order", {"minimum": each}, "minimum") for each in MONEY),
    *(("per-order", {"first": each}, "first") for each in DAYS),
    *(("per-order", {"start": each}, "start") for each in HOURS),
    *(("per-order", {"order_pieces": each}, "order_pieces") for each in NUMBERS[1:]),
    *(("per-order", {"line_pieces": each}, "line_pieces") for each in NUMBERS[1:]),
    *(
        ("per-order", {most: each}, most)
        for most in ("cap", "cap_day", "cap_month", "cap_member", "budget")
        for each in NUMBERS[1:]
    ),
    ("per-order", {"budget": "1000000000001"}, "budget"),
    ("per-order", {"first": "2026-06-01", "last": "2026-05-31"}, "last"),
    ("per-order", {"first": "9998-12-31", "last": "1900-01-01"}, "last"),
    *(("per-order", {end: each}, end) for end in ("first", "last") for each in ("0001-01-01", "9999-12-31")),
    ("per-order", {"start": "22:00", "end": "02:00"}, "end"),
    ("per-order", {"start": "22:00", "end": "22:00"}, "end"),
    ("per-order", {"end": "00:00"}, "end"),
    ("per-order", {"days": ["0"]}, "days"),
    ("per-order", {"days": ["8", "1"]}, "days"),
    ("per-order", {"segment": "1"}, "segment"),
    ("per-order", {"level": "99"}, "level"),
    ("per-order", {"inside": "nothing"}, "inside"),
    ("per-unit", {"p_points": "10000001"}, "p_points"),
    ("first-order", {"p_points": "-5"}, "p_points"),
    ("first-order", {"name": ""}, "name"),
    ("first-order", {"name": "n" * 101}, "name"),
    ("first-order", {"name": "🐕"}, "code"),
    ("first-order", {"name": "Base"}, "code"),
    ("first-order", {"code": "a b"}, "code"),
]


class TestASillyInput:
    def test_is_one_of_at_least_sixty(self):
        assert len(TYPED) >= 60

    @pytest.mark.parametrize("kind", BASE)
    def test_gets_a_sentence_at_its_field_and_writes_nothing(self, root, unit, kind):
        ProductSet.objects.create(code="cats", name="Cat food")
        before = (Rule.objects.count(), RuleVersion.objects.count())
        wrong = []
        for type, fields, field in TYPED:
            if type != kind:
                continue
            told = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0, "minimum_currency": "EUR", "is_on": "on"}
            data = {"name": "Tried", "unit": unit.pk, **told, **BASE[type], **fields}
            response = root.post(f"{ADD}?type={type}", data)
            if response.status_code != 200:
                wrong.append((fields, response.status_code))
                Rule.objects.exclude(code="base").delete()
                continue
            errors = response.context["adminform"].form.errors
            said = " ".join(sentence for sentences in errors.values() for sentence in sentences)
            if list(errors) != [field] or any(word in said for word in OF_THE_CODE):
                wrong.append((fields, dict(errors)))
        assert wrong == []
        assert (Rule.objects.count(), RuleVersion.objects.count()) == before
