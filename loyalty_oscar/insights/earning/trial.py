"""Orders counted by the rules of today, as their awards are, with nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from loyalty_oscar.earning.allowances import given_by, rooms_of, with_rooms
from loyalty_oscar.earning.awarding import decided_of
from loyalty_oscar.earning.decision import Decision
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.queries import book_of
from loyalty_oscar.earning.rules import AtLeastTier, Budget, RuleInForce
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import terms_now

from ..laws import earning

#: Facts that a trial knows: where levels stand.
KNOWN = frozenset(AtLeastTier.needs)


class RulesOfNow:
    """The rules that are in force at a moment, without what all members share."""

    def __init__(self, *, unit: Unit, at: datetime) -> None:
        self.terms = terms_now(program=unit.program)
        book = book_of(unit=unit)
        there = book.at(unit_id=unit.pk, moment=at)
        self.rules = [_without_budget(rule) for rule in there]
        self.has_caps = any(rule.is_counted() for rule in self.rules)
        self.sets = book.sets() | ({self.terms["excluded"]} if self.terms["excluded"] else set())
        self.otherwise = [rule.name for rule in there if rule.budget() is not None or _asks_for_more(rule)]

    def __call__(self) -> Counting:
        """Return who counts the orders of one customer."""
        return Counting(self)


def _without_budget(rule: RuleInForce) -> RuleInForce:
    return replace(rule, conditions=tuple(one for one in rule.conditions if not isinstance(one, Budget)))


def _asks_for_more(rule: RuleInForce) -> bool:
    return any(set(getattr(one, "needs", ())) - KNOWN for one in rule.conditions)


@dataclass(slots=True)
class _Awarded:
    """What an order was awarded: the numbers of an award, and lines as they stand on it."""

    placed_at: datetime
    decision: Decision
    counted: dict[str, dict[str, int]] = field(default_factory=dict)


class Counting:
    """The orders of one customer: what each was awarded. Nothing is saved."""

    def __init__(self, law: RulesOfNow) -> None:
        self.law = law
        self.awarded: dict[int, _Awarded] = {}

    def brings(self, *, order: OrderFacts, facts: Mapping[str, Any]) -> int:
        """Return the points of an order within what caps leave its customer."""
        terms = {**self.law.terms, "first": order.purchase.is_first, "facts": facts}
        rules = self._within(order) if self.law.has_caps else self.law.rules
        decision, _beyond = decided_of(purchase=order.purchase, terms=terms, rules=rules)
        awarded = self.awarded[order.order_id] = _Awarded(order.placed_at, decision)
        if self.law.has_caps:
            given = given_by(decision=decision, rules=rules)
            awarded.counted = {str(rule_id): {"points": points, "held": points} for rule_id, points in given.items()}
        return decision.points

    def _within(self, order: OrderFacts) -> list[RuleInForce]:
        """Return the rules with what their caps leave."""
        beside = [Award(placed_at=one.placed_at, counted=one.counted) for one in self.awarded.values()]
        zone = self.law.terms["zone"]
        rooms = rooms_of(rules=self.law.rules, account_id=None, placed_at=order.placed_at, zone=zone, beside=beside)
        return with_rooms(rules=self.law.rules, rooms=rooms)

    def keeps(self, *, order: OrderFacts) -> int:
        """Return the points that stay, and let caps have again what went."""
        awarded = self.awarded[order.order_id]
        points, bonuses = awarded.decision.points, [bonus.to_json() for bonus in awarded.decision.bonuses]
        kept = 0 if order.dead else min(points, left_of(lines=list(self._left(order)), bonuses=bonuses))
        for row in awarded.counted.values():
            row["held"] = -(-row["points"] * kept // points) if points else 0
        return kept

    def _left(self, order: OrderFacts) -> Iterator[LineLeft]:
        gone = order.purchase.gone()
        for row in self.awarded[order.order_id].decision.lines:
            yield LineLeft(
                line_id=row.line_id,
                quantity=row.quantity,
                points=row.points,
                paid_minor=row.paid_minor,
                gone=gone.get(row.line_id, row.quantity),
            )


earning.register("rules")(RulesOfNow)
