"""
What a newcomer's order brings to both sides: the order effect `referrals`, state-based like the others.

The first order that stays worth enough rewards both, on the way until its return period is over; when it no longer
does, both are taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.queries import programs_by_site

from . import rules
from .models import Referral, Scheme
from .operations import look, reward, take_back
from .queries import referrals_of, scheme_of

FIELDS = ("state", "order_id", "rewarded_at", "giver_points", "newcomer_points", "findings")
CLOSED = (Referral.State.BLOCKED, Referral.State.REVIEW)


class Bringing:
    """The order effect of this floor."""

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Reward both sides of newcomers' first orders, or take rewards back. One query where nobody was brought."""
        for scheme, own in self.by_scheme(orders):
            brought = referrals_of(program_id=scheme.program_id, user_ids={order.user_id for order in own})
            for order in sorted(own, key=lambda order: order.placed_at):
                if order.user_id in brought:
                    self.follow(order, brought[order.user_id], scheme, at)

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: the whole order counts."""
        return frozenset()

    def by_scheme(self, orders: Sequence[OrderFacts]) -> list[tuple[Scheme, list[OrderFacts]]]:
        """Return the orders of customers by the scheme that serves their site."""
        wanted = [order for order in orders if order.user_id is not None and order.purchase.lines]
        by_site, default = programs_by_site() if wanted else ({}, None)
        found: dict[int, list[OrderFacts]] = {}
        for order in wanted:
            if unit := by_site.get(order.site_id, default):
                found.setdefault(unit.program_id, []).append(order)
        schemes = {pk: scheme_of(program_id=pk) for pk in found}
        return [(scheme, found[pk]) for pk, scheme in schemes.items() if scheme]

    def follow(self, order: OrderFacts, referral: Referral, scheme: Scheme, at: datetime) -> None:
        """Bring one referral in line with one order of its newcomer."""
        if order.placed_at < referral.bound_at or referral.order_id not in (None, order.order_id):
            return
        stands = not order.dead and worth_enough(order=order, scheme=scheme)
        if stands and referral.state not in CLOSED:
            self.welcome(order, referral, scheme, at)
        elif referral.rewarded_at and not stands:
            take_back(referral=referral, at=at)
            # Cancelled before it was delivered: the next order may still be the first.
            again = order.dead and order.final_at is None
            referral.state = Referral.State.INVITED if again else Referral.State.REVERSED
            if again:
                referral.order_id = referral.rewarded_at = None
        else:
            return
        referral.save(using=write_db(), update_fields=FIELDS)

    def welcome(self, order: OrderFacts, referral: Referral, scheme: Scheme, at: datetime) -> None:
        """Let the checks look once, and reward who may be."""
        if referral.order_id is None:
            referral.order_id = order.order_id
            found = look(referral=referral, at=at)
            if found != rules.ALLOW and not referral.allowed_by:
                referral.state = Referral.State.BLOCKED if found == rules.BLOCK else Referral.State.REVIEW
                return
        ready_at = order.final_at + timedelta(days=scheme.program.hold_days) if order.final_at else None
        reward(referral=referral, scheme=scheme, ready_at=ready_at, at=at)


bringing = Bringing()


def worth_enough(*, order: OrderFacts, scheme: Scheme) -> bool:
    """Return whether what is left of an order is worth what the scheme asks for."""
    if order.purchase.currency != scheme.program.currency:
        return False
    left = (
        line.paid_minor - taken_back(points=line.paid_minor, gone=line.gone, quantity=line.quantity)
        for line in order.purchase.lines
    )
    return sum(left) >= max(1, scheme.least_minor)
