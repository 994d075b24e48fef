"""What campaigns brought, when two members become one: it goes along, so that nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.translation import npgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Occurrence


class OccurrencesMove:
    """What a campaign brought a member once it does not bring again."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many go along."""
        if count := Occurrence.objects.filter(member=member).count():
            text = npgettext(
                "loyalty",
                "What %(count)s campaign brought moves, and does not come again.",
                "What campaigns brought %(count)s times moves, and does not come again.",
                count,
            )
            yield text % {"count": money.number(count)}

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Move what the other member did not have too; returns it."""
        rows = Occurrence.objects.using(write_db())
        same = rows.filter(member=into, campaign=OuterRef("campaign"), source=OuterRef("source"))
        moved = list(rows.filter(~Exists(same), member=member).values_list("pk", flat=True))
        rows.filter(pk__in=moved).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back."""
        Occurrence.objects.using(write_db()).filter(pk__in=moved, member=into).update(member=member)


merge_parts.register("campaigns", order=60)(OccurrencesMove())
