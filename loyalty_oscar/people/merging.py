"""
What people told, when two members become one: a birthday goes along where the other told none, and so do mails that are
not wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Birthday, UnwantedMail


class BirthdayMoves:
    """A member has one birthday."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say whether the birthday goes along."""
        told = set(Birthday.objects.filter(member__in=(member, into)).values_list("member_id", flat=True))
        if member.pk in told:
            stays = pgettext("loyalty", "Each told a birthday: the one of the member who stays counts.")
            yield stays if into.pk in told else pgettext("loyalty", "The birthday moves.")

    def move(self, *, member: Member, into: Member, at: datetime) -> bool:
        """Move the birthday; returns whether it did."""
        rows = Birthday.objects.using(write_db())
        return not rows.filter(member=into).exists() and bool(rows.filter(member=member).update(member=into))

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back, unless it was forgotten since."""
        rows = Birthday.objects.using(write_db())
        if moved and not rows.filter(member=member).exists():
            rows.filter(member=into).update(member=member)


class RefusalsMove:
    """What either does not want to be mailed is not mailed to both."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Nothing: no mail comes that somebody refused."""
        yield from ()

    def move(self, *, member: Member, into: Member, at: datetime) -> list[str]:
        """Move what the other has not refused; returns its topics."""
        rows = UnwantedMail.objects.using(write_db())
        known = rows.filter(member=into).values_list("topic", flat=True)
        moving = rows.filter(member=member).exclude(topic__in=list(known))
        topics = sorted(moving.values_list("topic", flat=True))
        moving.update(member=into)
        return topics

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move back what is still refused."""
        rows = UnwantedMail.objects.using(write_db())
        rows.filter(member=into, topic__in=moved or []).update(member=member)


merge_parts.register("people", order=5)(BirthdayMoves())
merge_parts.register("mails", order=6)(RefusalsMove())
