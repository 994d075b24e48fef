"""What orders would bring by some rules, decided as their awards are: for people who look before they change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import joined_members, terms_now

from .awarding import decided_of
from .decision import Decision
from .known import OrderQuestion, known_of
from .models import Award
from .rules import RuleInForce


class Previews:
    """
    Some orders in one program, each with its own terms and what was known of its customer when it was placed.

    An order that has an award is decided on what stands there; any other on what an award would be given now. `rules`
    are all that will be tried. Writes nothing, and asks a number of questions that does not grow with the orders.
    """

    def __init__(self, *, orders: Sequence[OrderFacts], unit: Unit, rules: Iterable[RuleInForce]) -> None:
        self.unit, self.orders = unit, list(orders)
        self._terms = self._asked(list(rules))

    def decision(self, *, order: OrderFacts, rules: Sequence[RuleInForce]) -> Decision:
        """Return what one of the orders would bring by rules that were named before."""
        return decided_of(purchase=order.purchase, terms=self._terms[order.order_id], rules=rules)[0]

    def terms(self, *, order: OrderFacts) -> dict[str, Any]:
        """Return the terms under which one of the orders counts."""
        return self._terms[order.order_id]

    def _asked(self, rules: Sequence[RuleInForce]) -> dict[int, dict[str, Any]]:
        members, accounts = self._people()
        # What was written down under another program says nothing about this one.
        own = [order if order.unit_id == self.unit.pk else replace(order, terms={}, then={}) for order in self.orders]
        awards = self._awards()
        questions = [
            OrderQuestion(
                order=order,
                rules=rules,
                member_id=members.get(order.user_id),
                account_id=accounts.get(members.get(order.user_id, 0)),
                is_awarded=order.order_id in awards,
            )
            for order in own
        ]
        known = known_of(questions=questions)
        now = terms_now(program=self.unit.program)
        found = {}
        for order in own:
            about, stood = known[order.order_id], awards.get(order.order_id, {})
            found[order.order_id] = {
                **(order.terms or now),
                **stood,
                "first": stood.get("first", about["first"]),
                "facts": about["facts"] | stood.get("facts", {}),
            }
        return found

    def _people(self) -> tuple[dict[Any, int], dict[int, int]]:
        """Return the members by user, and the accounts of theirs that something was posted to, by member."""
        users = {order.user_id for order in self.orders} - {None}
        joined = joined_members(program_id=self.unit.program_id, user_ids=users)
        members = {user_id: pk for user_id, (pk, _joined_at) in joined.items()}
        used = Account.objects.using(write_db()).filter(unit=self.unit, member_id__in=members.values(), seq__gt=0)
        return members, dict(used.values_list("member_id", "pk"))

    def _awards(self) -> dict[int, dict[str, Any]]:
        """Return the terms of the awards that orders have in this program, by order."""
        ids = [order.order_id for order in self.orders]
        rows = Award.objects.using(write_db()).filter(unit=self.unit, source_kind="order", source_id__in=ids)
        return dict(rows.values_list("source_id", "terms"))
