"""The fields for what a campaign says of its occasion, and of its letter, beside its columns (`Campaign.params`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from babel.dates import get_month_names
from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.people.rules import is_day
from loyalty_oscar.program import money
from loyalty_oscar.program.models import ProductSet

from ..occasions import DAY, OF_ORDERS, TOLD_DAYS, WARRANTY, occasions
from ..questions import questions

#: More members than that no month surprises, and no warranty or silence lasts longer (months).
MOST_MEMBERS, MOST_MONTHS = 100_000, 240
#: What is bought lies so near to the letter that other products go with it.
WITH_RELATED = (*OF_ORDERS, WARRANTY)


def set_choices() -> list[tuple[str, str]]:
    """Return all product sets."""
    return list(ProductSet.objects.order_by("name").values_list("code", "name"))


def month_choices() -> list[tuple[int, str]]:
    """Return the months of a year in the reader's language."""
    names = get_month_names("wide", context="stand-alone", locale=money.locale())
    return [(number, names[number]) for number in range(1, 13)]


def _whole(label: Any, *, least: int, most: int, **options: Any) -> forms.Field:
    return forms.IntegerField(label=label, min_value=least, max_value=most, widget=AdminIntegerFieldWidget, **options)


def _told_days() -> forms.Field:
    text = pgettext_lazy("loyalty", "Who tells a birthday later waits for the next one. 0: also on the very day.")
    label = pgettext_lazy("loyalty", "A birthday is told so many days before")
    return _whole(label, least=0, most=365, help_text=text, initial=TOLD_DAYS)


def _sets() -> forms.Field:
    return forms.MultipleChoiceField(
        label=pgettext_lazy("loyalty", "Only goods of these product sets"),
        help_text=pgettext_lazy("loyalty", "An order counts that has any of them. None ticked: every order."),
        choices=set_choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


def _related() -> forms.Field:
    return forms.BooleanField(
        label=pgettext_lazy("loyalty", "Show what goes with it"),
        help_text=pgettext_lazy(
            "loyalty",
            "Up to three products below the text that are bought together with what this member kept. Nothing that they"
            " have, sent back, or cannot buy.",
        ),
        required=False,
    )


def question_choices() -> list[tuple[str, Any]]:
    """Return what a letter may ask, each question as staff call it; none is asked beforehand."""
    return [("", pgettext("loyalty", "nothing")), *((code, question.title) for code, question in questions.items())]


def _question() -> forms.Field:
    return forms.ChoiceField(
        label=pgettext_lazy("loyalty", "Its letter asks"),
        help_text=pgettext_lazy("loyalty", "Below the text, with a button for each answer; members need not sign in."),
        choices=question_choices,
        required=False,
    )


FIELDS: Mapping[str, Callable[[], forms.Field]] = {
    "told_days": _told_days,
    "day": lambda: _whole(pgettext_lazy("loyalty", "Day"), least=1, most=31),
    "month": lambda: forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Month"), choices=month_choices, coerce=int),
    "members": lambda: _whole(pgettext_lazy("loyalty", "So many members each month"), least=1, most=MOST_MEMBERS),
    "months": lambda: _whole(pgettext_lazy("loyalty", "So many months after the order"), least=1, most=MOST_MONTHS),
    "sets": _sets,
    "question": _question,
    "related": _related,
}


def params_of(*, occasion: str) -> tuple[str, ...]:
    """Return the names of what a campaign says of an occasion; one that left the code has none."""
    return occasions.get(occasion).params if occasion in occasions else ()


def letter_params(*, occasion: str) -> tuple[str, ...]:
    """Return the names of what a campaign says of its letter beside the texts."""
    return ("question", "related") if occasion in WITH_RELATED else ("question",)


def param_fields(*, occasion: str) -> dict[str, forms.Field]:
    """Return the fields of all that, by name."""
    names = (*params_of(occasion=occasion), *letter_params(occasion=occasion))
    return {name: FIELDS[name]() for name in names if name in FIELDS}


def wrong_params(*, occasion: str, params: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the parameters together, by the field that is to be changed."""
    if occasion == DAY and {"day", "month"} <= params.keys() and not is_day(day=params["day"], month=params["month"]):
        return {"day": pgettext("loyalty", "That day doesn’t exist.")}
    if occasion == WARRANTY and not params.get("sets"):
        return {"sets": pgettext("loyalty", "Tick at least one: a warranty is one of certain goods.")}
    return {}
