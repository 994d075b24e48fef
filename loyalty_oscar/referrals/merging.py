"""Friends, when two members become one: whom either brought, and both codes, belong to the one who stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import merged_at

from .models import Code, Referral


class FriendsMove:
    """Codes stay where they are and lead on (`queries.giver_of`)."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many friends go along, and where the code leads."""
        if count := Referral.objects.filter(giver=member).exclude(newcomer=into).count():
            text = npgettext("loyalty", "%(count)s friend moves.", "%(count)s friends move.", count)
            yield text % {"count": money.number(count)}
        if code := Code.objects.filter(member=member).first():
            text = pgettext("loyalty", "The code for friends %(code)s leads to the member who stays.")
            yield text % {"code": code.code}
        if Referral.objects.filter(newcomer=member, giver=into).exists():
            yield pgettext("loyalty", "One brought the other: this stays as it is. Decide on it under friends.")

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, list[int]]:
        """Let the friends be the other's, and who brought the member, where nobody brought the other."""
        rows = Referral.objects.using(write_db())
        brought = list(rows.filter(giver=member).exclude(newcomer=into).values_list("pk", flat=True))
        rows.filter(pk__in=brought).update(giver=into)
        came = rows.filter(newcomer=member).exclude(giver=into)
        came = rows.none() if rows.filter(newcomer=into).exists() else came
        moved = {"brought": brought, "came": list(came.values_list("pk", flat=True))}
        rows.filter(pk__in=moved["came"]).update(newcomer=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Let them be the member's again; one rewarded meanwhile stays with its reward at the one who stays."""
        rows = Referral.objects.using(write_db())
        rows = rows.exclude(rewarded_at__gt=merged_at(member=member, into=into))
        rows.filter(pk__in=moved["brought"], giver=into).update(giver=member)
        rows.filter(pk__in=moved["came"], newcomer=into).update(newcomer=member)


merge_parts.register("referrals", order=40)(FriendsMove())
