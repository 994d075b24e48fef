"""
What was known of customers when their orders were placed: whether it was the first, and what other features said.

Gathered in bulk, for what is awarded and for what is only previewed alike, so that both decide on the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.registries import facts_then, order_facts

from .models import Award
from .queries import facts_wanted
from .rules import FirstOrder, RuleInForce


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderQuestion:
    """
    An order, whose it is, and the rules that are to decide about it.

    `member_id` is None for somebody who is no member yet; `account_id` where nothing was posted to anybody's account.
    `is_awarded` says that what the order brought has been posted, and may have lifted its customer since.
    """

    order: OrderFacts
    rules: Sequence[RuleInForce]
    member_id: int | None
    account_id: int | None = None
    is_awarded: bool = False

    @property
    def at(self) -> datetime:
        """The moment of which to ask: when it was placed, and before anything that it brought about itself."""
        # An order that is looked at in the moment in which it is placed lifts its customer in that moment too.
        return self.order.placed_at - timedelta(microseconds=1) if self.is_awarded else self.order.placed_at


def known_of(*, questions: Collection[OrderQuestion]) -> dict[int, dict[str, Any]]:
    """
    Return of each order `{"first": …, "facts": {…}}`, as an award keeps it: whether it counts as the customer's first,
    and what features said of the customer when it was placed, with what a level brought then.

    One query for the first ones, if a rule asks, and those of each fact.
    """
    told, had = _facts(questions), _had_first(questions)
    return {
        one.order.order_id: {
            "first": one.order.purchase.is_first and one.order.order_id not in had,
            "facts": with_levels_of(facts=told.get(one.order.order_id, {}), then=one.order.then),
        }
        for one in questions
    }


def _facts(questions: Collection[OrderQuestion]) -> dict[int, dict[str, Any]]:
    asked: dict[str, dict[int, tuple[int, datetime]]] = {}
    of_orders: dict[str, list[int]] = {}
    for one in questions:
        for name in facts_wanted(rules=one.rules):
            if name in order_facts:
                of_orders.setdefault(name, []).append(one.order.order_id)
            elif one.member_id is not None:
                asked.setdefault(name, {})[one.order.order_id] = (one.member_id, one.at)
    found: dict[int, dict[str, Any]] = {}
    for name, order_ids in of_orders.items():
        for order_id, said in order_facts.get(name).of_orders(order_ids=order_ids).items():
            found.setdefault(order_id, {})[name] = said
    for name, about in asked.items():
        told = facts_then(name=name, asked=set(about.values()))
        for order_id, pair in about.items():
            if pair in told:
                found.setdefault(order_id, {})[name] = told[pair]
    return found


def with_levels_of(*, facts: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts about a member in which a level brings what it brought when the order was first looked at."""
    tier = facts.get("tier")
    percent = then.get("levels", {}).get(str(tier["rank"])) if tier else None
    return {**facts, "tier": {**tier, "percent": percent}} if tier and percent else dict(facts)


def _had_first(questions: Collection[OrderQuestion]) -> set[int]:
    """Return the orders beside which another stands as the first of its account: a guest's, kept late, is older."""
    codes = {one.order.order_id: _of_first_orders(one.rules) for one in questions}
    asking = [
        one
        for one in questions
        if one.account_id is not None and one.order.purchase.is_first and codes[one.order.order_id]
    ]
    first = _first_of([one.account_id for one in asking if one.account_id is not None])
    return {
        one.order.order_id
        for one in asking
        for source, given in first.get(one.account_id or 0, ())
        if source != ("order", one.order.order_id) and given & codes[one.order.order_id]
    }


def had_first(*, account: Account | None, rules: Iterable[RuleInForce]) -> bool:
    """
    Return whether an order stands as the first of an account by one of these rules, though it may have been deleted
    since. One query at most.
    """
    codes = _of_first_orders(rules)
    if account is None or not account.lifetime_earned or not codes:
        return False
    return any(given & codes for _source, given in _first_of([account.pk]).get(account.pk, ()))


def _of_first_orders(rules: Iterable[RuleInForce]) -> set[str]:
    return {rule.code for rule in rules if isinstance(rule.rule, FirstOrder)}


def _first_of(account_ids: Collection[int]) -> dict[int, list[tuple[Any, set[str]]]]:
    """Return which rules gave something once for an order that stands, by account. One query, if any is asked for."""
    if not account_ids:
        return {}
    rows = Award.objects.using(write_db()).filter(account__in=account_ids, given__gt=0).exclude(bonuses=[])
    first: dict[int, list[tuple[Any, set[str]]]] = {}
    for account_id, kind, source_id, bonuses in rows.values_list("account_id", "source_kind", "source_id", "bonuses"):
        first.setdefault(account_id, []).append(((kind, source_id), {bonus["rule"] for bonus in bonuses}))
    return first
