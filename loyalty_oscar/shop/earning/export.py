"""What a member takes along of what orders and actions brought, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.earning.models import ActionAward, Award
from loyalty_oscar.earning.operations import forget_address, forget_birthday
from loyalty_oscar.earning.queries import birthday_of, confirmed_at
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Member


@data_exports.register("earning")
def awards(*, member: Member) -> list[dict[str, Any]]:
    """Return each award of a member with its lines, its why in words and its reason as stored."""
    found = Award.objects.filter(account__member=member).select_related("unit").prefetch_related("lines")
    return [
        {
            "source": award.source,
            "placed_at": award.placed_at.isoformat(),
            "ready_at": award.available_at.isoformat() if award.available_at else None,
            "points": award.points,
            "given": award.given,
            "why": [[row.text, row.value] for row in why_rows(because=award.because, unit=award.unit)],
            "because": award.because,
            "lines": [
                {"line": line.line, "quantity": line.quantity, "points": line.points} for line in award.lines.all()
            ],
        }
        for award in found.order_by("pk")
    ]


@data_exports.register("actions")
def actions(*, member: Member) -> dict[str, Any]:
    """Return what a member told and confirmed, and every action that brought points or did so once."""
    told, confirmed = birthday_of(member_id=member.pk), confirmed_at(user_id=member.user_id)
    found = ActionAward.objects.filter(member=member).select_related("action").order_by("pk")
    return {
        "birthday": {"day": told.day, "month": told.month, "told_at": told.set_at.isoformat()} if told else None,
        "address_confirmed_at": confirmed.isoformat() if confirmed else None,
        "awards": [
            {
                "action": award.action.name,
                "source": award.source,
                "points": award.points,
                "given": award.is_given,
                "at": award.at.isoformat(),
            }
            for award in found
        ],
    }


@erasures.register("actions")
def forget(*, member: Member, at: datetime) -> None:
    """
    Forget the birthday and the confirmed address. Awards stay with the pseudonym, so that one mailbox has one sign-up
    bonus for ever.
    """
    forget_birthday(member=member)
    if member.user_id is not None:
        forget_address(user_id=member.user_id)
