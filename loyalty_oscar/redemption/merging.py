"""Rewards of a member, when two members become one: they go along."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.translation import npgettext

from loyalty_oscar.ledger.operations import CannotMerge
from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.paying import being_paid

from .models import Claim, Redemption


class ClaimsMove:
    """What one member had the other has from then on; of one gift that both had, each keeps their own."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many go along."""
        if count := Claim.objects.filter(member=member).count():
            text = npgettext("loyalty", "%(count)s reward moves.", "%(count)s rewards move.", count)
            yield text % {"count": money.number(count)}

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Move what the other member did not have too; returns it. Raises `CannotMerge` while one is paid with."""
        rows = Claim.objects.using(write_db())
        same = rows.filter(member=into, key=OuterRef("key"))
        moved = list(rows.filter(~Exists(same), member=member).values_list("pk", flat=True))
        _check_paying(moved, at)
        rows.filter(pk__in=moved).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back. Raises `CannotMerge` while one is paid with."""
        _check_paying(moved, at)
        Claim.objects.using(write_db()).filter(pk__in=moved, member=into).update(member=member)


def _check_paying(claim_ids: Collection[int], at: datetime) -> None:
    """See that no basket with one of these rewards is being paid for: its order takes those of its customer alone."""
    rows = Redemption.objects.using(write_db()).filter(claim__in=claim_ids, slot__isnull=False)
    if being_paid(slots=list(rows.values_list("slot", flat=True)), at=at):
        raise CannotMerge("being_paid")


merge_parts.register("claims", order=25)(ClaimsMove())
