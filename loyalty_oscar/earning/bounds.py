"""
What no order may bring, whatever a store's own rules say: such a rule is left out, so that the order can be counted.

The rules that come along refuse silly numbers when they are saved; a rule of the store's own may forget to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loyalty_oscar.kernel.limits import MOST_OF_AN_ORDER

from .decision import Decision
from .rules import RuleInForce

Decide = Callable[[Sequence[RuleInForce]], Decision]


def decided_within(*, decide: Decide, rules: Sequence[RuleInForce]) -> tuple[Decision, list[str]]:
    """
    Return what an order brings by the rules that it can bear, and the codes of those that had to be left out.

    Left out are rules that by themselves give less than nothing or more than the books hold, or end in an arithmetic
    error; and where only several together do, whichever makes the most of it.
    """
    decision = _sane(decide, rules)
    if decision is not None:
        return decision, []
    kept = [rule for rule in rules if _sane(decide, [rule]) is not None]
    while kept and (decision := _sane(decide, kept)) is None:
        without = {rule.code: _sane(decide, [other for other in kept if other is not rule]) for rule in kept}
        points = {code: found.points if found else MOST_OF_AN_ORDER for code, found in without.items()}
        kept = [rule for rule in kept if rule.code != min(points, key=lambda code: points[code])]
    left_out = sorted({rule.code for rule in rules} - {rule.code for rule in kept})
    return decision or decide([]), left_out


def _sane(decide: Decide, rules: Sequence[RuleInForce]) -> Decision | None:
    """Return what rules bring, or None where no order can bring that."""
    try:
        decision = decide(rules)
    except ArithmeticError:
        return None
    parts = [line.points for line in decision.lines] + [bonus.points for bonus in decision.bonuses]
    return decision if min(parts, default=0) >= 0 and sum(parts) <= MOST_OF_AN_ORDER else None
