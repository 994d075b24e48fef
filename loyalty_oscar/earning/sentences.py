"""A rule read back as one sentence, with the parts that somebody chose standing out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.words import day, reasons
from loyalty_oscar.program.words import points as in_words

from .rules import (
    Dates,
    FirstOrder,
    InProductSet,
    MinimumSpend,
    Multiplier,
    PerAmount,
    PerUnit,
    RuleInForce,
)


def sentence(*, rule: RuleInForce, unit: Unit, names: Mapping[str, str] | None = None) -> SafeString:
    """
    Return what a rule says in one sentence ("1 paw for each €1.00, on everything, from 1 May to 31 May 2026.").

    `names` are the names of product sets by code; without them they are looked up. The parts are in `<strong>`.
    """
    found = dict(ProductSet.objects.values_list("code", "name")) if names is None else names
    parts = [_gives(rule, unit), _products(rule, unit, found), *_narrowed(rule, unit)]
    return mark_safe(", ".join(conditional_escape(part) for part in parts if part) + ".")


def _strong(text: Any) -> SafeString:
    return format_html("<strong>{}</strong>", text)


def _amount(minor: int, currency: str) -> SafeString:
    return _strong(money.in_words(minor=minor, currency=currency))


def _gives(stored: RuleInForce, unit: Unit) -> str:
    rule = stored.rule
    if isinstance(rule, Multiplier):
        times = money.number(Decimal(rule.percent) / 100)
        return format_html(pgettext("loyalty", "{times} the points for money paid"), times=_strong(f"{times} ×"))
    if isinstance(rule, PerAmount):
        text, more = pgettext("loyalty", "{points} for each {step}"), {"step": _amount(rule.step_minor, rule.currency)}
    elif isinstance(rule, PerUnit):
        text, more = pgettext("loyalty", "{points} for each piece"), {}
    elif isinstance(rule, FirstOrder):
        text, more = pgettext("loyalty", "{points} for the first order"), {}
    else:
        because = rule.because()
        known = because.code in reasons
        return _strong(reasons.get(because.code)({"rule": stored.name, **because.params}) if known else stored.name)
    return format_html(text, points=_strong(in_words(unit=unit, points=rule.points)), **more)


def _listed(codes: tuple[str, ...], names: Mapping[str, str]) -> SafeString:
    return _strong(pgettext("loyalty", " and ").join(names.get(code, code) for code in codes))


def _products(stored: RuleInForce, unit: Unit, names: Mapping[str, str]) -> str:
    """Say which products count; what the program leaves out everywhere is said with "everything"."""
    chosen = [c for c in stored.conditions if isinstance(c, InProductSet)]
    inside = [c.sets for c in chosen if not c.outside]
    without = tuple(code for c in chosen if c.outside for code in c.sets)
    if unit.program.excluded_set_id and unit.program.excluded_set.code not in without:
        without += (unit.program.excluded_set.code,)
    if inside:
        found = format_html(pgettext("loyalty", "on {products}"), products=_listed(inside[0], names))
        for codes in inside[1:]:
            found += format_html(pgettext("loyalty", " that are also in {products}"), products=_listed(codes, names))
        named = tuple(code for c in chosen if c.outside for code in c.sets)
        return found + (_but(named, names) if named else mark_safe(""))
    if isinstance(stored.rule, FirstOrder) and not chosen:
        return ""
    return format_html("{}{}", pgettext("loyalty", "on everything"), _but(without, names) if without else "")


def _but(codes: tuple[str, ...], names: Mapping[str, str]) -> SafeString:
    return format_html(pgettext("loyalty", " but {products}"), products=_listed(codes, names))


def _narrowed(stored: RuleInForce, unit: Unit) -> list[str]:
    found = []
    for condition in stored.conditions:
        if isinstance(condition, MinimumSpend):
            least = _amount(condition.minimum_minor, condition.currency)
            found.append(format_html(pgettext("loyalty", "in orders of at least {amount}"), amount=least))
        elif isinstance(condition, Dates):
            found.append(_dates(condition, unit))
        elif not isinstance(condition, InProductSet):
            found.append(_strong(type(condition).__name__))
    return found


def _dates(dates: Dates, unit: Unit) -> SafeString:
    zone = unit.program.time_zone
    first, last = (_strong(day(date.fromisoformat(d), zone=zone)) if d else "" for d in (dates.first, dates.last))
    if first and last:
        return format_html(pgettext("loyalty", "from {first} to {last}"), first=first, last=last)
    if first:
        return format_html(pgettext("loyalty", "from {first}"), first=first)
    return format_html(pgettext("loyalty", "until {last}"), last=last)
