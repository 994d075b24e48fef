"""Rewards of a member, when two members become one: they go along."""

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

from .models import Claim


class ClaimsMove:
    """What one member had the other has from then on; of one gift that both had, each keeps their own."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many go along."""
        if count := Claim.objects.filter(member=member).count():
            text = npgettext("loyalty", "%(count)s reward moves.", "%(count)s rewards move.", count)
            yield text % {"count": money.number(count)}

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Move what the other member did not have too; returns it."""
        rows = Claim.objects.using(write_db())
        same = rows.filter(member=into, key=OuterRef("key"))
        moved = list(rows.filter(~Exists(same), member=member).values_list("pk", flat=True))
        rows.filter(pk__in=moved).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back."""
        Claim.objects.using(write_db()).filter(pk__in=moved, member=into).update(member=member)


merge_parts.register("claims", order=25)(ClaimsMove())
