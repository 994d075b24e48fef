"""Rules that count on the same products at the same time, told with what they come to together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from math import lcm

from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.program import money
from loyalty_oscar.program.hooks import product_pickers
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.words import points as in_words
from loyalty_oscar.program.words import reasons

from .queries import rule_book
from .rules import Hours, InProductSet, Multiplier, PerAmount, RuleInForce, Weekdays
from .words import on_products


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """Two rules where both count: together they come to `percent` of the base, or `points` for each `step_minor`."""

    other: RuleInForce
    first: str
    last: str
    weekdays: tuple[int, ...]
    sets: tuple[str, ...]
    is_in_each: bool
    percent: int = 0
    is_best_of: bool = False
    points: int = 0
    step_minor: int = 0


def clashes(*, rule: RuleInForce, unit: Unit, at: datetime) -> list[Clash]:
    """
    Return where a rule counts together with another in force, on a day that is not over.

    Levels and lists of members are left aside: somebody may be in both. Rules that give whole points never multiply,
    and are left out.
    """
    today = periods.local_day(at=at, zone=unit.program.time_zone).isoformat()
    others = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    return [found for other in others if other.code != rule.code for found in _between(rule, other, today)]


def _between(rule: RuleInForce, other: RuleInForce, today: str) -> Iterator[Clash]:
    (first, last), (begins, ends) = rule.days(), other.days()
    first, last = max(first, begins), min((day for day in (last, ends) if day), default="")
    if last and last < max(first, today):
        return
    narrowed = (*rule.conditions, *other.conditions)
    days = {*range(1, 8)}.intersection(*(c.days for c in narrowed if isinstance(c, Weekdays)))
    hours = [c for c in narrowed if isinstance(c, Hours)]
    ends_at = min((c.end for c in hours if c.end), default="")
    if not days or (ends_at and max((c.start for c in hours), default="") >= ends_at):
        return
    shared = _shared(rule, other)
    if shared is None:
        return
    sets, is_in_each = shared
    weekdays = tuple(sorted(days)) if len(days) < 7 else ()
    clash = Clash(other=other, first=first, last=last, weekdays=weekdays, sets=sets, is_in_each=is_in_each)
    one, two = rule.rule, other.rule
    if isinstance(one, Multiplier) and isinstance(two, Multiplier):
        is_best_of = one.group == two.group
        percent = max(one.percent, two.percent) if is_best_of else one.percent + two.percent - 100
        yield replace(clash, percent=percent, is_best_of=is_best_of)
    elif isinstance(one, PerAmount) and isinstance(two, PerAmount) and one.currency == two.currency:
        together = Fraction(one.points, one.step_minor) + Fraction(two.points, two.step_minor)
        step = lcm(together.denominator, max(one.step_minor, two.step_minor))
        yield replace(clash, points=int(together * step), step_minor=step)


def _shared(rule: RuleInForce, other: RuleInForce) -> tuple[tuple[str, ...], bool] | None:
    """
    Return the product sets on which both count, () for everything, and whether only what is in each of them; None where
    they share no product.
    """
    chosen = [c for one in (rule, other) for c in one.conditions if isinstance(c, InProductSet)]
    named = [c.sets for c in chosen if not c.outside]
    outside = {code for c in chosen if c.outside for code in c.sets}
    if not named:
        return (), False
    codes = tuple(dict.fromkeys(code for some in named for code in some))
    picker = product_pickers.first()
    held = {code: frozenset(picker.products(code=code)) if picker else frozenset([code]) for code in {*codes, *outside}}
    left = reduce(frozenset.intersection, (frozenset().union(*(held[code] for code in some)) for some in named))
    left -= frozenset().union(*(held[code] for code in outside))
    if not left:
        return None
    in_all = tuple(code for code in codes if held[code] & left and all(code in some for some in named))
    return (in_all, False) if in_all else (tuple(code for code in codes if held[code] & left), True)


def in_sentences(*, found: Sequence[Clash], unit: Unit) -> list[str]:
    """Return clashes in words: "This and “Advent” add up to 2.2 times, on Dog beds, from 5 to 6 December."."""
    names = dict(ProductSet.objects.values_list("code", "name")) if found else {}
    return [_said(clash, names, unit) for clash in found]


def _said(clash: Clash, names: dict[str, str], unit: Unit) -> str:
    where = on_products(names=[names.get(code, code) for code in clash.sets], is_in_each=clash.is_in_each)
    parts = [where]
    if clash.weekdays:
        parts.append(reasons.get("on_weekdays")({"weekdays": clash.weekdays}))
    if clash.first or clash.last:
        parts.append(reasons.get("placed_between")({"first": clash.first, "last": clash.last}))
    params = {
        "rule": clash.other.name,
        "where": ", ".join(parts),
        "times": money.number(Decimal(clash.percent) / 100),
        "points": in_words(unit=unit, points=clash.points),
    }
    if clash.is_best_of:
        text = pgettext("loyalty", "Of this and “%(rule)s” only the better one counts, %(times)s times, %(where)s.")
    elif clash.percent:
        text = pgettext("loyalty", "This and “%(rule)s” add up to %(times)s times, %(where)s.")
    else:
        text = pgettext("loyalty", "This and “%(rule)s” add up to %(points)s for each %(step)s, %(where)s.")
        params["step"] = money.in_words(minor=clash.step_minor, currency=clash.other.rule.currency)
    return text % params
