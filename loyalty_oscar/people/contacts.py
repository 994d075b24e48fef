"""Letters to a member keep their distance: whoever writes asks for leave, and only one gets it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

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


def may_write_from(*, member_id: int, letter_days: int) -> datetime | None:
    """Return from when on the next letter may go to a member; None where none ever went."""
    told = Contact.objects.using(write_db()).filter(member_id=member_id).values_list("told_at", flat=True).first()
    return told and told + timedelta(days=letter_days)


def note_bounce(*, member_ids: Collection[int], mark: str) -> None:
    """Note that mail to an address of these members came back; of the address stays the keyed hash (`mark`)."""
    write_rows(rows=[Contact(member_id=member_id) for member_id in sorted(member_ids)], skip=True)
    Contact.objects.using(write_db()).filter(member_id__in=list(member_ids)).update(bounced=mark)


def has_bounced(*, member_id: int, mark: str) -> bool:
    """Return whether mail to this very address of a member came back."""
    return Contact.objects.using(write_db()).filter(member_id=member_id, bounced=mark).exists()


def note_language(*, member_id: int, language: str) -> None:
    """Note in which language (a code of `LANGUAGES`) a member reads."""
    write_rows(rows=[Contact(member_id=member_id)], skip=True)
    Contact.objects.using(write_db()).filter(member_id=member_id).update(language=language)


def language_of_member(*, user_id: Any) -> str | None:
    """Return in which language a person reads, as the latest of their memberships knows it; None where none does."""
    rows = Contact.objects.using(write_db()).filter(member__user_id=user_id).exclude(language="")
    return rows.order_by("-member").values_list("language", flat=True).first()


def languages_of(*, members: QuerySet[Member]) -> dict[Any, str]:
    """Return the same of the people who are these members, those of whom it is known, by their keys. One query."""
    rows = Contact.objects.using(write_db()).filter(member__user__in=members.order_by().values("user"))
    return dict(rows.exclude(language="").order_by("member").values_list("member__user", "language"))


def forget_contact(*, member: Member) -> None:
    """Forget when a member was written to, and in which language."""
    Contact.objects.using(write_db()).filter(member=member).delete()
