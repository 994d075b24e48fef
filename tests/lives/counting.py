"""How the oracle counts: what an order brings, piece by piece, in plain arithmetic (docs/explanation/rounding.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any


@dataclass(kw_only=True, slots=True)
class Part:
    """
    Pieces of one product as they came to an order: how many, what was paid for them (cents) with and without tax and
    what before discounts, in which sets they were that day, and how many used points took how much `off`.

    `exact` and `points` are what they brought; `gone` are those that are no longer there, `back` the used points that
    came back.
    """

    line: int
    product: int | None
    quantity: int
    incl: int
    excl: int
    list: int = 0
    sets: frozenset[str] = frozenset()
    used: int = 0
    off: int = 0
    exact: Fraction = Fraction(0)
    points: int = 0
    gone: int = 0
    back: int = 0

    def left_of(self, amount: int) -> int:
        """Return what is left of an amount that lies on all pieces: the last piece takes the remainder."""
        return amount - amount * self.gone // self.quantity if self.quantity else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What one rule said from a moment on."""

    code: str
    type: str
    params: dict[str, Any]
    sets: tuple[str, ...] = ()
    outside: bool = False
    minimum: int = 0
    rank: int = 0
    is_on: bool = True
    since: Any = None


@dataclass(kw_only=True, slots=True)
class Bonus:
    """Points for a whole order: they stay while something of what the rule covers, and so much in all, stays paid."""

    rule: Rule
    points: int


@dataclass(kw_only=True, slots=True)
class Terms:
    """How an order counts, as it was written down when it was seen first."""

    rounding: str = "floor"
    stage: str = "order"
    base: str = "as-shown"
    excluded: str | None = None
    hold_days: int = 14
    percents: dict[int, int] = field(default_factory=dict)
    percent: int = 100
    rank: int = 0
    is_first: bool = False


def paid(part: Part, terms: Terms) -> int:
    """Return the money of a part that points count on."""
    return part.excl if terms.base == "excl" else part.incl


def in_force(rules: Iterable[Rule], moment: Any) -> list[Rule]:
    """Return what each rule said at a moment, of those that were on."""
    newest: dict[str, Rule] = {}
    for rule in rules:
        if rule.since <= moment:
            newest[rule.code] = rule
    return [rule for _code, rule in sorted(newest.items()) if rule.is_on]


def count(
    *, known: Sequence[Part], new: Sequence[Part], rules: Sequence[Rule], terms: Terms, had: Collection[str] = ()
) -> list[Bonus]:
    """
    Write on the new parts what they bring; returns the bonuses that the order reaches with them and had not before.

    Known parts keep what they have. Conditions see the whole order. The sum is rounded once.
    """
    whole = [*known, *new]
    goods = sum(paid(part, terms) for part in whole)
    admitted = [rule for rule in rules if rule.minimum <= goods and rule.rank <= terms.rank]
    fixed = _exact(known, new, admitted, terms)
    _share(known, new, terms, before=_alone(known, rules, terms))
    for part, points in zip(new, fixed, strict=True):
        part.points += points
    return [
        Bonus(rule=rule, points=rule.params["points"])
        for rule in admitted
        if rule.type == "first-order" and terms.is_first and rule.code not in had and _counted(whole, rule, terms)
    ]


def covers(rule: Rule, part: Part) -> bool:
    """Return whether a rule is about these products."""
    return not rule.sets or part.sets.isdisjoint(rule.sets) == rule.outside


def _counted(parts: Iterable[Part], rule: Rule, terms: Terms) -> list[Part]:
    """Return the parts that a rule counts: something was paid for them, and they are not shut out."""
    return [part for part in parts if paid(part, terms) > 0 and terms.excluded not in part.sets and covers(rule, part)]


def _exact(known: Sequence[Part], new: Sequence[Part], rules: Sequence[Rule], terms: Terms) -> list[int]:
    base = dict.fromkeys(range(len(new)), Fraction(0))
    fixed = [0] * len(new)
    best: dict[tuple[int, str], int] = {}
    numbered = {id(part): number for number, part in enumerate(new)}
    for rule in rules:
        mine = _counted(new, rule, terms)
        for part in mine:
            number = numbered[id(part)]
            if rule.type == "per-amount":
                base[number] += _amount(rule, part, mine, known, terms)
            elif rule.type == "multiplier":
                slot = (number, rule.params.get("group", "campaign"))
                best[slot] = max(best.get(slot, 0), rule.params["percent"])
            elif rule.type == "per-unit":
                fixed[number] += rule.params["points"] * part.quantity
    for number, part in enumerate(new):
        more = sum(percent - 100 for (own, _group), percent in best.items() if own == number) + terms.percent - 100
        part.exact = base[number] * (100 + more) / 100
    return fixed


def _amount(rule: Rule, part: Part, mine: Sequence[Part], known: Sequence[Part], terms: Terms) -> Fraction:
    step, points, own = rule.params["step_minor"], rule.params["points"], paid(part, terms)
    if terms.rounding != "block":
        return Fraction(points * own, step)
    before = sum(paid(one, terms) for one in _counted(known, rule, terms))
    now = sum(paid(one, terms) for one in mine)
    if terms.stage == "line":
        return Fraction((before + now) // step * points * own, before + now)
    return Fraction(((before + now) // step - before // step) * points * own, now)


def _alone(parts: Sequence[Part], rules: Sequence[Rule], terms: Terms) -> Fraction:
    """Return what parts would bring together if nothing else had been bought, not rounded."""
    goods, alone = sum(paid(part, terms) for part in parts), [replace(part) for part in parts]
    _exact((), alone, [rule for rule in rules if rule.minimum <= goods and rule.rank <= terms.rank], terms)
    return sum((part.exact for part in alone), Fraction(0))


def _share(known: Sequence[Part], new: Sequence[Part], terms: Terms, *, before: Fraction) -> None:
    if terms.stage == "line":
        for part in new:
            part.points = rounded(part.exact, terms.rounding)
        return
    exact = [part.exact for part in new]
    more = rounded(before + sum(exact, Fraction(0)), terms.rounding) - rounded(before, terms.rounding)
    shares = spread(more, exact) if known else dealt(more, exact)
    for part, share in zip(new, shares, strict=True):
        part.points = share


def rounded(exact: Fraction, mode: str) -> int:
    """Round an exact number of points once."""
    if mode == "ceil":
        return ceil(exact)
    if mode == "half_up":
        return floor(exact + Fraction(1, 2))
    return floor(exact)


def spread(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split whole points by weights."""
    whole = sum(weights, Fraction(0))
    if not whole:
        return [total] + [0] * (len(weights) - 1) if weights else []
    return dealt(total, [Fraction(weight) * total / whole for weight in weights])


def dealt(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Round shares so that they add up: each down, the rest to the largest remainders, ties to the first."""
    parts = [floor(share) for share in exact]
    order = sorted(range(len(parts)), key=lambda n: (-(exact[n] - parts[n]), n))
    for n in order[: total - sum(parts)]:
        parts[n] += 1
    return parts


def left(*, parts: Sequence[Part], bonuses: Iterable[Bonus], terms: Terms) -> int:
    """Return what an order still brings."""
    points = sum(part.left_of(part.points) for part in parts)
    stays = sum(part.left_of(paid(part, terms)) for part in parts)
    for bonus in bonuses:
        covered = sum(part.left_of(paid(part, terms)) for part in _counted(parts, bonus.rule, terms))
        points += bonus.points if covered > 0 and stays >= max(1, bonus.rule.minimum) else 0
    return points
