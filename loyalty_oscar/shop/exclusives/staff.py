"""What staff see of sales on a member's page: which messages the member asked for, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.exclusives.models import Reminder
from loyalty_oscar.program import contributions, words
from loyalty_oscar.program.models import Member


@contributions.register("admin:member", "sales", order=50)
def asked_for(*, subject: Member, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return each message about a sale that a member agreed to."""
    rows = [
        {
            "sale": row.sale,
            "asked": words.day(row.asked_at, zone=subject.program.time_zone),
            "words": row.words,
            "told": words.day(row.told_at, zone=subject.program.time_zone) if row.told_at else "",
        }
        for row in Reminder.objects.filter(member=subject).select_related("sale").order_by("-pk")
    ]
    return ("loyalty/admin/reminders.html", {"rows": rows}) if rows else None
