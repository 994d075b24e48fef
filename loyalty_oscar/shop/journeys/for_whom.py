"""What the shop knows of members that campaigns ask for: orders that arrived and were kept, and a confirmed address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.journeys.queries import CONFIRMED, FINAL_ORDERS, confirmed_marks
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import unit_for_site
from loyalty_oscar.program.registries import facts

from ..orders.facts import gather_orders
from .listeners import mark_of

#: Of how many orders of a member, the newest first, those that arrived are counted.
ORDERS = 50


@facts.register(FINAL_ORDERS)
def final_orders(*, members: Sequence[int], at: datetime) -> Mapping[int, int]:
    """The fact `final_orders`: how many orders of each member's program were paid, arrived, and were kept in part."""
    rows = Member.objects.using(write_db()).filter(pk__in=members, user__isnull=False)
    known = {(user_id, program_id): pk for pk, user_id, program_id in rows.values_list("pk", "user_id", "program_id")}
    ids = newest_orders(user_ids={user_id for user_id, _program_id in known})
    found: dict[int, int] = defaultdict(int)
    for order in gather_orders(order_ids=ids, set_codes=(), at=at) if ids else ():
        unit = unit_for_site(site_id=order.site_id)
        member_id = known.get((order.user_id, unit.program_id)) if unit else None
        if member_id is not None and has_arrived(order=order, at=at):
            found[member_id] += 1
    return found


def newest_orders(*, user_ids: set[Any]) -> list[int]:
    """Return the newest orders of each of these people. One query."""
    orders = get_model("order", "Order").objects.using(write_db()).filter(user_id__in=user_ids).order_by("-pk")
    of: dict[Any, list[int]] = defaultdict(list)
    for pk, user_id in orders.values_list("pk", "user_id"):
        if len(of[user_id]) < ORDERS:
            of[user_id].append(pk)
    return [pk for ids in of.values() for pk in ids]


def has_arrived(*, order: OrderFacts, at: datetime) -> bool:
    """Return whether an order has reached its last status, and something stays of it that was paid for with money."""
    is_final = order.final_at is not None and order.final_at <= at and not order.dead
    return is_final and any(line.paid_minor > 0 and line.gone < line.quantity for line in order.purchase.lines)


@facts.register(CONFIRMED)
def address_confirmed(*, members: Sequence[int], at: datetime) -> Mapping[int, bool]:
    """The fact `address_confirmed`: whether the very address that a member's account has now was confirmed."""
    rows = Member.objects.using(write_db()).filter(pk__in=members, user__isnull=False).select_related("user")
    owners = {row.user_id: row for row in rows}
    marks = confirmed_marks(user_ids=owners)
    return {row.pk: is_confirmed(user=row.user, marks=marks.get(user_id, set())) for user_id, row in owners.items()}


def is_confirmed(*, user: Any, marks: set[str] | None = None) -> bool:
    """Return whether a person's present address was confirmed by that person. Two queries without `marks`."""
    email = getattr(user, get_user_model().get_email_field_name(), "")
    known = confirmed_marks(user_ids=[user.pk]).get(user.pk, set()) if marks is None else marks
    return bool(email) and mark_of(email=email) in known
