"""What staff see of how a member buys: as it was counted last night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.people.models import BuyerStats
from loyalty_oscar.program import contributions, money, words
from loyalty_oscar.program.models import Member, Program

from ..dashboard.permissions import may_look

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("dashboard:user", "buying", order=42)
def of_customer(*, subject: Any, request: Any) -> Piece | None:
    """Return how a customer buys in each program. One query."""
    if not may_look(request.user):
        return None
    stats = BuyerStats.objects.filter(member__user_id=subject.pk, orders__gt=0).select_related("member__program")
    rows = [_row(one) for one in stats.order_by("member__program__name")]
    return ("loyalty/dashboard/buying.html", {"rows": rows}) if rows else None


@contributions.register("admin:member", "buying", order=12)
def of_member(*, subject: Member, request: Any) -> Piece | None:
    """Return how a member buys. One query."""
    stats = BuyerStats.objects.filter(member=subject, orders__gt=0).select_related("member__program").first()
    return ("loyalty/admin/buying.html", {"rows": [_row(stats)]}) if stats else None


def _row(stats: BuyerStats) -> dict[str, str]:
    program: Program = stats.member.program
    return {
        "orders": money.number(stats.orders),
        "spent": money.in_words(minor=stats.spend_minor, currency=program.currency),
        "biggest": money.in_words(minor=stats.biggest_minor, currency=program.currency),
        "last": words.day(stats.last_at, zone=program.time_zone) if stats.last_at else "",
        "gap": _gap(stats.gap_days),
        "late": words.day(stats.late_at, zone=program.time_zone) if stats.late_at else "",
    }


def _gap(days: int | None) -> str:
    if days is None:
        return pgettext("loyalty", "known from the third order on")
    return npgettext("loyalty", "%(days)s day", "%(days)s days", days) % {"days": money.number(days)}
