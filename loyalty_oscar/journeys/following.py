"""
Campaigns about orders: the order effect `journeys` plans what they bring as an order is placed, arrives or goes back.

State-based: what stands of an order says which occasions it has. What is planned for one that it has no more does not
come, and what was given is taken back; standing again, it comes again. Nothing is given in an order's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists
from django.db.models.functions import Coalesce

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import begun_units, earns_at

from .giving import State, undo, would_undo
from .models import Campaign, Occurrence
from .occasions import OF_ORDERS, ORDER_FINAL, ORDER_PLACED, ORDER_RETURNED, WARRANTY, in_time
from .planning import WITHDRAWN, coming, gave_way, plan, stand_again
from .queries import all_campaigns, set_codes_of

GONE = Because("order_gone")
#: What goes back so long after its order arrived is no occasion any more.
RETURNED_WITHIN = timedelta(days=90)


class CampaignEffect:
    """The order effect of this floor that plans campaigns."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Plan what these orders bring by now, and withdraw what they do not; a welcome is no occasion."""
        for program, campaigns, own in () if batch else self.by_program(orders):
            members, known = self.who(program, own)
            for occurrence, stands in _judged(own, known):
                if not stands:
                    undo(occurrence_id=occurrence.pk, because=GONE, at=at)
                elif _is_withdrawn(occurrence):
                    stand_again(occurrence=occurrence, at=at)
            there = {(row.campaign_id, row.source) for row in known}
            plan(rows=[row for order in own for row in _coming(order, campaigns, members, there, program, at)])

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> list[str]:
        """Take back what these orders would no longer bring; writes nothing of its own."""
        for _program, _campaigns, own in self.by_program(orders):
            for occurrence, stands in _judged(own, _known(own)):
                if not stands:
                    would_undo(occurrence=occurrence, because=GONE, at=at)
        return []

    def set_codes(self) -> frozenset[str]:
        """Return the product sets that campaigns about orders ask for."""
        found = (one for unit in begun_units() for one in _about_orders(unit.program_id))
        return frozenset(code for campaign in found for code in campaign.params.get("sets", ()))

    def by_program(self, orders: Sequence[OrderFacts]) -> list[tuple[Program, list[Campaign], list[OrderFacts]]]:
        """Return the orders of customers by the program that they were placed in, where it has such campaigns."""
        wanted = [order for order in orders if order.user_id is not None and order.purchase.lines]
        units = {unit.pk: unit for unit in begun_units()} if wanted else {}
        found: dict[int, tuple[Program, list[Campaign], list[OrderFacts]]] = {}
        for order in wanted:
            unit = units.get(order.unit_id or 0)
            if unit and (campaigns := _about_orders(unit.program_id)):
                found.setdefault(unit.pk, (unit.program, campaigns, []))[2].append(order)
        return list(found.values())

    def who(
        self, program: Program, orders: Sequence[OrderFacts]
    ) -> tuple[Mapping[Any, tuple[int, datetime]], list[Occurrence]]:
        """
        Return the members who placed these orders, each with since when, and what is planned or was done for the orders
        already: one query, and one where there is any.
        """
        there = Occurrence.objects.using(write_db()).filter(order_id__in=[order.order_id for order in orders])
        rows = Member.objects.using(write_db()).filter(program=program, user_id__in={order.user_id for order in orders})
        rows = rows.annotate(goes_on=Coalesce("merged_into_id", "pk"), has_some=Exists(there))
        found = list(rows.values_list("user_id", "goes_on", "joined_at", "has_some"))
        members = {user_id: (pk, day) for user_id, pk, day, _has_some in found}
        return members, _known(orders) if any(has_some for *_who, has_some in found) else []


def _about_orders(program_id: int) -> list[Campaign]:
    """Return the campaigns of a program that follow orders, also those that are switched off (remembered)."""
    return [one for one in all_campaigns(program_id=program_id) if one.occasion in (*OF_ORDERS, WARRANTY)]


def _known(orders: Sequence[OrderFacts]) -> list[Occurrence]:
    """
    Return what is known of these orders, by campaign: the budgets of several are counted back in order of key. What
    gave way comes first, so that it goes before the better one that it would come instead of.
    """
    rows = Occurrence.objects.using(write_db()).filter(order_id__in=[order.order_id for order in orders])
    found = rows.select_related("campaign__reward", "campaign__program").order_by("campaign_id", "pk")
    return sorted(found, key=lambda row: not gave_way(occurrence=row))


def _judged(orders: Sequence[OrderFacts], known: Sequence[Occurrence]) -> Iterator[tuple[Occurrence, bool]]:
    """Yield what is known of these orders, each with whether its order still has its occasion."""
    by_id = {order.order_id: order for order in orders}
    for occurrence in known:
        order = by_id[occurrence.order_id or 0]
        is_open = occurrence.state in (State.PLANNED, State.DONE) or gave_way(occurrence=occurrence)
        if is_open or _is_withdrawn(occurrence):
            codes = set_codes_of(campaign=occurrence.campaign, source=occurrence.source)
            yield occurrence, occurrence.campaign.occasion in has_occasions(order=order, set_codes=codes)


def _is_withdrawn(occurrence: Occurrence) -> bool:
    is_back = occurrence.state in (State.SKIPPED, State.BACK) and not occurrence.barred_by
    return is_back and occurrence.because.get("c") in WITHDRAWN


def has_occasions(*, order: OrderFacts, set_codes: frozenset[str]) -> frozenset[str]:
    """Return which occasions an order has by now, by what is left of it in these product sets (none: of all goods)."""
    lines = [line for line in order.purchase.lines if not set_codes or line.sets & set_codes]
    stands = not order.dead and any(line.gone < line.quantity for line in lines)
    went_back = bool(lines) and (order.dead or any(line.gone for line in lines))
    found = {ORDER_PLACED, WARRANTY} if stands else set()
    if order.final_at is not None:
        found |= {ORDER_FINAL} if stands else set()
        found |= {ORDER_RETURNED} if went_back else set()
    return frozenset(found)


def _coming(
    order: OrderFacts,
    campaigns: Sequence[Campaign],
    members: Mapping[Any, tuple[int, datetime]],
    there: Collection[tuple[int, str]],
    program: Program,
    at: datetime,
) -> Iterator[Occurrence | None]:
    """Yield what an order plans that is not planned yet (unsaved)."""
    if order.user_id not in members:
        return
    member_id, joined_at = members[order.user_id]
    has_joined = program.enrolment != Program.Enrolment.OPT_IN or order.placed_at >= joined_at
    if not has_joined or not earns_at(phases=program.known_phases, at=order.placed_at):
        return
    for campaign in campaigns:
        happened_at = _moments(order, at).get(campaign.occasion)
        is_on = campaign.is_on and happened_at is not None and in_time(dated=campaign, at=happened_at)
        if not is_on or happened_at is None:
            continue
        source = f"order:{order.order_id}:{campaign.occasion.removeprefix('order-')}"
        codes = set_codes_of(campaign=campaign, source=source)
        if (campaign.pk, source) in there or campaign.occasion not in has_occasions(order=order, set_codes=codes):
            continue
        what: dict[str, Any] = {"source": source, "happened_at": happened_at, "order_id": order.order_id, "at": at}
        yield coming(campaign=campaign, member_id=member_id, **what)


def _moments(order: OrderFacts, at: datetime) -> dict[str, datetime | None]:
    """Return when each occasion of an order was; when something went back nobody wrote down, so it is now."""
    is_recent = order.final_at is not None and order.final_at > at - RETURNED_WITHIN
    return {
        ORDER_PLACED: order.placed_at,
        ORDER_FINAL: order.final_at,
        ORDER_RETURNED: at if is_recent else None,
    }


follows = CampaignEffect()
