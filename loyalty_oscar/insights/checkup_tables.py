"""What the parts of a program did in a year, and what to do about each, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit

from .checkup import DEAR, JUDGED, LEAST_DAYS, LEAST_MEMBERS, Judgement, PartFacts, Reason, judge
from .effects import LEAST_FOR_RATES, Effect, Group, Verdict, of_rates
from .elements import counted_on, name_of, titles_of_elements
from .models import Element
from .tables import Column, FiguresTable, Sort, share

JUDGEMENTS = {
    Judgement.KEEP: pgettext_lazy("loyalty", "Keep"),
    Judgement.CHANGE: pgettext_lazy("loyalty", "Change"),
    Judgement.STOP: pgettext_lazy("loyalty", "Stop"),
    Judgement.WAIT: pgettext_lazy("loyalty", "Wait"),
}
SENTENCES = {
    Reason.PLANNED: pgettext_lazy("loyalty", "It begins on %(day)s."),
    Reason.NOT_COUNTED: pgettext_lazy("loyalty", "Who uses it is not counted, so nothing can be said of it."),
    Reason.UNKNOWN_AGE: pgettext_lazy("loyalty", "Nobody has used it, and since when it is there is not known."),
    Reason.UNUSED: pgettext_lazy("loyalty", "Nobody used it in the year."),
    Reason.FEWER_ORDERS: pgettext_lazy(
        "loyalty",
        "Fewer of those it came to ordered than of those left out: the difference is between %(low)s and %(high)s.",
    ),
    Reason.DEAR: pgettext_lazy("loyalty", "It cost %(cost)s, which is more than %(most)s of what members paid."),
    Reason.TOO_LITTLE: pgettext_lazy(
        "loyalty",
        "Not enough data: %(least)s must have ordered of those it came to, and as many of those left out.",
    ),
    Reason.NOTHING_SHOWN: pgettext_lazy(
        "loyalty",
        "No difference is shown to those who were left out: it is between %(low)s and %(high)s.",
    ),
    Reason.MORE_ORDERS: pgettext_lazy(
        "loyalty",
        "More of those it came to ordered than of those left out: the difference is between %(low)s and %(high)s.",
    ),
    Reason.RARE: pgettext_lazy("loyalty", "Only %(part)s of those who could use it."),
    Reason.USED: pgettext_lazy(
        "loyalty", "It is used. Whether it brings orders is not known, for nobody was left out to compare with."
    ),
}


def effect_of(*, row: Element) -> Effect | None:
    """Return by how much more of those it came to ordered; None where nobody is held out."""
    if row.told is None or row.told_bought is None or row.held is None or row.held_bought is None:
        return None
    told, held = Group(members=row.told, buyers=row.told_bought), Group(members=row.held, buyers=row.held_bought)
    return of_rates(told=told, held=held)


def parts(*, unit: Unit, rows: Sequence[Element]) -> FiguresTable:
    """Return what each part of a program did in the year, and what difference it made where that can be said."""
    return FiguresTable(
        name="parts",
        title=pgettext("loyalty", "What each part cost, and who used it"),
        unit=unit,
        columns=_columns(),
        rows=_cells(rows),
    )


def checkup(*, unit: Unit, rows: Sequence[Element], paid: int) -> FiguresTable:
    """Return the same with what to do about each, and why; members `paid` so much in the year (minor units)."""
    cells = _cells(rows)
    for row, told in zip(rows, cells, strict=True):
        judgement, why = advice(unit=unit, row=row, paid=paid)
        told[2:2] = [str(JUDGEMENTS[judgement]), why]
    part, kind, *numbers = _columns()
    return FiguresTable(
        name="checkup",
        title=pgettext("loyalty", "What to do about each part"),
        unit=unit,
        columns=[
            *(part, kind),
            Column(pgettext("loyalty", "What to do"), Sort.TEXT),
            Column(pgettext("loyalty", "Why"), Sort.TEXT),
            *numbers,
        ],
        rows=cells,
    )


def advice(*, unit: Unit, row: Element, paid: int) -> tuple[Judgement, str]:
    """Return what to do about a part and its reason as a sentence; members `paid` so much in the year."""
    effect = effect_of(row=row)
    days = (row.day - row.since).days if row.since else None
    facts = PartFacts(days=days, cost=row.cost, uptake=row.uptake, could=row.could, effect=effect, paid=paid)
    reason = judge(facts=facts)
    return JUDGED[reason], _sentence(reason, unit, row, facts)


def _sentence(reason: Reason, unit: Unit, row: Element, facts: PartFacts) -> str:
    if reason is Reason.YOUNG:
        days = facts.days or 0
        text = npgettext(
            "loyalty",
            "It has been there for %(days)s day; %(least)s are needed.",
            "It has been there for %(days)s days; %(least)s are needed.",
            days,
        )
        return text % {"days": money.number(days), "least": money.number(LEAST_DAYS)}
    if reason is Reason.FEW:
        could = facts.could or 0
        text = npgettext(
            "loyalty",
            "There was %(could)s member who could use it; %(least)s are needed.",
            "There were %(could)s members who could use it; %(least)s are needed.",
            could,
        )
        return text % {"could": money.number(could), "least": money.number(LEAST_MEMBERS)}
    told = {"most": share(DEAR, places=0), "least": money.number(LEAST_FOR_RATES)}
    if row.since:
        told["day"] = words.day(row.since, zone="UTC")
    if facts.effect and facts.effect.low is not None and facts.effect.high is not None:
        told |= {"low": share(Fraction(facts.effect.low)), "high": share(Fraction(facts.effect.high))}
    if facts.cost is not None:
        told["cost"] = money.in_words(minor=facts.cost, currency=unit.program.currency)
    if facts.uptake is not None and facts.could:
        told["part"] = share(Fraction(facts.uptake, facts.could))
    return str(SENTENCES[reason]) % told


def _columns() -> list[Column]:
    return [
        Column(pgettext("loyalty", "Part"), Sort.TEXT),
        Column(pgettext("loyalty", "Kind"), Sort.TEXT),
        Column(pgettext("loyalty", "First day"), Sort.DAY),
        Column(pgettext("loyalty", "Cost"), Sort.ANY),
        Column(pgettext("loyalty", "Members who used it"), Sort.ANY),
        Column(pgettext("loyalty", "Members who could"), Sort.ANY),
        Column(pgettext("loyalty", "Ordered after it"), Sort.SHARE),
        Column(pgettext("loyalty", "Ordered without it"), Sort.SHARE),
        Column(pgettext("loyalty", "Difference"), Sort.ANY),
        Column(pgettext("loyalty", "At least"), Sort.SHARE),
        Column(pgettext("loyalty", "At most"), Sort.SHARE),
    ]


def _cells(rows: Sequence[Element]) -> list[list[Any]]:
    kinds, last = titles_of_elements(), counted_on(rows=rows)
    return [
        [
            _called(row, last),
            kinds[row.kind],
            row.since or "",
            _known(Sort.MONEY, row.cost),
            _known(Sort.NUMBER, row.uptake),
            (Sort.TEXT, pgettext("loyalty", "Everybody")) if row.could is None else (Sort.NUMBER, row.could),
            *_effect_cells(row),
        ]
        for row in rows
    ]


def _called(row: Element, last: date | None) -> str:
    """Return what a part is called, and when it was counted where others were later."""
    if row.day == last:
        return name_of(row=row)
    told = {"part": name_of(row=row), "day": words.day(row.day, zone="UTC")}
    return pgettext("loyalty", "%(part)s, as counted on %(day)s") % told


def _known(sort: Sort, number: int | None) -> tuple[Sort, Any]:
    return (Sort.TEXT, pgettext("loyalty", "Not known")) if number is None else (sort, number)


def _effect_cells(row: Element) -> list[Any]:
    effect = effect_of(row=row)
    if effect is None:
        return ["", "", (Sort.TEXT, pgettext("loyalty", "No comparison group")), "", ""]
    rates = [_rate(row.told_bought, row.told), _rate(row.held_bought, row.held)]
    if effect.verdict == Verdict.TOO_LITTLE:
        return [*rates, (Sort.TEXT, pgettext("loyalty", "Not enough data")), "", ""]
    found = [Fraction(number) for number in (effect.difference, effect.low, effect.high) if number is not None]
    return [*rates, (Sort.SHARE, found[0]), *found[1:]]


def _rate(bought: int | None, members: int | None) -> Fraction | str:
    return Fraction(bought or 0, members) if members else ""
