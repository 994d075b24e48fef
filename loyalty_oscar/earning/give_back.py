"""What a rule gives back of the money paid, so that nobody has to work out what a number costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.rounding import percentage, worth_minor
from loyalty_oscar.program.hooks import earn_rates
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import worth_of

from .bounds import decided_within
from .decision import decide
from .queries import rule_book
from .rules import RuleInForce, Terms

#: What the example order pays (minor units): so much that no rounding shows.
EXAMPLE = 10**6


def give_back(*, rule: RuleInForce, unit: Unit, at: datetime) -> Decimal | None:
    """
    Return how much of the money paid comes back where a rule counts, in percent, with what counts everywhere anyway.

    None for rules that give whole points, whatever is paid, and where nobody said what points are worth in the
    program's currency.
    """
    currency = unit.program.currency
    worth = worth_of(program_id=unit.program_id).get(currency)
    if worth is None or rule.rule.stage not in ("amount", "multiplier"):
        return None
    stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    others = [one for one in stored if one.code != rule.code and not one.conditions]
    every = [one for one in [*others, replace(rule, conditions=())] if one.rule.stage in ("amount", "multiplier")]
    back = worth_minor(points=_decided(every, unit, at), per_points=worth.points, minor=worth.minor)
    return percentage(part=back, whole=EXAMPLE)


@earn_rates.register("rules")
def earn_rate(*, unit: Unit, at: datetime) -> Fraction | None:
    """Return how many points each minor unit paid brings by the rules that count for every purchase."""
    stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    every = [one for one in stored if not one.conditions and one.rule.stage in ("amount", "multiplier")]
    return Fraction(_decided(every, unit, at), EXAMPLE) if every else None


def _decided(rules: list[RuleInForce], unit: Unit, at: datetime) -> int:
    """Return what an order as large as the example brings by these rules."""
    line = LineFacts(line_id=1, quantity=1, paid_minor=EXAMPLE, paid_excl_minor=EXAMPLE)
    order = Purchase(currency=unit.program.currency, placed_at=at, lines=(line,))
    decision, _left_out = decided_within(
        decide=lambda some: decide(purchase=order, rules=some, terms=Terms()), rules=rules
    )
    return decision.points
