"""
From a purchase and the rules in force to a decision with its snapshot, and from the snapshot to what is left of it.

Order of counting (semantics, "What earns"): base, multipliers by group, one rounding, fixed points, bonuses.
Pure, like `rules`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from loyalty_oscar.kernel import rounding
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import LineFacts, Purchase

from .rules import RuleInForce, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class LineAward:
    """What one line brings: points, and what was paid for it (minor units); `exact` is its share before rounding."""

    line_id: int
    quantity: int
    points: int
    paid_minor: int
    exact: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bonus:
    """
    Whole points for the order; they stay while anything stays paid for `line_ids`, which the rule covers, and at
    least `minimum_minor` for `order_ids`, which are all lines, with `least` pieces, and `of_a_line` of one that is
    covered. With `every` the points are given for every so many pieces that stay of `line_ids`, `each` time so many.
    """

    points: int
    minimum_minor: int
    line_ids: tuple[int, ...]
    order_ids: tuple[int, ...]
    rule: str
    least: int = 0
    of_a_line: int = 0
    every: int = 0
    each: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands on the award; what asks for nothing is left out."""
        found = {"p": self.points, "min": self.minimum_minor, "lines": list(self.line_ids), "rule": self.rule}
        if self.order_ids != self.line_ids:
            found["all"] = list(self.order_ids)
        asked = {"pieces": self.least, "line": self.of_a_line, "every": self.every, "each": self.each}
        return found | {name: number for name, number in asked.items() if number}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """
    Points of an order, split to lines and bonuses, with the reason.

    `of_rules` are the whole points on lines that rules with a budget or a cap of members gave, by the id of the rule.
    """

    points: int
    lines: tuple[LineAward, ...]
    bonuses: tuple[Bonus, ...]
    versions: tuple[int, ...]
    because: Because
    of_rules: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLeft:
    """A line of a stored award and how many of its units are gone by now."""

    line_id: int
    quantity: int
    points: int
    paid_minor: int
    gone: int


class _Counting:
    """The state of one decision while it is made."""

    def __init__(
        self, purchase: Purchase, rules: Sequence[RuleInForce], terms: Terms, known: Collection[int] = ()
    ) -> None:
        self.purchase, self.terms, self.known = purchase, terms, known
        self.lines = [line for line in purchase.lines if line.paid_minor > 0 and terms.excluded_set not in line.sets]
        # Nobody knows what the program leaves out while that set is tied to no products, so nothing brings points.
        self.is_shut = terms.excluded_set is not None and terms.excluded_set not in purchase.known_sets
        admitted = [rule for rule in rules if rule.admits(purchase=purchase, terms=terms)]
        self.rules = [] if self.is_shut else admitted
        self.exact: dict[int, Fraction] = {line.line_id: Fraction(0) for line in self.lines}
        self.fixed: dict[int, int] = dict.fromkeys(self.exact, 0)
        self.own: dict[int, dict[int, Fraction]] = {}
        self.steps: list[dict[str, Any]] = []
        self.cut: dict[int, dict[str, Any]] = {}
        self.used: set[int] = set()

    def stage(self, name: str) -> Iterable[tuple[RuleInForce, list[LineFacts]]]:
        for rule in self.rules:
            if rule.rule.stage == name:
                lines = [line for line in self.lines if rule.covers(line=line)]
                if lines:
                    yield rule, lines

    def step(self, rule: RuleInForce, exact: Fraction | int, **more: Any) -> None:
        if not exact and rule.version_id in self.cut:
            return  # What it does not give any more is said by itself.
        because = rule.rule.because()
        shown = rounding.two_places(exact=Fraction(exact))
        params = {**because.params, "rule": rule.name, "code": rule.code, "exact": shown, **more}
        self.steps.append({"c": because.code, "p": params})
        self.used.add(rule.version_id)

    def amounts(self) -> None:
        for rule, lines in self.stage("amount"):
            if rule.rule.currency != self.purchase.currency:
                continue
            paid = sum(line.paid_minor for line in lines)
            # Known lines keep the full steps that they made; the others share what they add to them.
            told = [line for line in lines if line.line_id in self.known and self.terms.stage == "order"]
            new = [line for line in lines if line not in told]
            before = self.worth(rule, sum(line.paid_minor for line in told))
            shares: dict[int, Fraction] = {}
            for some, points in ((told, before), (new, self.worth(rule, paid) - before)):
                base = sum(line.paid_minor for line in some)
                shares |= {line.line_id: points * line.paid_minor / base for line in some}
            self.step(rule, self.add(rule, shares), base_minor=paid)

    def add(self, rule: RuleInForce, shares: Mapping[int, Fraction]) -> Fraction:
        """Add what a rule gives each line, not more than it may; returns the sum."""
        given = self.within_cap(rule, shares)
        self.own[rule.version_id] = given
        for line_id, share in given.items():
            self.exact[line_id] += share
        return sum(given.values(), Fraction(0))

    def within_cap(self, rule: RuleInForce, shares: Mapping[int, Fraction]) -> dict[int, Fraction]:
        """Return what a rule gives each line, not more than it may give an order; known lines come first."""
        most = rule.most_of_an_order()
        if most is None:
            return dict(shares)
        left = most
        found: dict[int, Fraction] = {}
        told = set(self.known) if self.terms.stage == "order" else set()
        for ids in ([i for i in shares if i in told], [i for i in shares if i not in told]):
            total = sum((shares[i] for i in ids), Fraction(0))
            # Each line is rounded by itself where the terms say so, and may come to a point more.
            parts = [shares[i] for i in ids] if self.terms.stage == "line" else [total]
            highest, rounded = (
                sum(rounding.round_points(exact=part, mode=mode) for part in parts) for mode in ("ceil", self.mode())
            )
            if highest > left:
                # Whole points, so that no rounding lifts them above the most.
                whole = min(left, rounded)
                spread = rounding.spread(total=whole, weights=[shares[i] for i in ids])
                found |= {i: Fraction(part) for i, part in zip(ids, spread, strict=True)}
                self.note(rule, most, sum(shares.values(), Fraction(0)))
            else:
                found |= {i: shares[i] for i in ids}
            left -= min(left, highest)
        return found

    def note(self, rule: RuleInForce, most: int, wanted: Fraction | int) -> None:
        """Note why a rule gives less than it would, where that is more than the order itself may have of it."""
        if rule.room is not None and most == rule.room.points and wanted > most:
            because = rule.room.because
            self.cut[rule.version_id] = {"c": because.code, "p": {**because.params, "rule": rule.name}}

    def worth(self, rule: RuleInForce, paid: int) -> Fraction:
        """Return the exact points of a rule for an amount; only full steps count where the terms say so."""
        if self.terms.rounding == "block":
            return Fraction(rounding.full_steps(amount=paid, step=rule.rule.step_minor) * rule.rule.points)
        return rule.rule.share(amount_minor=paid)

    def multipliers(self) -> None:
        best: dict[tuple[int, str], tuple[int, RuleInForce]] = {}
        for rule, lines in self.stage("multiplier"):
            if rule.room is not None and not rule.room.points:
                # It is no better than another of its group any more.
                self.note(rule, 0, sum(self.exact[line.line_id] for line in lines))
                continue
            for line in lines:
                slot = (line.line_id, rule.rule.group)
                if slot not in best or rule.rule.percent > best[slot][0]:
                    best[slot] = (rule.rule.percent, rule)
        base = dict(self.exact)
        self.tier(base)
        extra: dict[int, dict[int, Fraction]] = defaultdict(dict)
        by_version = {rule.version_id: rule for _percent, rule in best.values()}
        for (line_id, _group), (percent, rule) in best.items():
            extra[rule.version_id][line_id] = base[line_id] * (percent - 100) / 100
        for version_id, shares in extra.items():
            if more := self.add(by_version[version_id], shares):
                self.step(by_version[version_id], more)

    def tier(self, base: Mapping[int, Fraction]) -> None:
        """A level is a group of its own, and stands before the campaigns."""
        tier = self.purchase.facts.get("tier") or {}
        percent = int(tier.get("percent", 100))
        more = sum(base.values(), Fraction(0)) * (percent - 100) / 100
        if more > 0:
            for line_id, share in base.items():
                self.exact[line_id] += share * (percent - 100) / 100
            params = {"rule": tier.get("name", ""), "percent": percent, "exact": rounding.two_places(exact=more)}
            self.steps.append({"c": "tier_bonus", "p": params})

    def units(self) -> None:
        for rule, lines in self.stage("unit"):
            count = sum(line.quantity for line in lines)
            shares = {line.line_id: Fraction(rule.rule.points * line.quantity) for line in lines}
            given = self.within_cap(rule, shares)
            self.own[rule.version_id] = given
            for line_id, share in given.items():
                self.fixed[line_id] += int(share)
            self.step(rule, sum(given.values(), Fraction(0)), quantity=count)

    def total(self) -> Fraction:
        """Return the exact sum that is rounded; whole points are not in it."""
        return sum(self.exact.values(), Fraction(0))

    def counted(self) -> dict[int, int]:
        """Count everything but bonuses; returns the rounded points of each line, whole points apart (`fixed`)."""
        self.amounts()
        self.multipliers()
        rounded = self.rounded()
        self.units()
        return rounded

    def bonuses(self) -> list[Bonus]:
        found = []
        for rule, lines in self.stage("bonus"):
            if rule.rule.wanted(purchase=self.purchase):
                found += self.whole(rule, lines, rule.rule.points)
        for rule, lines in self.stage("every"):
            each, every = rule.rule.points, rule.rule.pieces
            count = sum(line.quantity for line in lines)
            if points := each * (count // every):
                found += self.whole(rule, lines, points, {"quantity": count}, every=every, each=each)
        return found

    def whole(
        self,
        rule: RuleInForce,
        lines: Sequence[LineFacts],
        wanted: int,
        told: Mapping[str, int] | None = None,
        **more: int,
    ) -> list[Bonus]:
        """Return the bonus of a rule as far as it may give it; none where nothing is left."""
        points = rule.within(points=wanted)
        if points < wanted:
            self.note(rule, points, wanted)
        self.step(rule, points, **(told or {}))
        return [self.bonus(rule, lines, points=points, **more)] if points else []

    def bonus(self, rule: RuleInForce, lines: Sequence[LineFacts], *, points: int, **more: int) -> Bonus:
        return Bonus(
            points=points,
            minimum_minor=rule.minimum_minor(),
            line_ids=tuple(line.line_id for line in lines),
            order_ids=tuple(line.line_id for line in self.purchase.lines),
            rule=rule.code,
            least=rule.least_pieces(),
            of_a_line=rule.least_of_a_line(),
            **more,
        )

    def mode(self) -> str:
        """Return how the sum is rounded."""
        return "floor" if self.terms.rounding == "block" else self.terms.rounding

    def rounded(self) -> dict[int, int]:
        mode = self.mode()
        ids = list(self.exact)
        weights = [self.exact[line_id] for line_id in ids]
        if self.terms.stage == "line":
            return {i: rounding.round_points(exact=w, mode=mode) for i, w in zip(ids, weights, strict=True)}
        total = rounding.round_points(exact=sum(weights, Fraction(0)), mode=mode)
        return dict(zip(ids, rounding.share_out(total=total, exact=weights), strict=True))

    def of_rules(self, ids: Collection[int], *, was: Fraction = Fraction(0)) -> dict[int, int]:
        """
        Return the whole points that each counted rule gave these lines, on top of an exact sum that `was` there.

        In order of code, each is what the sum comes to with the rule less without it; so together they are no more
        than the sum.
        """
        mode = self.mode()
        groups = [[line_id] for line_id in ids] if self.terms.stage == "line" else [list(ids)]
        left = [was + sum((self.exact.get(i, Fraction(0)) for i in group), Fraction(0)) for group in groups]
        found: dict[int, int] = {}
        for rule in self.rules:
            own = self.own.get(rule.version_id)
            if own is None or not rule.is_counted():
                continue
            shares = [sum((own.get(i, Fraction(0)) for i in group), Fraction(0)) for group in groups]
            if rule.rule.stage == "unit":
                found[rule.rule_id] = int(sum(shares, Fraction(0)))
                continue
            less = [exact - share for exact, share in zip(left, shares, strict=True)]
            with_it, without = (
                sum(rounding.round_points(exact=exact, mode=mode) for exact in sums) for sums in (left, less)
            )
            found[rule.rule_id], left = with_it - without, less
        return found


def decide_late(*, purchase: Purchase, known: Collection[int], rules: Sequence[RuleInForce], terms: Terms) -> Decision:
    """
    Return what the lines that are not `known` add to a purchase whose known lines were decided before.

    Those keep theirs, and the sum is rounded once. Conditions see the whole order: what it reaches with the new lines
    counts for these. `bonuses` are those of the whole order; who calls keeps what it has.
    """
    whole = _Counting(purchase, rules, terms, known)
    rounded = whole.counted()
    new = [line for line in purchase.lines if line.line_id not in known]
    weights = [whole.exact.get(line.line_id, Fraction(0)) for line in new]
    was = Fraction(0)
    if terms.stage == "line":
        shares = [rounded.get(line.line_id, 0) for line in new]
    else:
        was = _known_sum(purchase=purchase, known=known, rules=rules, terms=terms)
        added = _added(more=sum(weights, Fraction(0)), was=was, mode=whole.mode())
        shares = rounding.spread(total=added, weights=weights)
    of_rules = whole.of_rules([line.line_id for line in new], was=was)
    lines = tuple(
        LineAward(
            line_id=line.line_id,
            quantity=line.quantity,
            paid_minor=line.paid_minor,
            points=share + whole.fixed.get(line.line_id, 0),
            exact=rounding.two_places(exact=weight),
        )
        for line, share, weight in zip(new, shares, weights, strict=True)
    )
    bonuses = tuple(whole.bonuses())
    points = sum(line.points for line in lines)
    versions = tuple(sorted(whole.used))
    because = _because(whole, points)
    return Decision(points=points, lines=lines, bonuses=bonuses, versions=versions, because=because, of_rules=of_rules)


def _known_sum(*, purchase: Purchase, known: Collection[int], rules: Sequence[RuleInForce], terms: Terms) -> Fraction:
    """Return the exact sum that the known lines come to by themselves."""
    before = _Counting(replace(purchase, lines=tuple(i for i in purchase.lines if i.line_id in known)), rules, terms)
    before.counted()
    return before.total()


def _added(*, more: Fraction, was: Fraction, mode: str) -> int:
    """Return the whole points by which a sum, rounded once, grows over what was there."""
    return max(0, rounding.round_points(exact=was + more, mode=mode) - rounding.round_points(exact=was, mode=mode))


def decide(*, purchase: Purchase, rules: Sequence[RuleInForce], terms: Terms) -> Decision:
    """
    Return what a purchase brings under these rules.

    Points are rounded once (or by line where the terms say so) and split to the lines by largest
    remainder; a purchase that brings nothing is a decision too, with its reason.
    """
    counting = _Counting(purchase, rules, terms)
    rounded = counting.counted()
    bonuses = counting.bonuses()
    lines = tuple(
        LineAward(
            line_id=line.line_id,
            quantity=line.quantity,
            paid_minor=line.paid_minor,
            points=rounded.get(line.line_id, 0) + counting.fixed.get(line.line_id, 0),
            exact=rounding.two_places(exact=counting.exact.get(line.line_id, Fraction(0))),
        )
        for line in purchase.lines
    )
    points = sum(line.points for line in lines) + sum(bonus.points for bonus in bonuses)
    return Decision(
        points=points,
        lines=lines,
        bonuses=tuple(bonuses),
        versions=tuple(sorted(counting.used)),
        because=_because(counting, points),
        of_rules=counting.of_rules(list(counting.exact)),
    )


def frozen(*, purchase: Purchase, is_now: bool = False) -> Decision:
    """Return the decision about what a member bought, or is about to buy, whose orders bring nothing then."""
    lines = [
        LineAward(line_id=i.line_id, quantity=i.quantity, points=0, paid_minor=0, exact="0") for i in purchase.lines
    ]
    because = Because("member_frozen", **({"now": True} if is_now else {}))
    return Decision(points=0, lines=tuple(lines), bonuses=(), versions=(), because=because)


def _because(counting: _Counting, points: int) -> Because:
    purchase, terms = counting.purchase, counting.terms
    base = sum(line.paid_minor for line in counting.lines)
    if counting.steps:
        told: dict[str, Any] = {"rounding": f"{terms.rounding}:{terms.stage}", "points": points}
        if counting.cut:
            told["cut"] = list(counting.cut.values())
        return Because("earned", currency=purchase.currency, base_minor=base, steps=counting.steps, **told)
    if counting.cut:
        return Because.from_json(next(iter(counting.cut.values())))
    if not any(line.paid_minor > 0 for line in purchase.lines):
        return Because("nothing_paid")
    if counting.is_shut:
        return Because("excluded_set_untied")
    if not counting.lines:
        return Because("all_excluded")
    return Because("no_rule", currency=purchase.currency, base_minor=base)


def left_of(*, lines: Sequence[LineLeft], bonuses: Sequence[Mapping[str, Any]]) -> int:
    """
    Return what an award should have given by now, from its snapshot alone.

    Each line keeps its points less the floor of the share that is gone, so the last unit takes the
    remainder; a bonus stays while the money that must stay paid for its lines does, and the pieces that it asks for;
    one for every so many pieces is counted on those that are left.
    """
    points = 0
    paid: dict[int, int] = {}
    pieces = {line.line_id: line.quantity - line.gone for line in lines if line.paid_minor > 0}
    for line in lines:
        points += line.points - rounding.taken_back(points=line.points, gone=line.gone, quantity=line.quantity)
        paid[line.line_id] = line.paid_minor - rounding.taken_back(
            points=line.paid_minor, gone=line.gone, quantity=line.quantity
        )
    for bonus in bonuses:
        covered, whole = (
            sum(paid.get(line_id, 0) for line_id in ids) for ids in (bonus["lines"], bonus.get("all", bonus["lines"]))
        )
        if covered > 0 and whole >= bonus["min"] and _has_pieces(bonus, pieces):
            points += _of_bonus(bonus, pieces)
    return points


def _has_pieces(bonus: Mapping[str, Any], pieces: Mapping[int, int]) -> bool:
    """Return whether as many pieces are left as a bonus asks for, in the order and of one product."""
    in_all = sum(pieces.get(line_id, 0) for line_id in bonus.get("all", bonus["lines"]))
    most = max((pieces.get(line_id, 0) for line_id in bonus["lines"]), default=0)
    return in_all >= bonus.get("pieces", 0) and most >= bonus.get("line", 0)


def _of_bonus(bonus: Mapping[str, Any], pieces: Mapping[int, int]) -> int:
    if "every" not in bonus:
        return int(bonus["p"])
    left = sum(pieces.get(line_id, 0) for line_id in bonus["lines"])
    return min(int(bonus["p"]), bonus["each"] * (left // bonus["every"]))
