"""What a member takes along of the points she used."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member
from loyalty_oscar.redemption.models import Redemption


@data_exports.register("redemption")
def uses(*, member: Member) -> list[dict[str, Any]]:
    """Return each use of points with its order and lines, and what is set aside now (`order` None)."""
    rows = Redemption.objects.filter(hold__account__member=member).select_related("hold")
    return [
        {
            "order": use.order_id,
            "set_aside_at": use.hold.created_at.isoformat(),
            "used_at": use.used_at.isoformat() if use.used_at else None,
            "set_aside": use.hold.points if use.hold.state == Hold.State.OPEN else 0,
            "points": use.points,
            "off_minor": use.minor,
            "currency": use.currency,
            "returned": use.returned,
            "was_paid_anew": use.is_replaced,
            "lines": use.lines,
        }
        for use in rows.filter(Q(order_id__isnull=False) | Q(hold__state=Hold.State.OPEN)).order_by("pk")
    ]
