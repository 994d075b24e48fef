"""The letters about points earned: by an order, by the welcome that counts old orders, by an action."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import ActionAward, Award
from loyalty_oscar.earning.operations.actions import TOPIC
from loyalty_oscar.earning.queries import award_of_order
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Outbox, Unit

from ..notices.letters import Letter, balances, shared, site_of, topics


@topics.register("points-earned")
def points_earned(*, message: Outbox, at: datetime) -> Letter | None:
    """Write the letter about an order; None where it is gone, or its points are."""
    award = award_of_order(order_id=message.payload["order"])
    order = get_model("order", "Order").objects.using(write_db()).filter(pk=message.payload["order"]).first()
    if award is None or order is None or not award.given or award.account.member_id != message.member_id:
        return None
    unit = Unit.objects.using(write_db()).select_related("program").get(pk=award.unit_id)
    site = site_of(member=message.member, site_id=order.site_id)
    context = shared(member=message.member, account=award.account, unit=unit, site=site, points=award.given)
    return Letter(code="LOYALTY_POINTS_EARNED", context=context | _of_order(award, order, unit, at))


def _of_order(award: Award, order: Any, unit: Unit, at: datetime) -> dict[str, Any]:
    zone = unit.program.time_zone
    ready = award.available_at
    is_ready = ready is not None and ready <= at
    return {
        "balances": balances(account=award.account, unit=unit, coming=0 if is_ready else award.given),
        "order_number": order.number,
        "order_day": words.day(award.placed_at, zone=zone, year=False),
        "is_ready": is_ready,
        "ready_day": words.day(ready, zone=zone) if ready else "",
        "hold_days": award.hold_days,
        # Part of the order went back already: the why of the whole would not add up to what is left.
        "why": why_rows(because=award.because, unit=unit) if award.given == award.points else [],
    }


@topics.register("welcome")
def welcome(*, message: Outbox, at: datetime) -> Letter | None:
    """Write the letter about what a welcome (`payload["batch"]`) gave a member, however many orders it counted."""
    awards = Award.objects.using(write_db()).filter(
        batch=message.payload["batch"], account__member_id=message.member_id, given__gt=0
    )
    found = awards.values("account_id").annotate(points=Sum("given"), orders=Count("pk")).order_by("account_id").first()
    if found is None:
        return None
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=found["account_id"])
    site = site_of(member=message.member)
    context = shared(member=message.member, account=account, unit=account.unit, site=site, points=found["points"])
    return Letter(code="LOYALTY_WELCOME", context=context | {"orders": found["orders"]})


@topics.register(TOPIC)
def points_gift(*, message: Outbox, at: datetime) -> Letter | None:
    """Write the letter about an action's points; None where they were taken back before it left."""
    award = ActionAward.objects.using(write_db()).filter(pk=message.payload.get("award"), is_given=True).first()
    account = Account.objects.using(write_db()).filter(member=message.member).order_by("unit_id").first()
    if award is None or account is None:
        return None
    unit = Unit.objects.using(write_db()).select_related("program").get(pk=account.unit_id)
    site = site_of(member=message.member)
    context = shared(member=message.member, account=account, unit=unit, site=site, points=award.points)
    return Letter(code="LOYALTY_POINTS_GIFT", context=context | {"why": words.why(message.payload["because"])})
