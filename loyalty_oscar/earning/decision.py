"""
From a purchase and the rules in force to a decision with its snapshot; what is left of that is in `left`.

Order of counting (semantics, "What earns"): base, multipliers by group, one rounding, fixed points, bonuses.
Pure, like `rules`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from loyalty_oscar.kernel import rounding
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import DELIVERY, LineFacts, Purchase

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

    `of_rules` are the whole points on lines that rules with a most of any kind gave, by the id of the rule: what the
    lines come to with a rule less what they come to without it. `counts_delivery` says that a rule for money counts
    what is paid for delivery, if there is any.
    """

    points: int
    lines: tuple[LineAward, ...]
    bonuses: tuple[Bonus, ...]
    versions: tuple[int, ...]
    because: Because
    of_rules: Mapping[int, int] = field(default_factory=dict)
    counts_delivery: bool = False


WHOLE = Fraction(1)


def counts_delivery(rule: RuleInForce) -> bool:
    """Return whether a rule for money counts what is paid for delivery."""
    return bool(getattr(rule.rule, "delivery", False))


class _Counting:
    """
    The state of one decision while it is made.

    Of an order to which lines came late, those are counted; the ones `before` keep what they have.
    """

    def __init__(
        self, purchase: Purchase, rules: Sequence[RuleInForce], terms: Terms, before: _Counting | None = None
    ) -> None:
        self.purchase, self.terms, self.before = purchase, terms, before
        self.lines = [line for line in purchase.lines if line.paid_minor > 0 and terms.excluded_set not in line.sets]
        # Nobody knows what the program leaves out while that set is tied to no products, so nothing brings points.
        self.is_shut = terms.excluded_set is not None and terms.excluded_set not in purchase.known_sets
        admitted = [rule for rule in rules if rule.admits(purchase=purchase, terms=terms)]
        self.rules = [] if self.is_shut else admitted
        self.known = {line.line_id for line in before.purchase.lines} if before else set()
        self.counted_lines = [line for line in self.lines if line.line_id not in self.known]
        #: The exact sum to which what is counted here comes on top, rounded once with it.
        self.was = before.total() if before and terms.stage == "order" else Fraction(0)
        self.exact: dict[int, Fraction] = {line.line_id: Fraction(0) for line in self.counted_lines}
        self.fixed: dict[int, int] = dict.fromkeys(self.exact, 0)
        self.own: list[tuple[RuleInForce, dict[int, Fraction]]] = []
        self.best_first: list[tuple[RuleInForce, list[int]]] = []
        self.parts: dict[int, dict[int, Fraction]] = {}
        self.given: dict[int, int] = {}
        self.tier = purchase.facts.get("tier") or {}
        self.more_of_tier = Fraction(max(0, int(self.tier.get("percent", 100)) - 100), 100)
        #: What is paid for delivery, as one piece; it is counted with the lines that were there first.
        self.delivery = replace(purchase.delivery, quantity=1) if purchase.delivery and before is None else None
        self.counts_delivery = False
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

    def counted(self) -> dict[int, int]:
        """Count everything but bonuses; returns the rounded points of each line, whole points apart (`fixed`)."""
        self.amounts()
        self.multipliers()
        self.let_in()
        self.shares()
        rounded = self.rounded()
        self.units()
        return rounded

    # Shares of the money paid -------------------------------------------------------------------------------------

    def amounts(self) -> None:
        """Find what each rule gives each line for the money paid, as if nothing limited it."""
        for rule, lines in self.stage("amount"):
            if rule.rule.currency != self.purchase.currency:
                continue
            new = [line for line in lines if line.line_id in self.exact]
            if not new:
                continue
            if counts_delivery(rule):
                self.counts_delivery = True
                if self.delivery:
                    self.exact[DELIVERY] = Fraction(0)
                    new.append(self.delivery)
            paid = sum(line.paid_minor for line in new)
            known = sum(line.paid_minor for line in lines if line.line_id in self.known)
            if self.before and self.before.delivery and counts_delivery(rule):
                known += self.before.delivery.paid_minor
            if self.terms.stage == "line":
                points, base = self.worth(rule, known + paid), known + paid
            else:
                # Known lines keep the full steps that they made; the others share what they add to them.
                points, base = self.worth(rule, known + paid) - self.worth(rule, known), paid
            self.own.append((rule, {line.line_id: points * line.paid_minor / base for line in new}))

    def worth(self, rule: RuleInForce, paid: int) -> Fraction:
        """Return the exact points of a rule for an amount; only full steps count where the terms say so."""
        if self.terms.rounding == "block":
            return Fraction(rounding.full_steps(amount=paid, step=rule.rule.step_minor) * rule.rule.points)
        return rule.rule.share(amount_minor=paid)

    def multipliers(self) -> None:
        """Find what multiplies those shares, the best first."""
        also = [self.delivery] if self.delivery and DELIVERY in self.exact else []
        rows = [
            (rule, [i.line_id for i in (*lines, *(i for i in also if rule.covers(line=i))) if i.line_id in self.exact])
            for rule, lines in self.stage("multiplier")
        ]
        self.best_first = sorted(rows, key=lambda row: -row[0].rule.percent)

    def let_in(self) -> None:
        """
        Let each rule that gives at most so many points give each line the part of its own that this leaves it.

        One after the other, shares before what multiplies them and the best of these first, each is let in as far as
        what the lines come to with it passes what they come to without it by no more than its most.
        """
        limited = [(one, most) for one, _what in (*self.own, *self.best_first) if (most := self.most(one)) is not None]
        if not limited:
            return
        self.parts = {rule.version_id: dict.fromkeys(self.exact, Fraction(0)) for rule, _most in limited}
        groups = [[line_id] for line_id in self.exact] if self.terms.stage == "line" else [list(self.exact)]
        for rule, most in limited:
            without, parts = self.sums(), self.parts.pop(rule.version_id)
            with_it = self.sums()
            less, more = ([sum((sums[i] for i in ids), self.was) for ids in groups] for sums in (without, with_it))
            points = [self.whole(exact) for exact in less]
            wanted = [self.whole(exact) - some for exact, some in zip(more, points, strict=True)]
            self.given[rule.version_id] = min(most, sum(wanted))
            if sum(wanted) <= most:
                continue
            self.note(rule)
            for place, some in enumerate(rounding.spread(total=most, weights=wanted)):
                # Up to a whole number, so that no rounding lifts it above the most.
                low, high = less[place], more[place]
                part = min(WHOLE, (points[place] + some - low) / (high - low)) if some else Fraction(0)
                parts |= dict.fromkeys(groups[place], part)
            self.parts[rule.version_id] = parts

    def most(self, rule: RuleInForce) -> int | None:
        """Return how many points a rule may give the lines that are counted; None = as many as it comes to."""
        most = rule.most_of_an_order()
        if most is None or self.before is None:
            return most
        return max(0, most - (rule.room.had if rule.room else self.before.given.get(rule.version_id, 0)))

    def note(self, rule: RuleInForce) -> None:
        """Note why a rule gives less than it would, where that is more than the order itself may have of it."""
        if rule.room is not None and rule.room.points == rule.most_of_an_order():
            because = rule.room.because
            self.cut[rule.version_id] = {"c": because.code, "p": {**because.params, "rule": rule.name}}

    def part(self, rule: RuleInForce, share: Fraction, line_id: int) -> Fraction:
        """Return the part of a share that a rule may give a line."""
        parts = self.parts.get(rule.version_id)
        return share if parts is None else share * parts[line_id]

    def base(self) -> dict[int, Fraction]:
        """Return what the rules for money give each line, as far as they are let in."""
        found = dict.fromkeys(self.exact, Fraction(0))
        for rule, own in self.own:
            for line_id, share in own.items():
                found[line_id] += self.part(rule, share, line_id)
        return found

    def lifts(self, base: Mapping[int, Fraction]) -> dict[int, dict[int, Fraction]]:
        """
        Return what comes on top of that by each multiplier, as far as it is let in, by its version.

        Of one group the best counts; for the part of a line that it may not lift, the next best does.
        """
        left: dict[tuple[int, str], Fraction] = {}
        found: dict[int, dict[int, Fraction]] = {}
        for rule, ids in self.best_first:
            found[rule.version_id] = more = {}
            for line_id in ids:
                slot = (line_id, rule.rule.group)
                if rest := left.get(slot, WHOLE):
                    part = self.part(rule, rest, line_id)
                    left[slot] = rest - part
                    more[line_id] = base[line_id] * part * (rule.rule.percent - 100) / 100
        return found

    def sums(self) -> dict[int, Fraction]:
        """Return what the rules that are let in bring each line together, not rounded."""
        base = self.base()
        return self.added(base, self.lifts(base))

    def added(self, base: Mapping[int, Fraction], lifts: Mapping[int, Mapping[int, Fraction]]) -> dict[int, Fraction]:
        found = dict(base)
        if self.more_of_tier:
            found = {line_id: own * (1 + self.more_of_tier) for line_id, own in base.items()}
        for more in lifts.values():
            for line_id, share in more.items():
                found[line_id] += share
        return found

    def shares(self) -> None:
        """Add the shares of each line up, and say of each rule what it gives. A level stands before the campaigns."""
        base = self.base()
        lifts = self.lifts(base)
        paid = {line.line_id: line.paid_minor for line in self.counted_lines}
        paid |= {DELIVERY: self.delivery.paid_minor} if self.delivery else {}
        for rule, own in self.own:
            exact = sum((self.part(rule, share, line_id) for line_id, share in own.items()), Fraction(0))
            self.step(rule, exact, base_minor=sum(paid[line_id] for line_id in own))
        if self.more_of_tier and (more := sum(base.values(), Fraction(0)) * self.more_of_tier):
            percent = int(self.tier["percent"])
            told = {"rule": self.tier.get("name", ""), "rank": self.tier.get("rank"), "percent": percent}
            told |= {"names": self.tier["names"]} if "names" in self.tier else {}
            self.steps.append({"c": "tier_bonus", "p": {**told, "exact": rounding.two_places(exact=more)}})
        for rule in self.rules:
            if more := sum(lifts.get(rule.version_id, {}).values(), Fraction(0)):
                self.step(rule, more)
        self.exact = self.added(base, lifts)

    def whole(self, exact: Fraction) -> int:
        """Return a sum rounded as the terms say."""
        mode = "floor" if self.terms.rounding == "block" else self.terms.rounding
        return rounding.round_points(exact=exact, mode=mode)

    def total(self) -> Fraction:
        """Return the exact sum that is rounded; whole points are not in it."""
        return sum(self.exact.values(), Fraction(0))

    def rounded(self) -> dict[int, int]:
        """Return the whole points of each line, which add up to the sum that was rounded once."""
        if self.terms.stage == "line":
            return {line_id: self.whole(exact) for line_id, exact in self.exact.items()}
        weights = list(self.exact.values())
        if self.before:
            added = max(0, self.whole(self.was + self.total()) - self.whole(self.was))
            parts = rounding.spread(total=added, weights=weights)
        else:
            parts = rounding.share_out(total=self.whole(self.total()), exact=weights)
        return dict(zip(self.exact, parts, strict=True))

    # Whole points -------------------------------------------------------------------------------------------------

    def units(self) -> None:
        for rule, lines in self.stage("unit"):
            wanted = {i.line_id: rule.rule.points * i.quantity for i in lines if i.line_id in self.exact}
            if not wanted:
                continue
            most, points = self.most(rule), sum(wanted.values())
            if most is not None and points > most:
                self.note(rule)
                shared = rounding.spread(total=most, weights=list(wanted.values()))
                points, wanted = most, dict(zip(wanted, shared, strict=True))
            for line_id, share in wanted.items():
                self.fixed[line_id] += share
            self.given[rule.version_id] = points
            self.step(rule, points, quantity=sum(line.quantity for line in lines if line.line_id in self.exact))

    def lines_awarded(self) -> list[LineAward]:
        """Count everything but bonuses; returns what each new line brings."""
        rounded = self.counted()
        also = [self.purchase.delivery] if self.purchase.delivery and DELIVERY in self.exact else []
        return [
            LineAward(
                line_id=line.line_id,
                quantity=line.quantity,
                paid_minor=line.paid_minor,
                points=rounded.get(line.line_id, 0) + self.fixed.get(line.line_id, 0),
                exact=rounding.two_places(exact=self.exact.get(line.line_id, Fraction(0))),
            )
            for line in (*self.purchase.lines, *also)
            if line.line_id not in self.known
        ]

    def decision(self, points: int, lines: Sequence[LineAward], bonuses: Sequence[Bonus]) -> Decision:
        return Decision(
            points=points,
            lines=tuple(lines),
            bonuses=tuple(bonuses),
            versions=tuple(sorted(self.used)),
            because=_because(self, points),
            counts_delivery=self.counts_delivery,
            of_rules={rule.rule_id: given for rule in self.rules if (given := self.given.get(rule.version_id))},
        )

    def bonuses(self) -> list[Bonus]:
        found = []
        for rule, lines in self.stage("bonus"):
            if rule.rule.wanted(purchase=self.purchase):
                found += self.of_order(rule, lines, rule.rule.points)
        for rule, lines in self.stage("every"):
            each, every = rule.rule.points, rule.rule.pieces
            count = sum(line.quantity for line in lines)
            if points := each * (count // every):
                found += self.of_order(rule, lines, points, {"quantity": count}, every=every, each=each)
        return found

    def of_order(
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
            self.note(rule)
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


def decide(*, purchase: Purchase, rules: Sequence[RuleInForce], terms: Terms) -> Decision:
    """
    Return what a purchase brings under these rules.

    Points are rounded once (or by line where the terms say so) and split to the lines by largest
    remainder; a purchase that brings nothing is a decision too, with its reason.
    """
    counting = _Counting(purchase, rules, terms)
    lines, bonuses = counting.lines_awarded(), counting.bonuses()
    points = sum(line.points for line in lines) + sum(bonus.points for bonus in bonuses)
    return counting.decision(points, lines, bonuses)


def decide_late(*, purchase: Purchase, known: Collection[int], rules: Sequence[RuleInForce], terms: Terms) -> Decision:
    """
    Return what the lines that are not `known` add to a purchase whose known lines were decided before.

    Those keep theirs, and the sum is rounded once. Conditions see the whole order: what it reaches with the new lines
    counts for these. `bonuses` are those of the whole order; who calls keeps what it has.
    """
    there = tuple(line for line in purchase.lines if line.line_id in known)
    before = _Counting(replace(purchase, lines=there), rules, terms)
    before.counted()
    counting = _Counting(purchase, rules, terms, before)
    lines = counting.lines_awarded()
    return counting.decision(sum(line.points for line in lines), lines, counting.bonuses())


def frozen(*, purchase: Purchase, is_now: bool = False) -> Decision:
    """Return the decision about what a member bought, or is about to buy, whose orders bring nothing then."""
    lines = [
        LineAward(line_id=i.line_id, quantity=i.quantity, points=0, paid_minor=0, exact="0") for i in purchase.lines
    ]
    because = Because("member_frozen", **({"now": True} if is_now else {}))
    return Decision(points=0, lines=tuple(lines), bonuses=(), versions=(), because=because)


def _because(counting: _Counting, points: int) -> Because:
    purchase, terms = counting.purchase, counting.terms
    base = sum(line.paid_minor for line in counting.counted_lines)
    if counting.steps:
        told: dict[str, Any] = {"rounding": f"{terms.rounding}:{terms.stage}", "points": points}
        if counting.delivery and DELIVERY in counting.exact:
            told["delivery_minor"] = counting.delivery.paid_minor
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
