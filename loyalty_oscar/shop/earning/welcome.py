"""What earning gives for old orders: decided with the rules of today, posted under a kind of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min, Sum
from django.utils.translation import pgettext_lazy

from loyalty_oscar.earning.awarding import ready_at
from loyalty_oscar.earning.decision import Decision
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import revoke_batch
from loyalty_oscar.earning.previews import Previews
from loyalty_oscar.earning.queries import awards_of, rule_book
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics, withdraw
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import expiry_of

from ..orders import sync
from ..orders.backfill import Tally, backfills

TOPIC = "welcome"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "What earlier orders brought"),
        text="`loyalty_welcome` gave points for old orders, once a member",
        payload={"batch": "name of the welcome"},
    )
)


def _what_is_left(order: OrderFacts, lines: Sequence[tuple[int, int, int, int]]) -> list[LineLeft]:
    gone = order.purchase.gone()
    return [
        LineLeft(line_id=pk, quantity=quantity, points=points, paid_minor=paid, gone=gone.get(pk, quantity))
        for pk, quantity, points, paid in lines
    ]


class Welcome:
    """The `Welcoming` of earning."""

    def preview(self, *, orders: Sequence[OrderFacts], program: Program, at: datetime, tally: Tally) -> None:
        unit = Unit.objects.using(write_db()).select_related("program").get(program=program)
        rules = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
        tally.is_most |= any(rule.is_counted() for rule in rules)
        awards = awards_of(source_kind="order", source_ids=[order.order_id for order in orders])
        fresh = [order for order in orders if order.order_id not in awards and order.unit_id == unit.pk]
        previews = Previews(orders=[order for order in fresh if not order.dead], unit=unit, rules=rules)
        found = [(order, self._again(order, award)) for order in orders if (award := awards.get(order.order_id))]
        found += [(order, self._new(order, previews.decision(order=order, rules=rules))) for order in previews.orders]
        for order, points in found:
            award = awards.get(order.order_id)
            ready = award.available_at if award else ready_at(order=order, program=program)
            terms = award.terms if award else previews.terms(order=order)
            if points:
                expires_at = expiry_of(program=program, available_at=ready, terms=terms) if ready else None
                tally.add(user_id=order.user_id, points=points, available_at=ready, expires_at=expires_at, at=at)

    def _again(self, order: OrderFacts, award: Award) -> int:
        """Return what an order gets back that another welcome took away; nothing where its points stand."""
        if order.dead or not award.revoked:
            return 0
        lines = [(row.line, row.quantity, row.points, row.paid_minor) for row in award.lines.all()]
        return left_of(lines=_what_is_left(order, lines), bonuses=award.bonuses)

    def _new(self, order: OrderFacts, decision: Decision) -> int:
        lines = [(row.line_id, row.quantity, row.points, row.paid_minor) for row in decision.lines]
        bonuses = [bonus.to_json() for bonus in decision.bonuses]
        return left_of(lines=_what_is_left(order, lines), bonuses=bonuses)

    def give(self, *, order_ids: Sequence[int], batch: str, at: datetime, mail: bool) -> None:
        with transaction.atomic(using=write_db()):
            sync.sync_orders(order_ids=order_ids, at=at, batch=batch)
            if mail:
                announce_many(happenings=list(self._happenings(order_ids, batch, at)))

    def _happenings(self, order_ids: Sequence[int], batch: str, at: datetime) -> Iterator[Happening]:
        given = Award.objects.using(write_db()).filter(batch=batch, given__gt=0, source_id__in=order_ids)
        for member_id in given.order_by().values_list("account__member_id", flat=True).distinct():
            yield Happening(
                topic=TOPIC, key=f"{batch}:{member_id}", member_id=member_id, payload={"batch": batch}, at=at
            )

    def given(self) -> Mapping[str, tuple[int, int, Unit]]:
        rows = (
            Award.objects.using(write_db())
            .exclude(batch="")
            .values("batch", "unit")
            .annotate(first=Min("pk"), orders=Count("pk"))
        )
        rows = rows.annotate(points=Sum("given")).order_by("first")
        units = Unit.objects.using(write_db()).select_related("program").in_bulk()
        return {row["batch"]: (row["orders"], row["points"], units[row["unit"]]) for row in rows}

    def undo(self, *, batch: str, actor: str, at: datetime) -> Iterator[int]:
        withdraw(topic=TOPIC, prefix=f"{batch}:")
        for award in revoke_batch(batch=batch, actor=actor, at=at):
            yield award.points


backfills.register("earning")(Welcome())
