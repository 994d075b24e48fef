"""What a member takes along of sales, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.exclusives.models import Reminder, Reservation
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Member


def _places(member: Member) -> Any:
    """The pieces that are counted for a member; guests have no account to count by."""
    user_id = str(member.user_id) if member.user_id else None
    return Reservation.objects.using(write_db()).filter(user_id=user_id, sale__program=member.program_id)


@data_exports.register("sales")
def export(*, member: Member) -> dict[str, Any]:
    """Return pieces of counted sales, and the messages that the member asked for."""
    places = _places(member).filter(quantity__gt=0).select_related("sale").order_by("pk")
    return {
        "pieces": [{"sale": place.sale.code, "quantity": place.quantity} for place in places],
        "reminders": [
            {
                "sale": row.sale.code,
                "asked": row.asked_at.isoformat(),
                "agreed_to": row.words,
                "told": row.told_at.isoformat() if row.told_at else None,
            }
            for row in Reminder.objects.filter(member=member).select_related("sale").order_by("pk")
        ],
    }


@erasures.register("sales")
def erase(*, member: Member, at: datetime) -> None:
    """Forget what a member asked for; pieces that orders bought stay counted, nameless."""
    Reminder.objects.using(write_db()).filter(member=member).delete()
    _places(member).update(user_id="")
