"""Rules that count on the same products at the same time, told with what they come to together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from math import lcm
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.program import money
from loyalty_oscar.program.hooks import product_pickers
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.words import points as in_words
from loyalty_oscar.program.words import reasons

from .queries import RuleBook, book_of, rule_book
from .rules import (
    EveryNth,
    FirstOrder,
    Hours,
    InProductSet,
    MinimumSpend,
    Multiplier,
    PerAmount,
    PerOrder,
    PerUnit,
    RuleInForce,
    Weekdays,
)
from .sentences import ends_in_words
from .words import in_one_order, on_products

#: So many are told on the front page.
TOLD = 5
Kind = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Span:
    """
    A rule with the days (ISO, both included) between which its version counts; "" where there is no such day. Equal to
    itself alone: conditions of a store's own may have no hash.
    """

    rule: RuleInForce
    first: str = ""
    last: str = ""

    def counts_on(self, day: date) -> bool:
        """Return whether it counts on a day."""
        if not self.first <= day.isoformat() <= (self.last or "9999-12-31"):
            return False
        return all(day.isoweekday() in c.days for c in self.rule.conditions if isinstance(c, Weekdays))

    def counts_at(self, clock: str) -> bool:
        """Return whether it counts at a time of day (like 18:30)."""
        hours = (c for c in self.rule.conditions if isinstance(c, Hours))
        return all(c.start <= clock and (not c.end or clock < c.end) for c in hours)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """
    Rules of one kind that count together, with what they come to: points, or hundredths for multipliers. `is_best_of`
    says that of two in one group only the better one does.
    """

    rules: tuple[RuleInForce, ...]
    kind: Kind
    comes_to: Fraction
    first: str
    last: str
    weekdays: tuple[int, ...]
    sets: tuple[str, ...]
    is_in_each: bool
    is_best_of: bool = False


def kind_of(rule: RuleInForce) -> Kind | None:
    """Return with which other rules a rule adds up, those of the same kind; None where that is not known."""
    own = rule.rule
    if isinstance(own, Multiplier):
        return ("times",)
    if isinstance(own, PerAmount):
        return "money", own.currency
    if isinstance(own, PerUnit):
        return ("piece",)
    if isinstance(own, EveryNth):
        return "every", own.pieces
    return ("order",) if isinstance(own, (PerOrder, FirstOrder)) else None


def clashes(*, rule: RuleInForce, unit: Unit, at: datetime) -> list[Clash]:
    """
    Return where a rule counts together with others that are in force or planned, on days that are not over: the most
    that it comes to with several, and what it comes to with each.

    Levels and groups of members are left aside: somebody may be in both. So is how much a rule gives at most.
    """
    own, kind = Span(rule=rule, first=rule.days()[0], last=rule.days()[1]), kind_of(rule)
    spans = spans_of(book=rule_book(unit_ids=[unit.pk]), unit=unit, at=at)
    others = [span for span in spans if span.rule.code != rule.code and kind and kind_of(span.rule) == kind]
    today, products = _today(unit, at), _Products([own, *others])
    met = [other for other in others if any(len(found) == 2 for found in _together([own, other], today, products))]
    several = [_counting(found) for found in _together([own, *met], today, products) if own in found]
    several = [found for found in several if own in found and len(found) > 2]
    best = max(several, key=_comes_to, default=None)
    together = [_clash(best, products)] if best else []
    return together + [_clash((own, other), products) for other in met]


def meetings(*, unit: Unit, at: datetime) -> list[Clash]:
    """Return where rules that are in force or planned count together, on days that are not over; the most first."""
    by_kind: dict[Kind, list[Span]] = defaultdict(list)
    for span in spans_of(book=book_of(unit=unit), unit=unit, at=at):
        if kind := kind_of(span.rule):
            by_kind[kind].append(span)
    told = []
    for spans in by_kind.values():
        products, found = _Products(spans), set()
        for there in _together(spans, _today(unit, at), products):
            found.add(_counting(there))
        # What is a part of another says nothing new.
        kept: list[tuple[Span, ...]] = []
        for some in sorted(found, key=len, reverse=True):
            if len(some) > 1 and not any(set(some) <= set(other) for other in kept):
                kept.append(some)
        told += sorted(kept, key=_comes_to, reverse=True)[:TOLD]
    return [_clash(some, _Products(some)) for some in told]


def spans_of(*, book: RuleBook, unit: Unit, at: datetime) -> list[Span]:
    """Return the rules of a unit that are in force at a moment or planned then, each with its days."""
    zone, found = unit.program.time_zone, []
    for rule, begins, ends in book.spans(unit_id=unit.pk, moment=at):
        first, last = rule.days()
        if begins:
            first = max(first, periods.local_day(at=begins, zone=zone).isoformat())
        if ends:
            before = periods.local_day(at=ends, zone=zone) - timedelta(days=1)
            last = min(day for day in (last, before.isoformat()) if day)
        found.append(Span(rule=rule, first=first, last=last))
    return sorted(found, key=lambda span: (span.rule.code, span.first))


def _today(unit: Unit, at: datetime) -> date:
    return periods.local_day(at=at, zone=unit.program.time_zone)


class _Products:
    """Which products there are in the sets that rules name."""

    def __init__(self, spans: Iterable[Span]) -> None:
        spans, picker = list(spans), product_pickers.first()
        codes = {code for span in spans for one in _chosen(span) for code in one.sets}
        self.held = {code: frozenset(picker.products(code=code)) if picker else frozenset([code]) for code in codes}
        #: None stands for a product that is in none of them.
        self.all: frozenset[Any] = frozenset(chain([None], *self.held.values()))

    def of(self, span: Span) -> frozenset[Any]:
        """Return the products on which a rule counts; points that an order brings once are on any."""
        if kind_of(span.rule) == ("order",):
            return self.all
        found = self.all
        for one in _chosen(span):
            named = frozenset(chain.from_iterable(self.held[code] for code in one.sets))
            found = found - named if one.outside else found & named
        return found

    def alike(self, spans: Iterable[Span]) -> list[frozenset[Span]]:
        """Return which of these count on a product, for every product that differs in it."""
        parts: list[tuple[frozenset[Span], frozenset[Any]]] = [(frozenset(), self.all)]
        for span in spans:
            own = self.of(span)
            parts = [
                (there, some)
                for on, products in parts
                for there, some in ((on | {span}, products & own), (on, products - own))
                if some
            ]
        return [on for on, _products in parts]

    def shared(self, spans: Sequence[Span]) -> tuple[tuple[str, ...], bool]:
        """Return the sets on which all count, () for everything, and whether only what is in each of them."""
        named = [one.sets for span in spans for one in _chosen(span) if not one.outside]
        if not named or kind_of(spans[0].rule) == ("order",):
            return (), False
        codes = tuple(dict.fromkeys(code for some in named for code in some))
        left = frozenset.intersection(*(self.of(span) for span in spans))
        in_all = tuple(c for c in codes if self.held[c] & left and all(c in some for some in named))
        return (in_all, False) if in_all else (tuple(c for c in codes if self.held[c] & left), True)


def _chosen(span: Span) -> list[InProductSet]:
    return [one for one in span.rule.conditions if isinstance(one, InProductSet)]


def _together(spans: Sequence[Span], today: date, products: _Products) -> Iterator[list[Span]]:
    """Yield which rules count together at some moment from a day on, on some product; each combination once."""
    # Who counts changes on the first day of a rule, within a week for weekdays, and when its hours begin.
    starts = {max(today, date.fromisoformat(span.first)) if span.first else today for span in spans}
    week = any(isinstance(c, Weekdays) for span in spans for c in span.rule.conditions)
    days = {
        date.fromordinal(min(day.toordinal() + more, date.max.toordinal()))
        for day in starts
        for more in range(7 if week else 1)
    }
    clocks = {"00:00"} | {c.start or "00:00" for span in spans for c in span.rule.conditions if isinstance(c, Hours)}
    on_days = {frozenset(span for span in spans if span.counts_on(day)) for day in days}
    at_times = {frozenset(span for span in there if span.counts_at(clock)) for there in on_days for clock in clocks}
    alike = products.alike(spans)
    found = {one for there in at_times for on in alike for one in _of_one_currency(there & on)}
    yield from sorted(
        ([span for span in spans if span in there] for there in found),
        key=lambda some: [spans.index(one) for one in some],
    )


def _of_one_currency(spans: frozenset[Span]) -> Iterator[frozenset[Span]]:
    """Yield rules that one order may meet: an amount that it has to come to is in the currency of the order."""
    asked = {span: {c.currency for c in span.rule.conditions if isinstance(c, MinimumSpend)} for span in spans}
    for currency in set().union(*asked.values()) or {""}:
        yield frozenset(span for span, named in asked.items() if named <= {currency})


def _counting(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return those that count where all of these do: of multipliers with one group the best."""
    best: dict[Any, Span] = {}
    for place, span in enumerate(spans):
        own = span.rule.rule
        key = own.group if isinstance(own, Multiplier) else place
        if key not in best or own.percent > best[key].rule.rule.percent:
            best[key] = span
    return tuple(span for span in spans if span in best.values())


def _comes_to(spans: Sequence[Span]) -> Fraction:
    """Return what these come to together, for a minor unit, a piece or an order; hundredths for multipliers."""
    rules = [span.rule.rule for span in spans]
    if isinstance(rules[0], Multiplier):
        return Fraction(100 + sum(rule.percent - 100 for rule in rules))
    if isinstance(rules[0], PerAmount):
        return sum((Fraction(rule.points, rule.step_minor) for rule in rules), Fraction(0))
    return Fraction(sum(rule.points for rule in rules))


def _clash(spans: Sequence[Span], products: _Products) -> Clash:
    days: set[int] = set(range(1, 8))
    for span in spans:
        days = days.intersection(*(c.days for c in span.rule.conditions if isinstance(c, Weekdays)))
    sets, is_in_each = products.shared(spans)
    counting = _counting(spans)
    return Clash(
        rules=tuple(span.rule for span in spans),
        kind=kind_of(spans[0].rule) or (),
        comes_to=_comes_to(counting),
        first=max(span.first for span in spans),
        last=min((span.last for span in spans if span.last), default=""),
        weekdays=tuple(sorted(days)) if len(days) < 7 else (),
        sets=sets,
        is_in_each=is_in_each,
        is_best_of=len(counting) < len(spans),
    )


def in_sentences(*, found: Sequence[Clash], unit: Unit, about: RuleInForce | None = None) -> list[str]:
    """
    Return clashes in words: "This and “Advent” add up to 2.2 times, on Dog beds, from 5 to 6 December.", on the page
    of the rule that it is `about`; with where they end, which may be before that.
    """
    names = dict(ProductSet.objects.values_list("code", "name")) if any(clash.sets for clash in found) else {}
    code = about.code if about else None
    return [
        " ".join([_said(clash, names, unit, about), *ends_in_words(rules=clash.rules, unit=unit, about=code)])
        for clash in found
    ]


def _said(clash: Clash, names: dict[str, str], unit: Unit, about: RuleInForce | None) -> str:
    parts = [on_products(names=[names.get(code, code) for code in clash.sets], is_in_each=clash.is_in_each)]
    if clash.kind == ("order",):
        parts = [in_one_order(is_first=any(isinstance(rule.rule, FirstOrder) for rule in clash.rules))]
    if clash.weekdays:
        parts.append(reasons.get("on_weekdays")({"weekdays": clash.weekdays}))
    if clash.first or clash.last:
        parts.append(reasons.get("placed_between")({"first": clash.first, "last": clash.last}))
    step = 1
    if clash.kind[0] == "money":
        step = lcm(clash.comes_to.denominator, max(rule.rule.step_minor for rule in clash.rules))
    params = {
        "rules": _named(clash.rules, about),
        "where": ", ".join(parts),
        "times": money.number(Decimal(int(clash.comes_to)) / 100),
        "points": in_words(unit=unit, points=int(clash.comes_to * step)),
    }
    if clash.is_best_of:
        # Told on the page of one of the two.
        text = pgettext("loyalty", "Of this and “%(rule)s” only the better one counts, %(times)s times, %(where)s.")
        params["rule"] = clash.rules[-1].name
    elif clash.kind[0] == "times":
        text = pgettext("loyalty", "%(rules)s add up to %(times)s times, %(where)s.")
    elif clash.kind[0] == "money":
        text = pgettext("loyalty", "%(rules)s add up to %(points)s for each %(step)s, %(where)s.")
        params["step"] = money.in_words(minor=step, currency=clash.kind[1])
    elif clash.kind[0] == "piece":
        text = pgettext("loyalty", "%(rules)s add up to %(points)s for each piece, %(where)s.")
    elif clash.kind[0] == "every":
        text = pgettext("loyalty", "%(rules)s add up to %(points)s for every %(pieces)s pieces, %(where)s.")
        params["pieces"] = money.number(clash.kind[1])
    else:
        text = pgettext("loyalty", "%(rules)s add up to %(points)s, %(where)s.")
    return text % params


def _named(rules: Sequence[RuleInForce], about: RuleInForce | None) -> str:
    """Return the names of rules as a list; the one that a page is about is “This” there, and comes first."""
    quoted = pgettext("loyalty", "“%(rule)s”")
    first = [pgettext("loyalty", "This")] if about is not None else []
    every = first + [quoted % {"rule": rule.name} for rule in rules if about is None or rule.code != about.code]
    text = pgettext("loyalty", "%(some)s and %(more)s")
    return text % {"some": ", ".join(every[:-1]), "more": every[-1]}
