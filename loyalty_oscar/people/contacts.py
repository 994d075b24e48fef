"""Letters to a member keep their distance: whoever writes asks for leave, and only one gets it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.rows import write_rows

from .models import Contact


def leave_to_write(*, member_id: int, letter_days: int, at: datetime) -> bool:
    """
    Return whether a letter may go to a member now, and note that it does: at least `letter_days` days after the last.

    Exact at the same time: of many who ask one gets leave. Undone with the transaction that asked.
    """
    write_rows(rows=[Contact(member_id=member_id)], skip=True)
    rested = Q(told_at=None) | Q(told_at__lte=at - timedelta(days=letter_days))
    return bool(Contact.objects.using(write_db()).filter(rested, member_id=member_id).update(told_at=at))


def last_letter_at(*, member_id: int) -> datetime | None:
    """Return when a member was last written a letter, or None."""
    return Contact.objects.filter(member_id=member_id).values_list("told_at", flat=True).first()


def forget_contact(*, member: Member) -> None:
    """Forget when a member was written to."""
    Contact.objects.using(write_db()).filter(member=member).delete()
