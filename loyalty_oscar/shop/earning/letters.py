"""The letters about points earned: by an order, by the welcome that counts old orders."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from django.urls import reverse
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.earning.awarding import EARNED
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.queries import award_of_order
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Unit

from ..notices.letters import (
    Letter,
    MailKind,
    balances,
    in_daytime,
    inbox_links,
    letters,
    mail_kinds,
    shared,
    site_of,
    timings,
)
from . import quotes
from .welcome import TOPIC as WELCOME


@letters.register(EARNED)
def points_earned(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about an order; None where it is gone, or its points are."""
    award = award_of_order(order_id=event.payload["order"])
    orders = get_model("order", "Order").objects.using(write_db()).select_related("site", "user")
    order = orders.filter(pk=event.payload["order"]).first()
    if award is None or order is None or not award.given or award.account.member_id != event.member_id:
        return None
    unit = Unit.objects.using(write_db()).select_related("program").get(pk=award.unit_id)
    site = site_of(member=event.member, site_id=order.site_id)
    path = reverse("customer:order", kwargs={"order_number": order.number})
    about = {"member": event.member, "account": award.account, "unit": unit, "site": site, "path": path}
    context = shared(**about, points=award.given)
    return Letter(code="LOYALTY_POINTS_EARNED", context=context | _of_order(award, order, unit, at))


def _of_order(award: Award, order: Any, unit: Unit, at: datetime) -> dict[str, Any]:
    zone = unit.program.time_zone
    ready, visit = award.available_at, quotes.visit_for_mail(order=order)
    is_ready = ready is not None and ready <= at
    return {
        "balances": balances(account=award.account, unit=unit, coming=0 if is_ready else award.given),
        "order_number": order.number,
        "order_day": words.day(award.placed_at, zone=zone, year=False),
        "is_ready": is_ready,
        "ready_day": words.day(ready, zone=zone) if ready else "",
        "hold_days": award.hold_days,
        # Part of the order went back already: the why of the whole would not add up to what is left.
        "beside": quotes.beside_in_mail(order=order, award=award, quote=None, visit=visit, at=at),
        "why": why_rows(because=award.because, unit=unit) if award.given == award.points else [],
    }


@letters.register(WELCOME)
def welcome(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about what a welcome (`payload["batch"]`) gave a member, however many orders it counted."""
    awards = Award.objects.using(write_db()).filter(
        batch=event.payload["batch"], account__member_id=event.member_id, given__gt=0
    )
    found = awards.values("account_id").annotate(points=Sum("given"), orders=Count("pk")).order_by("account_id").first()
    if found is None:
        return None
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=found["account_id"])
    context = shared(member=event.member, account=account, unit=account.unit, points=found["points"])
    return Letter(code="LOYALTY_WELCOME", context=context | {"orders": found["orders"]})


timings.register(WELCOME)(in_daytime)
inbox_links.register(WELCOME)(lambda: pgettext("loyalty", "See what you have"))
mail_kinds.register(EARNED)(MailKind(text=lambda: pgettext("loyalty", "What an order brings")))
mail_kinds.register(WELCOME)(MailKind(text=lambda: pgettext("loyalty", "What earlier orders brought")))
