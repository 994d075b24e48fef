"""Sales, when two members become one: pieces count together, and wanted messages go along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import pgettext

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Reminder, Reservation


class PlacesMove:
    """What a member bought in sales counts for the one who stays, also where that is more than a member may have."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say that pieces count together, and what messages go along."""
        if self.places(member).exists():
            yield pgettext("loyalty", "What was bought in sales counts together.")
        if Reminder.objects.filter(member=member, told_at=None).exists():
            yield pgettext("loyalty", "Messages about sales that open are sent to the member who stays.")

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, list[int]]:
        """Move both; returns them."""
        places = self.places(member) if into.user_id is not None else Reservation.objects.none()
        rows = Reminder.objects.using(write_db())
        reminders = rows.filter(~Exists(rows.filter(member=into, sale=OuterRef("sale"))), member=member)
        moved = {
            "places": list(places.values_list("pk", flat=True)),
            "reminders": list(reminders.values_list("pk", flat=True)),
        }
        Reservation.objects.using(write_db()).filter(pk__in=moved["places"]).update(user_id=str(into.user_id))
        rows.filter(pk__in=moved["reminders"]).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move them back."""
        name = "" if member.user_id is None else str(member.user_id)
        Reservation.objects.using(write_db()).filter(pk__in=moved["places"]).update(user_id=name)
        Reminder.objects.using(write_db()).filter(pk__in=moved["reminders"], member=into).update(member=member)

    def places(self, member: Member) -> QuerySet[Reservation]:
        """Return the pieces that orders of a member bought, or baskets reserved."""
        name = str(member.user_id) if member.user_id is not None else None
        return Reservation.objects.using(write_db()).filter(user_id=name, sale__program=member.program_id)


merge_parts.register("sales", order=50)(PlacesMove())
