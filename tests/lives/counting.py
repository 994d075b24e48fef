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
    has: Mapping[str, int],
    had: Collection[str] = (),
) -> Said:
    """
    Write on the new parts what they bring; returns that with the bonuses that the order reaches with them and had not
    before (`had`, codes of rules). `rooms` is what this order may have of what rules give in all, a day, a month or a
    member, with what it `has` of it.

    Known parts keep what they have. Conditions see the whole order. The sum is rounded once.
    """
    whole = [*known, *new]
    before = _Sums(known=(), new=known, rules=rules, terms=terms, rooms=rooms) if known else None
    sums = _Sums(known=known, new=new, rules=rules, terms=terms, rooms=rooms, has=has, before=before)
    for part, exact in zip(new, sums.exact(), strict=True):
        part.exact = exact
    _share(known, new, terms, before=sum(before.exact(), Fraction(0)) if before else Fraction(0))
    for part, points in zip(new, sums.whole_points(), strict=True):
        part.points += points
    said = Said(bound=sums.bound, given=dict(sums.given))
    for rule in sums.rules:
        if rule.type == "first-order" and terms.is_first and rule.code not in had and _counted(whole, rule, terms):
            points, wanted = rule.within(rule.params["points"], rooms), rule.params["points"]
            if points < wanted and rule.code in rooms:
                said.bound[rule.code] = rooms[rule.code]
            if points:
                said.bonuses.append(Bonus(rule=rule, points=points))
            said.given[rule.code] = points
    counted = {rule.code for rule in sums.rules if rule.is_counted()}
    said.given = {code: points for code, points in said.given.items() if code in counted}
    return said


def covers(rule: Rule, part: Part) -> bool:
    """Return whether a rule is about these products."""
    return not rule.sets or part.sets.isdisjoint(rule.sets) == rule.outside


def _counted(parts: Iterable[Part], rule: Rule, terms: Terms) -> list[Part]:
    """Return the parts that a rule counts: something was paid for them, and they are not shut out."""
    return [part for part in parts if paid(part, terms) > 0 and terms.excluded not in part.sets and covers(rule, part)]


class _Sums:
    """
    What new parts come to, by their place, and what each rule with a most gives: what they come to with it less
    without it. Rules for money are let in first, then multipliers, the best first.
    """

    def __init__(
        self,
        *,
        known: Sequence[Part],
        new: Sequence[Part],
        rules: Sequence[Rule],
        terms: Terms,
        rooms: Mapping[str, int],
        has: Mapping[str, int] | None = None,
        before: _Sums | None = None,
    ) -> None:
        self.known, self.new, self.terms, self.rooms, self.has, self.before = known, new, terms, rooms, has, before
        goods = sum(paid(part, terms) for part in (*known, *new))
        self.rules = [rule for rule in rules if rule.minimum <= goods and rule.rank <= terms.rank]
        self.own = {rule.code: self._amounts(rule) for rule in self.rules if rule.type == "per-amount"}
        multipliers = [rule for rule in self.rules if rule.type == "multiplier"]
        self.lifting = sorted(multipliers, key=lambda rule: -rule.params["percent"])
        self.was = sum(before.exact(), Fraction(0)) if before and terms.stage == "order" else Fraction(0)
        self.given: dict[str, int] = {}
        self.bound: dict[str, int] = {}
        #: How much of what a rule would give each part counts; all of it where nothing is said.
        self.let: dict[str, list[Fraction]] = {}
        self._let_in()

    def _places(self, rule: Rule) -> list[int]:
        mine = {id(part) for part in _counted(self.new, rule, self.terms)}
        return [number for number, part in enumerate(self.new) if id(part) in mine]

    def _amounts(self, rule: Rule) -> dict[int, Fraction]:
        """Return what a rule for money gives each new part, alone and not limited."""
        step, points = rule.params["step_minor"], rule.params["points"]
        own = {number: paid(self.new[number], self.terms) for number in self._places(rule)}
        old = sum(paid(part, self.terms) for part in _counted(self.known, rule, self.terms))
        if self.terms.rounding != "block":
            return {number: Fraction(points * money, step) for number, money in own.items()}
        late = sum(own.values())
        if self.terms.stage == "line":
            return {
                number: Fraction((old + late) // step * points * money, old + late) for number, money in own.items()
            }
        steps = (old + late) // step - old // step
        return {number: Fraction(steps * points * money, late) for number, money in own.items()}

    def _most(self, rule: Rule) -> int | None:
        """Return how many points a rule may give the new parts."""
        most = rule.within(None, self.rooms)
        if most is None or self.before is None:
            return most
        there = (self.has or {}).get(rule.code, 0) if rule.is_counted() else self.before.given.get(rule.code, 0)
        return max(0, most - there)

    def _let_in(self) -> None:
        order = [*(rule for rule in self.rules if rule.type == "per-amount" and self.own[rule.code]), *self.lifting]
        limited = [rule for rule in order if self._most(rule) is not None]
        none = [Fraction(0)] * len(self.new)
        self.let = {rule.code: none for rule in limited}
        one_by_one = self.terms.stage == "line"
        groups = [[n] for n in range(len(self.new))] if one_by_one else [list(range(len(self.new)))]
        for rule in limited:
            less = self._of(groups)
            del self.let[rule.code]
            more = self._of(groups)
            points = [rounded(exact, self.terms.rounding) for exact in less]
            wanted = [rounded(exact, self.terms.rounding) - n for exact, n in zip(more, points, strict=True)]
            most = self._most(rule) or 0
            self.given[rule.code] = min(most, sum(wanted))
            if sum(wanted) <= most:
                continue
            if rule.code in self.rooms:
                self.bound[rule.code] = self.rooms[rule.code]
            parts = list(none)
            for place, some in enumerate(spread(most, wanted)):
                for number in groups[place] if some else ():
                    parts[number] = min(Fraction(1), (points[place] + some - less[place]) / (more[place] - less[place]))
            self.let[rule.code] = parts

    def _of(self, groups: Sequence[Sequence[int]]) -> list[Fraction]:
        exact = self.exact()
        return [self.was + sum((exact[number] for number in group), Fraction(0)) for group in groups]

    def exact(self) -> list[Fraction]:
        """Return what each new part comes to, not rounded."""
        base = [Fraction(0)] * len(self.new)
        for code, own in self.own.items():
            for number, share in own.items():
                base[number] += share * self.let[code][number] if code in self.let else share
        found = [one * max(100, self.terms.percent) / 100 for one in base]
        free: dict[tuple[int, str], Fraction] = {}
        for rule in self.lifting:
            for number in self._places(rule):
                slot = (number, rule.params.get("group", "campaign"))
                rest = free.get(slot, Fraction(1))
                lifted = rest * self.let[rule.code][number] if rule.code in self.let else rest
                free[slot] = rest - lifted
                found[number] += base[number] * lifted * (rule.params["percent"] - 100) / 100
        return found

    def whole_points(self) -> list[int]:
        """Return the points for pieces of each new part."""
        found = [0] * len(self.new)
        for rule in self.rules:
            places = self._places(rule) if rule.type == "per-unit" else []
            wanted = [rule.params["points"] * self.new[number].quantity for number in places]
            most = self._most(rule)
            if places and most is not None and sum(wanted) > most:
                if rule.code in self.rooms:
                    self.bound[rule.code] = self.rooms[rule.code]
                wanted = spread(most, wanted)
            for number, points in zip(places, wanted, strict=True):
                found[number] += points
            if places:
                self.given[rule.code] = sum(wanted)
        return found


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
