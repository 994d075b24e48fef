"""What staff read of a member whose points are frozen, and who may freeze them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.freezing import freeze_now, freezes_of
from loyalty_oscar.program.models import Freeze, Member

from .links import admin_url
from .permissions import FREEZE, is_own, may


def may_freeze(*, staff: Any, member: Member) -> bool:
    """Return whether somebody may freeze a member's points: with the permission of its own, and never one's own."""
    gone = member.merged_into_id is not None or member.erased_at is not None
    return may(staff, FREEZE) and not is_own(staff, member) and not gone


def freeze_url(*, staff: Any, member: Member) -> str:
    """Return where somebody freezes this member's points or releases them, or nothing."""
    if not may_freeze(staff=staff, member=member) or not staff.has_perm("loyalty_program.view_member"):
        return ""
    return admin_url("loyalty_program_member_freeze", member.pk)


def says(*, row: Freeze, zone: str) -> dict[str, str]:
    """Return a freeze in words: since when, by whom, why, until when, and what orders bring meanwhile."""
    who = actors.name(row.actor)
    since = pgettext("loyalty", "Since %(day)s, by %(who)s") % {"day": words.day(row.since, zone=zone), "who": who}
    until = pgettext("loyalty", "Until somebody ends it")
    if row.until is not None:
        last = words.day(periods.last_day(expires_at=row.until, zone=zone), zone=zone)
        until = pgettext("loyalty", "Until %(day)s, that day included") % {"day": last}
    if row.ended_at is not None:
        told = {"day": words.day(row.ended_at, zone=zone), "who": actors.name(row.ended_by)}
        until = pgettext("loyalty", "Ended on %(day)s by %(who)s") % told
    earns = pgettext("loyalty", "Orders count meanwhile")
    if not row.earns:
        earns = pgettext("loyalty", "Orders placed meanwhile bring nothing")
    return {"since": since, "until": until, "earns": earns, "reason": row.reason}


def current(*, member: Member) -> dict[str, str] | None:
    """Return the freeze in force in words, or None. No query where there is none."""
    at = clock.now()
    row = freeze_now(member_id=member.pk, at=at) if member.is_frozen(at=at) else None
    return says(row=row, zone=member.program.time_zone) if row else None


def history(*, member: Member) -> list[dict[str, str]]:
    """Return all freezes of a member in words, newest first. No query for who never was frozen."""
    if member.frozen_since is None:
        return []
    return [says(row=row, zone=member.program.time_zone) for row in freezes_of(member_id=member.pk)]


@contributions.register("dashboard:user", "frozen", order=5)
def frozen(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return which of a customer's points cannot be used, and why."""
    staff = request.user
    members = Member.objects.filter(user_id=subject.pk, merged_into=None, frozen_since__isnull=False)
    rows = [
        {"program": member.program, "url": freeze_url(staff=staff, member=member), **told}
        for member in members.select_related("program").order_by("pk")
        if (told := current(member=member))
    ]
    return ("loyalty/dashboard/frozen.html", {"rows": rows}) if rows else None
