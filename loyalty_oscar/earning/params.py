"""The parameters of a rule or condition as plain form fields, made from its dataclass: no JSON, money as money."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from django import forms
from django.utils.text import capfirst
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_PERCENT, MOST_POINTS
from loyalty_oscar.kernel.rounding import part_and_whole, percentage, to_major
from loyalty_oscar.program import money
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.numbers import NumberField

from .rules import MOST_PIECES

#: (code, parameter) -> label, help, and what a whole number may be (least, most).
WORDS: dict[tuple[str, str], tuple[Any, Any, tuple[int, int] | None]] = {
    ("per-amount", "points"): (pgettext_lazy("loyalty", "How much"), "", (1, MOST_POINTS)),
    ("per-amount", "step_minor"): (
        pgettext_lazy("loyalty", "For each amount of"),
        pgettext_lazy("loyalty", "Money paid for goods, after all discounts."),
        None,
    ),
    ("per-amount", "delivery"): (
        pgettext_lazy("loyalty", "Delivery counts, too"),
        pgettext_lazy(
            "loyalty",
            "What is paid for delivery counts as well, in orders in which something else does. It goes when the "
            "delivery is paid back, or nothing is left of the order.",
        ),
        None,
    ),
    ("multiplier", "percent"): (
        pgettext_lazy("loyalty", "Times"),
        pgettext_lazy("loyalty", "2 doubles what comes for money paid, 1.5 gives half as much again."),
        None,
    ),
    ("multiplier", "group"): (
        pgettext_lazy("loyalty", "Bonuses that don’t add up"),
        pgettext_lazy("loyalty", "Of the multipliers with the same word here only the best counts."),
        None,
    ),
    ("per-unit", "points"): (
        pgettext_lazy("loyalty", "For each piece"),
        pgettext_lazy("loyalty", "Come on top, and no multiplier touches them."),
        (1, MOST_POINTS),
    ),
    ("first-order", "points"): (
        pgettext_lazy("loyalty", "For the first order"),
        pgettext_lazy("loyalty", "Only if money was paid for it."),
        (1, MOST_POINTS),
    ),
    ("per-order", "points"): (
        pgettext_lazy("loyalty", "For each order"),
        pgettext_lazy("loyalty", "Only if money was paid for it."),
        (1, MOST_POINTS),
    ),
    ("every-nth", "points"): (
        pgettext_lazy("loyalty", "How much"),
        pgettext_lazy("loyalty", "Come on top, and no multiplier touches them."),
        (1, MOST_POINTS),
    ),
    ("every-nth", "pieces"): (
        pgettext_lazy("loyalty", "For every so many pieces"),
        pgettext_lazy("loyalty", "Of all that count, together in one order; after a return, those that stay."),
        (2, MOST_PIECES),
    ),
}

#: More than that of what is paid does not come back (percent).
MOST_SHARE = 100

T = TypeVar("T")


def same(value: T, currency: str) -> T:
    return value


@dataclass(frozen=True, slots=True)
class Param:
    """
    One parameter: its form field, and how its value is stored (`store`) and shown again (`show`).

    `is_needed` says that nothing can be built without it.
    """

    name: str
    field: forms.Field
    store: Callable[[Any, str], Any] = same
    show: Callable[[Any, str], Any] = same
    is_needed: bool = False


def to_minor(value: Decimal, currency: str) -> int:
    """Return typed money as minor units; refuse a fraction that the currency does not have."""
    minor = money.to_minor(amount=value, currency=currency)
    if from_minor(minor, currency) != value:
        text = pgettext("loyalty", "%(currency)s has no such fraction. Write a whole amount.")
        raise forms.ValidationError(text % {"currency": currency})
    return minor


def from_minor(value: int, currency: str) -> Decimal:
    """Return minor units as money."""
    return to_major(minor=value, exponent=money.exponent(currency=currency))


def money_field(*, codes: Iterable[str], **kwargs: Any) -> NumberField:
    """Return a field for an amount of money above zero, to the smallest coin of these currencies."""
    places = max(2, *(money.exponent(currency=code) for code in codes))
    coin = to_major(minor=1, exponent=places)
    return NumberField(min_value=coin, max_digits=10 + places, decimal_places=places, **kwargs)


def currencies(programs: Iterable[Program]) -> list[str]:
    """Return the currencies that programs speak of, their own first."""
    found = [program.currency for program in programs]
    return list(dict.fromkeys([*found, *(w.currency for program in programs for w in program.worths.all())]))


def currency_field(codes: list[str], **kwargs: Any) -> forms.ChoiceField:
    """Return a field for a currency; with only one it is not asked."""
    widget = forms.HiddenInput() if len(codes) == 1 else forms.Select()
    return forms.ChoiceField(choices=[(c, c) for c in codes], initial=codes[0], widget=widget, **kwargs)


#: What the code of a product set begins with that was picked in the form of a rule, and is not offered to others.
PICKED = "picked-"


def set_choices(*, but_picked: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the product sets to choose from: all that somebody set up, and those of others that are ticked."""
    rows = ProductSet.objects.order_by("name").values_list("code", "name")
    return [(code, name) for code, name in rows if code in but_picked or not code.startswith(PICKED)]


def sets_field(**kwargs: Any) -> forms.MultipleChoiceField:
    """Return a field for some product sets."""
    return forms.MultipleChoiceField(choices=set_choices, widget=forms.CheckboxSelectMultiple, required=False, **kwargs)


def params_of(*, code: str, kind: type, codes: list[str], optional: bool = False) -> list[Param]:
    """Return the parameters of a registered rule or condition; `optional` ones may all be left empty."""
    hints, found = get_type_hints(kind), []
    for spec in dataclasses.fields(kind):
        param = _param(code, spec, hints[spec.name], codes, optional)
        if param.field.initial is not None:
            param.field.initial = param.show(param.field.initial, next(iter(codes), ""))
        found.append(dataclasses.replace(param, is_needed=_is_needed(spec)))
    return found


def as_share(params: Iterable[Param]) -> list[Param]:
    """Return the parameters of a rule for money paid with one percentage in place of a number and an amount."""
    percent = NumberField(
        label=pgettext("loyalty", "Percent of what is paid"),
        help_text=pgettext("loyalty", "Of the money paid for goods, after all discounts: 2, or 2.5."),
        min_value=Decimal("0.01"),
        max_value=MOST_SHARE,
        decimal_places=2,
    )
    return [Param("percent", percent, is_needed=True), *(param for param in params if param.name == "delivery")]


def percent_of(*, values: Mapping[str, Any]) -> Decimal | None:
    """Return the percentage that a stored rule for money paid gives back; None where nobody can type it exactly."""
    found = percentage(part=values["points"], whole=values["step_minor"])
    return found if found is not None and found <= MOST_SHARE else None


def with_rate(*, values: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return the parameters of a rule for money paid whose percentage was typed."""
    others = {name: value for name, value in values.items() if name != "percent"}
    if "percent" not in values:
        return others
    points, step_minor = part_and_whole(percent=values["percent"])
    return {"currency": currency, "points": points, "step_minor": step_minor, **others}


def _is_needed(spec: dataclasses.Field[Any]) -> bool:
    return spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING


def _param(code: str, spec: dataclasses.Field[Any], hint: Any, codes: list[str], optional: bool) -> Param:
    label, help_text, bounds = WORDS.get((code, spec.name), (capfirst(spec.name.replace("_", " ")), "", None))
    about = {"label": label, "help_text": help_text, "required": _is_needed(spec) and not optional}
    if spec.default is not dataclasses.MISSING and not optional:
        about["initial"] = spec.default
    if spec.name == "currency":
        return Param("currency", currency_field(codes, label=pgettext("loyalty", "Currency"), required=not optional))
    if (code, spec.name) == ("multiplier", "percent"):
        times = NumberField(
            min_value=Decimal("1.01"), max_value=to_major(minor=MOST_PERCENT), decimal_places=2, **about
        )
        return Param("percent", times, lambda v, c: int(v * 100), lambda v, c: Decimal(v) / 100)
    if hint is int and spec.name.endswith("_minor"):
        named = about["label"] if (code, spec.name) in WORDS else capfirst(spec.name[:-6].replace("_", " "))
        return Param(spec.name, money_field(codes=codes, **{**about, "label": _in(named, codes)}), to_minor, from_minor)
    if hint is int:
        least, most = bounds or (None, None)
        return Param(spec.name, forms.IntegerField(min_value=least, max_value=most, **about))
    if hint is bool:
        return Param(spec.name, forms.BooleanField(**{**about, "required": False}))
    if spec.name == "sets":
        about.pop("required")
        return Param("sets", sets_field(**about), lambda v, c: list(v))
    if get_origin(hint) is Literal:
        # What may be left empty has an empty choice: a browser sends the first one, chosen or not.
        empty = [("", "–")] if optional else []
        values = {str(value): value for value in get_args(hint)}
        choices = forms.ChoiceField(choices=[*empty, *((v, v) for v in values)], **about)
        return Param(spec.name, choices, lambda v, c: values[v])
    if get_origin(hint) in (tuple, list):
        one = forms.IntegerField().clean if get_args(hint)[:1] == (int,) else str
        many = lambda v, c: [one(part.strip()) for part in v.split(",") if part.strip()]  # noqa: E731
        return Param(spec.name, forms.CharField(**about), many, lambda v, c: ", ".join(map(str, v)))
    return Param(spec.name, forms.CharField(max_length=200, **about))


def _in(label: Any, codes: list[str]) -> str:
    """Return the label of an amount, with the currency where there is only one."""
    return f"{label} ({codes[0]})" if len(codes) == 1 else str(label)


def stored(*, params: Iterable[Param], data: Mapping[str, Any], prefix: str, currency: str) -> dict[str, Any]:
    """
    Return cleaned form data as stored parameters; what was left empty is left out.

    Raises `ValidationError` by field where money has a fraction that the currency does not know.
    """
    found, wrong = {}, {}
    own = data.get(f"{prefix}currency") or currency
    for param in params:
        value = data.get(prefix + param.name)
        if value in (None, "", []) or (value is False and param.field.initial is False):
            continue
        try:
            found[param.name] = param.store(value, own)
        except forms.ValidationError as error:
            wrong[prefix + param.name] = error
    if wrong:
        raise forms.ValidationError(wrong)
    return found


def is_typed(*, params: Iterable[Param], data: Mapping[str, Any], prefix: str) -> bool:
    """Return whether somebody typed a parameter; a currency stands there by itself."""
    return any(data.get(prefix + p.name) not in (None, "", [], False) for p in params if p.name != "currency")


def shown(*, params: Iterable[Param], values: Mapping[str, Any], prefix: str, currency: str) -> dict[str, Any]:
    """Return stored parameters as what form fields show first."""
    own = values.get("currency") or currency
    return {prefix + p.name: p.show(values[p.name], own) for p in params if p.name in values}
