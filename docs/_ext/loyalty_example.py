"""The worked example of the explanation: the numbers are those that the suite's own rules decide."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from loyalty_oscar.earning.decision import Decision, decide
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.rules import InProductSet, Multiplier, PerAmount, RuleInForce, Terms
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.rounding import to_major

RULES = (
    RuleInForce(code="base", name="Base", version_id=1, rule=PerAmount(currency="EUR", points=1, step_minor=100)),
    RuleInForce(
        code="beds",
        name="Double points on beds",
        version_id=2,
        rule=Multiplier(percent=200),
        conditions=(InProductSet(sets=("beds",)),),
    ),
)
LINES = (
    LineFacts(line_id=1, title="Dog bed", quantity=2, paid_minor=9980, sets=frozenset({"beds"})),
    LineFacts(line_id=2, title="Cat food", quantity=3, paid_minor=1647),
    LineFacts(line_id=3, title="Treats", quantity=2, paid_minor=980),
)


def decided() -> Decision:
    """Return what the order of the example brings."""
    bought = Purchase(
        currency="EUR", placed_at=datetime(2026, 5, 5, tzinfo=UTC), lines=LINES, known_sets=frozenset({"beds"})
    )
    return decide(purchase=bought, rules=RULES, terms=Terms())


def left(**gone: int) -> int:
    """Return what is left of the order's points when so many units of lines (by `line_1=…`) went back."""
    units = {int(name.removeprefix("line_")): count for name, count in gone.items()}
    lines = [
        LineLeft(
            line_id=line.line_id,
            quantity=line.quantity,
            points=line.points,
            paid_minor=line.paid_minor,
            gone=units.get(line.line_id, 0),
        )
        for line in decided().lines
    ]
    return left_of(lines=lines, bonuses=())


def order() -> list[tuple[str, ...]]:
    """Return the lines of the order as rows: what, paid, exact share, points."""
    rows = [
        (f"{line.quantity} × {line.title}", str(to_major(minor=line.paid_minor)), award.exact, str(award.points))
        for line, award in zip(LINES, decided().lines, strict=True)
    ]
    paid = to_major(minor=sum(line.paid_minor for line in LINES))
    exact = sum(Decimal(award.exact) for award in decided().lines)
    return [*rows, ("**together**", f"**{paid}**", f"**{exact}**", f"**{decided().points}**")]


def returns() -> list[tuple[str, ...]]:
    """Return what happens as goods go back one by one: what, what is taken back, what is left."""
    steps = [
        ("one dog bed", {"line_1": 1}),
        ("one tin of cat food", {"line_1": 1, "line_2": 1}),
        ("the other bed", {"line_1": 2, "line_2": 1}),
        ("everything else", {"line_1": 2, "line_2": 3, "line_3": 2}),
    ]
    rows, before = [], decided().points
    for what, gone in steps:
        now = left(**gone)
        rows.append((what, str(before - now), str(now)))
        before = now
    return rows
