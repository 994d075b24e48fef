"""The base rule of the ready program: points for what is paid, a part of it as money, or one for each piece."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db

from ..upkeep.setup import ACTOR, SetupResult, setup_steps


@setup_steps.register("earning", order=10)
def base_rule(*, ready: SetupResult, at: datetime) -> None:
    """Save a rule per amount in the program's currency, or per piece, where the program has no rule at all."""
    rules = list(Rule.objects.using(write_db()).filter(program=ready.program).order_by("code"))
    if rules:
        ready.there.append(f"Earning rules: {', '.join(rule.code for rule in rules)}")
        return
    currency = ready.program.currency
    points, step = ready.choices.points, ready.choices.step_minor
    type_, params = "per-amount", {"currency": currency, "points": points, "step_minor": step}
    if ready.choices.is_per_piece:
        type_, params = "per-unit", {"points": points}
    save_rule(unit=ready.unit, code="base", name="Base", type=type_, params=params, actor=ACTOR, at=at)
    if ready.choices.is_per_piece:
        ready.made.append(f"Earning rule: {points} for each piece")
    elif ready.unit.is_money:
        ready.made.append(f"Cashback: {money.number(Decimal(points) * 100 / step)} % of the money paid for goods")
    else:
        paid = money.in_words(minor=step, currency=currency)
        ready.made.append(f"Earning rule: 1 point for each {paid} paid for goods")
