"""
What orders count on the ladder: the order effect `tiers` writes it down for each order and settles their members.

State-based: what is left of an order is what it counts, so a return takes the level along that stood on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.bulk import write_over
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import begun_units, joined_members
from loyalty_oscar.program.registries import values_of

from .models import Ladder, Score
from .operations import settle, take_gifts_of
from .queries import ladder_of
from .words import falls_in_words

FIELDS = ["member", "placed_at", "value", "safe_at"]


class TierEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Write down what these orders count by now, and settle where their customers stand."""
        for ladder, rows in self.scores(orders, at, batch):
            write_over(rows=rows, fields=FIELDS, unique="order_id")
            settle(ladder=ladder, member_ids={row.member_id for row in rows}, at=at)

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> list[str]:
        """Take the gifts that would go with these orders, and say which levels fall; writes nothing of its own."""
        said: list[str] = []
        for ladder, rows in self.scores(orders, at, batch=""):
            members = {row.member_id for row in rows}
            falls = take_gifts_of(ladder=ladder, member_ids=members, instead=rows, at=at)
            said += (falls_in_words(ladder=ladder, before=before, after=after) for before, after in falls)
        return said

    def scores(self, orders: Sequence[OrderFacts], at: datetime, batch: str) -> Iterator[tuple[Ladder, list[Score]]]:
        """
        Yield what these orders count by now, ladder by ladder (unsaved): for the member for whom they count already, as
        their points do, else for the customer.
        """
        for ladder, own in self.by_ladder(orders):
            joined = joined_members(program_id=ladder.program_id, user_ids=[order.user_id for order in own])
            counted = self.counted(own)
            mine = [
                order
                for order in own
                if order.user_id in joined
                and (batch or order.order_id in counted or self.counts(order, joined[order.user_id][1], ladder.program))
            ]
            if not mine:
                continue
            owners = {order.order_id: joined[order.user_id][0] for order in mine}
            owners |= {order_id: score.member_id for order_id, score in counted.items() if order_id in owners}
            values = values_of(metric=ladder.metric, orders=mine, owners=owners, params={})
            yield (
                ladder,
                [
                    self.score(order, owners[order.order_id], values[order.order_id], ladder.program, counted, at)
                    for order in mine
                ],
            )

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: what was paid counts, whatever was bought."""
        return frozenset()

    def by_ladder(self, orders: Sequence[OrderFacts]) -> list[tuple[Ladder, list[OrderFacts]]]:
        """Return the orders of customers by the ladder of the program that they were placed in."""
        wanted = [order for order in orders if order.user_id is not None and order.purchase.lines]
        units = {unit.pk: unit for unit in begun_units()} if wanted else {}
        found: dict[int, list[OrderFacts]] = {}
        for order in wanted:
            unit = units.get(order.unit_id or 0)
            if unit and unit.program.earns_from and order.placed_at >= unit.program.earns_from:
                found.setdefault(unit.program_id, []).append(order)
        ladders = {pk: ladder_of(program_id=pk) for pk in found}
        return [(ladder, found[pk]) for pk, ladder in ladders.items() if ladder]

    def counted(self, orders: Sequence[OrderFacts]) -> dict[int, Score]:
        """Return what of these orders counts already, by order. One query."""
        rows = Score.objects.using(write_db()).filter(order_id__in=[order.order_id for order in orders])
        return {row.order_id: row for row in rows.only("order_id", "member_id", "safe_at")}

    def counts(self, order: OrderFacts, joined_at: datetime, program: Program) -> bool:
        """Return whether an order begins to count: where people choose to join, those from then on."""
        return program.enrolment != Program.Enrolment.OPT_IN or order.placed_at >= joined_at

    def score(
        self,
        order: OrderFacts,
        member_id: int,
        value: int,
        program: Program,
        counted: Mapping[int, Score],
        at: datetime,
    ) -> Score:
        hold = timedelta(days=order.terms.get("hold_days", program.hold_days))
        safe_at = order.final_at + hold if order.final_at else None
        before = counted.get(order.order_id)
        if before and before.safe_at and before.safe_at <= at:
            safe_at = before.safe_at  # What could go back no more stays so.
        return Score(
            member_id=member_id,
            order_id=order.order_id,
            placed_at=order.placed_at,
            value=value if order.counts and not order.dead else 0,
            safe_at=safe_at,
        )


climbing = TierEffect()
