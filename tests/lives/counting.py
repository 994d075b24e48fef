"""How the oracle counts: what an order brings, piece by piece, in plain arithmetic (docs/explanation/rounding.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    #: How many points it gives all members together, and how many one order, or a member: (period, points).
    budget: int | None = None
    caps: tuple[tuple[str, int], ...] = ()

    def is_counted(self) -> bool:
        """Return whether what it gives is counted over many orders."""
        return self.budget is not None or any(period != "order" for period, _points in self.caps)

    def within(self, points: int | None, rooms: Mapping[str, int]) -> int | None:
        """Return as many of these points as it may give an order that has this room; None is as many as it likes."""
        most = [points for period, points in self.caps if period == "order"]
        return min((n for n in (points, rooms.get(self.code), *most) if n is not None), default=None)


@dataclass(kw_only=True, slots=True)
class Bonus:
    """Points for a whole order: they stay while something of what the rule covers, and so much in all, stays paid."""

    rule: Rule
    points: int


@dataclass(kw_only=True, slots=True)
class Said:
    """What an order brings: bonuses, whole points of counted rules by their code, and rules that had no more room."""

    bonuses: list[Bonus] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Has:
    """What an order has of what a rule gives in all: points of the whole, what it holds now, of which budget."""

    points: int
    held: int
    budget: int | None


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
    is_frozen: bool = False


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
    *,
    known: Sequence[Part],
    new: Sequence[Part],
    rules: Sequence[Rule],
    terms: Terms,
    rooms: Mapping[str, int],
    had: Collection[str] = (),
) -> Said:
    """
    Write on the new parts what they bring; returns that with the bonuses that the order reaches with them and had not
    before. `rooms` is what is left for this order of what rules give in all, a day, a month or a member.

    Known parts keep what they have. Conditions see the whole order. The sum is rounded once.
    """
    whole = [*known, *new]
    goods = sum(paid(part, terms) for part in whole)
    admitted = [rule for rule in rules if rule.minimum <= goods and rule.rank <= terms.rank]
    sums = _exact(known, new, admitted, terms, rooms)
    for number, part in enumerate(new, start=len(known)):
        part.exact = sums.exact[number]
    before = _alone(known, rules, terms, rooms)
    _share(known, new, terms, before=before)
    for number, part in enumerate(new, start=len(known)):
        part.points += sums.fixed[number]
    said = Said(bound=sums.bound, given=_given(sums, admitted, len(known), terms, before))
    for rule in admitted:
        if rule.type == "first-order" and terms.is_first and rule.code not in had and _counted(whole, rule, terms):
            points, wanted = rule.within(rule.params["points"], rooms), rule.params["points"]
            if points < wanted and rule.code in rooms:
                said.bound[rule.code] = rooms[rule.code]
            if points:
                said.bonuses.append(Bonus(rule=rule, points=points))
            if rule.is_counted():
                said.given[rule.code] = points
    return said


def covers(rule: Rule, part: Part) -> bool:
    """Return whether a rule is about these products."""
    return not rule.sets or part.sets.isdisjoint(rule.sets) == rule.outside


def _counted(parts: Iterable[Part], rule: Rule, terms: Terms) -> list[Part]:
    """Return the parts that a rule counts: something was paid for them, and they are not shut out."""
    return [part for part in parts if paid(part, terms) > 0 and terms.excluded not in part.sets and covers(rule, part)]


@dataclass(kw_only=True, slots=True)
class _Sums:
    """What parts, by their place, come to before rounding, in whole points beside it, and by the code of each rule."""

    exact: list[Fraction]
    fixed: list[int]
    own: dict[str, dict[int, Fraction]] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)


def _exact(
    known: Sequence[Part], new: Sequence[Part], rules: Sequence[Rule], terms: Terms, rooms: Mapping[str, int]
) -> _Sums:
    whole = [*known, *new]
    places = {id(part): number for number, part in enumerate(whole)}
    sums = _Sums(exact=[Fraction(0)] * len(whole), fixed=[0] * len(whole))

    def within(rule: Rule, shares: dict[int, Fraction]) -> dict[int, Fraction]:
        sums.own[rule.code] = _within(rule, shares, len(known), terms, rooms, sums.bound)
        return sums.own[rule.code]

    best: dict[tuple[int, str], Rule] = {}
    for rule in rules:
        mine = _counted(whole, rule, terms)
        if rule.type == "per-amount" and mine:
            old = [part for part in mine if places[id(part)] < len(known)]
            late = [part for part in mine if places[id(part)] >= len(known)]
            shares = {places[id(part)]: _amount(rule, part, old, late, terms) for part in mine}
            for number, share in within(rule, shares).items():
                sums.exact[number] += share
        elif rule.type == "multiplier" and mine and rooms.get(rule.code) == 0:
            sums.bound[rule.code] = 0
        elif rule.type == "multiplier":
            for part in mine:
                slot = (places[id(part)], rule.params.get("group", "campaign"))
                if slot not in best or rule.params["percent"] > best[slot].params["percent"]:
                    best[slot] = rule
        elif rule.type == "per-unit" and mine:
            shares = {places[id(part)]: Fraction(rule.params["points"] * part.quantity) for part in mine}
            for number, share in within(rule, shares).items():
                sums.fixed[number] += int(share)
    base = list(sums.exact)
    for number, exact in enumerate(base):
        sums.exact[number] += exact * (terms.percent - 100) / 100
    for rule in rules:
        numbers = [number for (number, _group), one in best.items() if one is rule]
        if numbers:
            more = {number: base[number] * (rule.params["percent"] - 100) / 100 for number in numbers}
            for number, share in within(rule, more).items():
                sums.exact[number] += share
    return sums


def _within(
    rule: Rule, shares: dict[int, Fraction], known: int, terms: Terms, rooms: Mapping[str, int], bound: dict[str, int]
) -> dict[int, Fraction]:
    """Return what a rule gives each part of what it would, those that were there first."""
    left = rule.within(None, rooms)
    if left is None:
        return shares
    found: dict[int, Fraction] = {}
    for numbers in ([n for n in shares if n < known], [n for n in shares if n >= known]):
        mine = [shares[n] for n in numbers]
        each = mine if terms.stage == "line" else [sum(mine, Fraction(0))]
        highest = sum(ceil(one) for one in each)
        if highest > left:
            # No more than the whole points that it comes to, so that no rounding lifts them above.
            mine = [Fraction(n) for n in spread(min(left, sum(rounded(one, terms.rounding) for one in each)), mine)]
            if rule.code in rooms:
                bound[rule.code] = rooms[rule.code]
        found |= dict(zip(numbers, mine, strict=True))
        left -= min(left, highest)
    return found


def _given(sums: _Sums, rules: Sequence[Rule], known: int, terms: Terms, before: Fraction) -> dict[str, int]:
    """
    Return the whole points that late parts have of each rule that is counted, in order of code: what the sum comes to
    with it less without it.
    """
    late = range(known, len(sums.exact))
    groups = [[number] for number in late] if terms.stage == "line" else [list(late)]
    was = Fraction(0) if terms.stage == "line" else before
    left = [was + sum((sums.exact[n] for n in group), Fraction(0)) for group in groups]
    found = {}
    for rule in sorted(rules, key=lambda rule: rule.code):
        own = sums.own.get(rule.code)
        if own is None or not rule.is_counted():
            continue
        shares = [sum((own.get(n, Fraction(0)) for n in group), Fraction(0)) for group in groups]
        if rule.type == "per-unit":
            found[rule.code] = int(sum(shares))
            continue
        less = [one - share for one, share in zip(left, shares, strict=True)]
        found[rule.code] = sum(rounded(one, terms.rounding) for one in left)
        found[rule.code] -= sum(rounded(one, terms.rounding) for one in less)
        left = less
    return found


def _amount(rule: Rule, part: Part, old: Sequence[Part], late: Sequence[Part], terms: Terms) -> Fraction:
    step, points, own = rule.params["step_minor"], rule.params["points"], paid(part, terms)
    if terms.rounding != "block":
        return Fraction(points * own, step)
    before, now = (sum(paid(one, terms) for one in some) for some in (old, late))
    if terms.stage == "line":
        return Fraction((before + now) // step * points * own, before + now)
    if any(one is part for one in old):
        return Fraction(before // step * points * own, before)
    return Fraction(((before + now) // step - before // step) * points * own, now)


def _alone(parts: Sequence[Part], rules: Sequence[Rule], terms: Terms, rooms: Mapping[str, int]) -> Fraction:
    """Return what parts would bring together if nothing else had been bought, not rounded."""
    goods = sum(paid(part, terms) for part in parts)
    admitted = [rule for rule in rules if rule.minimum <= goods and rule.rank <= terms.rank]
    return sum(_exact((), parts, admitted, terms, rooms).exact, Fraction(0))


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
