"""What orders brought, where a member looks at them: history, detail, confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.queries import award_of_order
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.program import clock, contributions, words

from ..storefront.visit import takes_part
from . import quotes

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("account:order", "earning", order=10)
def of_order(*, subject: Any, request: Any) -> Piece | None:
    """Return what an order of the visitor brought and when that is ready, with the why. One query."""
    account = request.loyalty.account
    award = award_of_order(order_id=subject.pk) if subject is not None and account is not None else None
    if award is None or award.account_id != account.pk or not award.given:
        return None
    number = words.short(unit=award.unit, points=award.given)
    return "loyalty/widgets/order_points.html", {
        "value": award.given,
        "text": brought(award=award),
        "rows": why_rows(because=award.because, unit=award.unit),
        "ask": pgettext("loyalty", "Why %(number)s?") % {"number": number},
    }


@contributions.register("account:orders", "earning")
def of_orders(*, subject: Iterable[Any], request: Any) -> Piece | None:
    """Return what each of these orders of the visitor brought. One query however many they are."""
    account, orders = request.loyalty.account, list(subject or ())
    if account is None or not orders:
        return None
    awards = Award.objects.filter(source_kind="order", source_id__in=[order.pk for order in orders], given__gt=0)
    found = {award.source_id: award for award in awards.filter(account=account).select_related("unit__program")}
    rows = [
        {"number": order.number, "value": found[order.pk].given, "text": brought(award=found[order.pk])}
        for order in orders
        if order.pk in found
    ]
    return ("loyalty/widgets/orders_points.html", {"rows": rows}) if rows else None


@contributions.register("mail:order", "earning", order=60)
def in_mail(*, subject: Any, request: Any = None) -> Piece | None:
    """
    Return what the confirmation of an order says of what it brings, as the page that thanks for it does: from its
    award, or quoted before that is.
    """
    if subject is None or subject.user_id is None:
        return None
    at, visit = clock.now(), quotes.visit_for_mail(order=subject)
    award = award_of_order(order_id=subject.pk)
    quote = quotes.of_order(order=subject, visit=visit, at=at) if award is None and takes_part(visit=visit) else None
    if award is not None:
        unit, points, earned = award.unit, award.given, brought(award=award)
    elif quote is not None:
        unit, points = visit.unit, quote.points
        earned = _after_delivery(words.points(unit=unit, points=points, signed=True), quote.hold_days)
    else:
        return None
    beside = quotes.beside_in_mail(order=subject, award=award, quote=quote, visit=visit, at=at)
    if not points and not beside:
        return None
    what = earned if points else words.points(unit=unit, points=0)
    told = pgettext("loyalty", "What this order brings: %(what)s") % {"what": what}
    return "loyalty/mail/used.txt", {"text": "\n".join([told, *beside])}


def brought(*, award: Award) -> str:
    """Return "+127 paws, ready on 22 December 2026.": what stands of an award, and when that is or was ready."""
    points = words.points(unit=award.unit, points=award.given, signed=True)
    if award.available_at is None:
        return _after_delivery(points, award.hold_days)
    day = words.day(award.available_at, zone=award.unit.program.time_zone)
    if award.available_at <= clock.now():
        return pgettext("loyalty", "%(points)s, ready since %(day)s.") % {"points": points, "day": day}
    return pgettext("loyalty", "%(points)s, ready on %(day)s.") % {"points": points, "day": day}


def _after_delivery(points: str, days: int) -> str:
    if not days:
        return pgettext("loyalty", "%(points)s, ready on delivery.") % {"points": points}
    text = npgettext(
        "loyalty",
        "%(points)s, ready %(days)d day after delivery.",
        "%(points)s, ready %(days)d days after delivery.",
        days,
    )
    return text % {"points": points, "days": days}
