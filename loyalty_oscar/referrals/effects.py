"""
What a newcomer's order brings to both sides: the order effect `referrals`, state-based like the others.

The first order that stays worth enough rewards both, on the way until its return period is over; when it no longer
does, or staff decide against it, both are taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import begun_units, earns_at

from . import rules
from .models import Referral
from .operations import look, reward, take_back
from .queries import locked_referrals, referrals_about, schemes
from .signals import decided, waits_again

FIELDS = ("state", "order_id", "rewarded_at", "ready_at", "is_over_cap", "findings", "mark")


class ReferralEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Reward both sides of newcomers' first orders, or take rewards back. One query where nobody was brought."""
        for program, own in self.by_program(orders):
            by_order, by_user = locked_referrals(program_id=program.pk, orders=own)
            for order in sorted(own, key=lambda order: (order.placed_at, order.order_id)):
                referral = by_order.get(order.order_id) or (order.user_id and by_user.get(order.user_id))
                if referral and order.placed_at < referral.bound_at:
                    self.reconsider(order, referral, at)
                elif referral:
                    self.follow(order, referral, program, at)

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> None:
        """Take back the rewards that would go with these orders; writes nothing of its own."""
        for program, own in self.by_program(orders):
            rows = referrals_about(program_id=program.pk, orders=own).filter(order_id__isnull=False)
            known = {row.order_id: row for row in rows.select_related("giver", "newcomer", "program")}
            for order in own:
                referral = known.get(order.order_id)
                if referral and not self.stands(order, referral):
                    take_back(referral=referral, at=at)

    def touches(self, *, orders: Sequence[OrderFacts]) -> set[int]:
        """Return the members on both sides of what these orders may reward. One query where members may invite."""
        found: set[int] = set()
        for program, own in self.by_program(orders):
            rows = referrals_about(program_id=program.pk, orders=own)
            found.update(pk for both in rows.values_list("giver_id", "newcomer_id") for pk in both)
        return found

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: the whole order counts."""
        return frozenset()

    def by_program(self, orders: Sequence[OrderFacts]) -> list[tuple[Program, list[OrderFacts]]]:
        """Return the orders by program, of those where members ever could invite."""
        wanted = [order for order in orders if order.purchase.lines]
        units = {unit.pk: unit for unit in begun_units()} if wanted else {}
        inviting = schemes() if units else {}
        found: dict[int, tuple[Program, list[OrderFacts]]] = {}
        for order in wanted:
            unit = units.get(order.unit_id or 0)
            if unit and unit.program_id in inviting:
                found.setdefault(unit.program_id, (unit.program, []))[1].append(order)
        return list(found.values())

    def stands(self, order: OrderFacts, referral: Referral) -> bool:
        """Return whether an order is, by now, one that rewards both sides."""
        return not order.dead and worth_enough(order=order, referral=referral)

    def follow(self, order: OrderFacts, referral: Referral, program: Program, at: datetime) -> None:
        """Bring one referral in line with one order of its newcomer."""
        if referral.order_id not in (None, order.order_id):
            return
        stands = self.stands(order, referral)
        if referral.order_id is None:
            if not stands or not earns_at(phases=program.known_phases, at=order.placed_at):
                return
            referral.order_id = order.order_id
            look(referral=referral, at=at)
        if stands and referral.verdict == rules.ALLOW:
            hold = timedelta(days=order.terms.get("hold_days", program.hold_days))
            reward(referral=referral, ready_at=order.final_at + hold if order.final_at else None, at=at)
        else:
            take_back(referral=referral, at=at)
            referral.state = state_without(order=order, referral=referral)
            if referral.state == Referral.State.INVITED:
                referral.order_id = referral.mark = None
                told = {"user_id": referral.newcomer.user_id, "program_id": program.pk, "since": referral.bound_at}
                transaction.on_commit(lambda: waits_again.send(sender=Referral, **told), using=write_db(), robust=True)
        referral.save(using=write_db(), update_fields=FIELDS)

    def reconsider(self, order: OrderFacts, referral: Referral, at: datetime) -> None:
        """
        Let the checks look again once an order from before, which made the newcomer a known customer, came to nothing,
        or stands again. One that stands and was imported since is no news: nobody takes a reward back for it.
        """
        if referral.order_id is None or (referral.order_id < order.order_id and not order.dead):
            return
        before = referral.verdict
        if order.dead != (before == rules.BLOCK):
            return
        look(referral=referral, at=at)
        if referral.verdict != before:
            referral.save(using=write_db(), update_fields=["findings", "mark"])
            told = {"sender": Referral, "order_id": referral.order_id}
            transaction.on_commit(lambda: decided.send(**told), using=write_db(), robust=True)


bringing = ReferralEffect()


def state_without(*, order: OrderFacts, referral: Referral) -> str:
    """Return how a referral stands whose order brings nothing now."""
    if order.dead:
        return Referral.State.INVITED  # It came to nothing, as if it never was: the next order may still be the first.
    if referral.verdict == rules.ALLOW:
        return Referral.State.REVERSED
    return Referral.State.BLOCKED if referral.verdict == rules.BLOCK else Referral.State.REVIEW


def worth_enough(*, order: OrderFacts, referral: Referral) -> bool:
    """Return whether what is left of an order is worth what was asked for when the newcomer came."""
    if order.purchase.currency != order.terms.get("currency"):
        return False
    left = (line.left_of(amount=line.paid_minor) for line in order.purchase.lines)
    return sum(left) >= max(1, referral.least_minor)
