"""What a rule gives back of the money paid, so that nobody has to work out what a number costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.program.hooks import earn_rates
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import worth_of

from .allowances import unspent
from .bounds import decided_within
from .decision import decide
from .queries import rule_book
from .rules import AtMost, RuleInForce, Terms

#: What the example order pays (minor units): so much that no rounding shows.
EXAMPLE = 10**6
#: The stages of rules that give a share of the money paid.
SHARES = ("amount", "multiplier")


def give_back(*, rule: RuleInForce, unit: Unit, at: datetime) -> Decimal | None:
    """
    Return how much of the money paid comes back where a rule counts, in percent to two decimals, with what counts
    everywhere anyway; of what ends somewhere (`ends_in_words`), until then.

    None for rules that give whole points, whatever is paid, and where nobody said what points are worth in the
    program's currency.
    """
    if rule.rule.stage not in SHARES:
        return None
    others = [one for one in everywhere(unit=unit, at=at) if one.code != rule.code]
    share = share_back(rules=[*others, rule], unit=unit, at=at)
    return None if share is None else Decimal(round(share * 10_000)).scaleb(-2)


def everywhere(*, unit: Unit, at: datetime) -> list[RuleInForce]:
    """Return the rules that give a share of the money paid for every purchase, be it up to an end that is to come."""
    stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    shares = [one for one in stored if one.rule.stage in SHARES]
    return unspent(rules=[one for one in shares if all(isinstance(c, AtMost) for c in one.conditions)])


def share_back(*, rules: Iterable[RuleInForce], unit: Unit, at: datetime) -> Fraction | None:
    """
    Return what part of the money paid for goods these rules bring back together where they count, by what an example
    order earns.

    Whole points, whatever is paid, are no part of it. None where nobody said what points are worth in the program's
    currency.
    """
    worth = worth_of(program_id=unit.program_id).get(unit.program.currency)
    return None if worth is None else _rate(rules, unit, at) * Fraction(worth.minor, worth.points)


@earn_rates.register("rules")
def earn_rate(*, unit: Unit, at: datetime) -> Fraction | None:
    """Return how many points each minor unit paid brings by the rules that count for every purchase."""
    every = everywhere(unit=unit, at=at)
    return _rate(every, unit, at) if every else None


def _rate(rules: Iterable[RuleInForce], unit: Unit, at: datetime) -> Fraction:
    """Return how many points each minor unit paid brings by these rules, by what an example order earns."""
    line = LineFacts(line_id=1, quantity=1, paid_minor=EXAMPLE, paid_excl_minor=EXAMPLE)
    order = Purchase(currency=unit.program.currency, placed_at=at, lines=(line,))
    decision, _left_out = decided_within(
        decide=lambda some: decide(purchase=order, rules=some, terms=Terms()),
        rules=[replace(rule, conditions=()) for rule in rules if rule.rule.stage in SHARES],
    )
    return Fraction(decision.points, EXAMPLE)
