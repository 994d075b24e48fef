"""Purchases and rules in one line each, for tests that only care about one fact."""

from datetime import UTC, datetime
from itertools import count

from loyalty_oscar.earning.rules import FirstOrder, Multiplier, PerAmount, PerUnit, RuleInForce, Terms
from loyalty_oscar.kernel.facts import LineFacts, Purchase

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
_ids = count(1)


def a_line(*, paid_minor, quantity=1, sets=(), gone=0):
    return LineFacts(line_id=next(_ids), quantity=quantity, paid_minor=paid_minor, sets=frozenset(sets), gone=gone)


def a_purchase(*lines, currency="EUR", placed_at=NOON, is_first=False, known_sets=("beds", "toys")):
    return Purchase(
        currency=currency, placed_at=placed_at, lines=lines, is_first=is_first, known_sets=frozenset(known_sets)
    )


def in_force(rule, *conditions, code="rule"):
    return RuleInForce(code=code, name=code.title(), version_id=next(_ids), rule=rule, conditions=conditions)


def one_per_euro(*conditions):
    return in_force(PerAmount(currency="EUR", points=1, step_minor=100), *conditions, code="base")


__all__ = [
    "NOON",
    "FirstOrder",
    "Multiplier",
    "PerAmount",
    "PerUnit",
    "Terms",
    "a_line",
    "a_purchase",
    "in_force",
    "one_per_euro",
]
