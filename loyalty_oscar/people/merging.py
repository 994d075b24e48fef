"""What people told, when two members become one: a birthday goes along where the other told none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Birthday


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


merge_parts.register("people", order=5)(BirthdayMoves())
