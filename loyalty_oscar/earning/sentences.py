"""A rule read back as one sentence, with the parts that somebody chose standing out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import set_names
from loyalty_oscar.program.words import points as in_words
from loyalty_oscar.program.words import reasons, unit_name

from .decision import counts_delivery
from .rules import (
    WHOLE_ORDER,
    AtMost,
    Condition,
    EveryNth,
    FirstOrder,
    InProductSet,
    LinePieces,
    Multiplier,
    PerAmount,
    PerOrder,
    PerUnit,
    RuleInForce,
)
from .words import money_back


def sentence(*, rule: RuleInForce, unit: Unit, names: Mapping[str, str] | None = None) -> SafeString:
    """
    Return what a rule says in one sentence ("1 paw for each €1.00, on everything, from 1 May to 31 May 2026.").

    `names` are the names of product sets by code, where somebody has them. The parts are in `<strong>`.
    """
    found = set_names() if names is None else names
    narrowed, is_unsaid = _narrowed(rule, unit)
    also = [_strong(pgettext("loyalty", "delivery included"))] if counts_delivery(rule) else []
    gives, products = _gives(rule, unit), _products(rule, unit, found)
    if isinstance(rule.rule, Multiplier) and products:
        text, times = pgettext("loyalty", "{times_as_much} for what you spend {on_products}"), _times(rule.rule, unit)
        gives, products = format_html(text, times_as_much=times, on_products=products[0]), products[1:]
    parts = [gives, *also, *products, *narrowed]
    text = ", ".join(conditional_escape(part) for part in parts if part) + "."
    if is_unsaid:
        text += " " + conditional_escape(pgettext("loyalty", "This counts only under a condition of the shop."))
    return mark_safe(text)


def ends_in_words(*, rules: Iterable[RuleInForce], unit: Unit, about: str | None = None) -> list[str]:
    """
    Return of each rule that ends somewhere "“Advent” brings at most 50 paws an order."; on the page of the rule `about`
    (its code) "This brings …".
    """
    found = []
    for rule in rules:
        if mosts := [_said(c, rule, unit) for c in rule.conditions if isinstance(c, AtMost)]:
            text = pgettext("loyalty", "“%(rule)s” brings %(most)s.")
            text = pgettext("loyalty", "This brings %(most)s.") if rule.code == about else text
            found.append(text % {"rule": rule.name, "most": ", ".join(mosts)})
    return found


def _strong(text: Any) -> SafeString:
    return format_html("<strong>{}</strong>", text)


def _amount(minor: int, currency: str) -> SafeString:
    return _strong(money.in_words(minor=minor, currency=currency))


def _gives(stored: RuleInForce, unit: Unit) -> str:
    rule = stored.rule
    if isinstance(rule, Multiplier):
        text = pgettext("loyalty", "{times_as_much} for what you spend")
        return format_html(text, times_as_much=_times(rule, unit))
    if isinstance(rule, PerAmount):
        if share := money_back(unit=unit, points=rule.points, step_minor=rule.step_minor, currency=rule.currency):
            return format_html(pgettext("loyalty", "{share} back"), share=_strong(share))
        text, more = pgettext("loyalty", "{points} for each {step}"), {"step": _amount(rule.step_minor, rule.currency)}
    elif isinstance(rule, PerUnit):
        text, more = pgettext("loyalty", "{points} for each piece"), {}
    elif isinstance(rule, FirstOrder):
        text, more = pgettext("loyalty", "{points} for the first order"), {}
    elif isinstance(rule, PerOrder):
        text, more = pgettext("loyalty", "{points} for each order"), {}
    elif isinstance(rule, EveryNth):
        text = pgettext("loyalty", "{points} for every {pieces} pieces in one order")
        more = {"pieces": _strong(money.number(rule.pieces))}
    else:
        because = rule.because()
        known = because.code in reasons
        words = reasons.get(because.code)({"rule": stored.name, **because.params}) if known else stored.name
        if rule.stage != "bonus":
            return _strong(words)
        text, more = pgettext("loyalty", "{points}: {words}"), {"words": _strong(words)}
    return format_html(text, points=_strong(in_words(unit=unit, points=rule.points)), **more)


def _times(rule: Multiplier, unit: Unit) -> SafeString:
    """Return "Twice the paws" or "1.5 times the paws"; of money, of which rules give a share, "Twice as much back"."""
    told = {"times": money.number(Decimal(rule.percent) / 100), "points": unit_name(unit=unit, points=2)}
    if unit.is_money:
        twice, times = pgettext("loyalty", "Twice as much back"), pgettext("loyalty", "%(times)s times as much back")
    else:
        twice, times = (
            pgettext("loyalty", "Twice the %(points)s"),
            pgettext("loyalty", "%(times)s times the %(points)s"),
        )
    return _strong((twice if rule.percent == 200 else times) % told)


def _listed(codes: tuple[str, ...], names: Mapping[str, str]) -> SafeString:
    listed = [names.get(code, code) for code in codes]
    text = pgettext("loyalty", "%(some)s and %(more)s")
    return _strong(reduce(lambda some, more: text % {"some": some, "more": more}, listed))


def _products(stored: RuleInForce, unit: Unit, names: Mapping[str, str]) -> list[SafeString]:
    """Say which products count; what the program leaves out everywhere is said with "everything"."""
    chosen = [c for c in stored.conditions if isinstance(c, InProductSet)]
    inside = [c.sets for c in chosen if not c.outside]
    named = tuple(code for c in chosen if c.outside for code in c.sets)
    is_of_order = stored.rule.stage == "bonus"
    if inside:
        parts = [format_html(_with(is_of_order), products=_listed(inside[0], names))]
        for codes in inside[1:]:
            text = pgettext("loyalty", "only what is also in {products}")
            parts.append(format_html(text, products=_listed(codes, names)))
        return [*parts, *_except(named, names)]
    without = named
    excluded = unit.program.excluded_set
    if excluded and excluded.code not in without:
        without += (excluded.code,)
    if is_of_order:
        text = pgettext("loyalty", "with more in it than {products}")
        return [format_html(text, products=_listed(without, names))] if named else []
    if all(isinstance(c, (*WHOLE_ORDER, InProductSet, LinePieces)) for c in stored.conditions):
        return [mark_safe(conditional_escape(pgettext("loyalty", "on everything"))), *_except(without, names)]
    # A condition of the store's own may look at products, so this must not promise all of them.
    text = pgettext("loyalty", "not on {products}")
    return [format_html(text, products=_listed(without, names))] if without else []


def _with(is_of_order: bool) -> str:
    return pgettext("loyalty", "with {products} in it") if is_of_order else pgettext("loyalty", "on {products}")


def _except(codes: tuple[str, ...], names: Mapping[str, str]) -> list[SafeString]:
    text = pgettext("loyalty", "except {products}")
    return [format_html(text, products=_listed(codes, names))] if codes else []


def _narrowed(stored: RuleInForce, unit: Unit) -> tuple[list[SafeString], bool]:
    """Return what the conditions say of themselves, and whether one has no words for it."""
    said = [_said(c, stored, unit) for c in stored.conditions if not isinstance(c, InProductSet)]
    return [_strong(words) for words in said if words], not all(said)


def _said(condition: Condition, stored: RuleInForce, unit: Unit) -> str:
    because = condition.because() if hasattr(condition, "because") else None
    if because is None or because.code not in reasons:
        return ""
    told = {**because.params, "unit": unit, "of_order": stored.rule.stage == "bonus"}
    return reasons.get(because.code)(told)
