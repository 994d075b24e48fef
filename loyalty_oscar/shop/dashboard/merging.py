"""What staff read before two members become one, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import pgettext

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.merging import why_not
from loyalty_oscar.program import actors, words
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member, Merge
from loyalty_oscar.program.worth import worth

from .links import admin_url
from .permissions import MERGE, is_own, may

#: Why two members cannot be merged, or a merge not be undone, by the code of `CannotMerge`.
WHY_NOT = {
    "oneself": lambda: pgettext("loyalty", "This is the same member."),
    "other_program": lambda: pgettext("loyalty", "This member is in another program."),
    "merged_already": lambda: pgettext("loyalty", "One of the two was merged before."),
    "erased": lambda: pgettext("loyalty", "One of the two has left and was forgotten."),
    "frozen": lambda: pgettext("loyalty", "One of the two accounts is frozen. End the freeze first."),
    "being_paid": lambda: pgettext("loyalty", "A basket is being paid for just now. Try again later."),
    "undone_already": lambda: pgettext("loyalty", "It was undone before."),
    "merged_on": lambda: pgettext("loyalty", "The member who stayed was merged on since. Undo that first."),
    "netted": lambda: pgettext("loyalty", "What one had made up for what the other had to make up. This stays."),
    "moved_on": lambda: pgettext("loyalty", "Some of what moved was used, taken back or ran out since. This stays."),
}


def may_merge(*, staff: Any, member: Member) -> bool:
    """Return whether somebody may merge a member: with the permission of its own, and never oneself."""
    return may(staff, MERGE) and not is_own(staff, member)


def merge_url(*, staff: Any, member: Member) -> str:
    """Return where somebody merges this member into another one, or nothing."""
    can = may_merge(staff=staff, member=member) and member.merged_into_id is None and member.erased_at is None
    return admin_url("loyalty_program_member_merge", member.pk) if can else ""


def says(*, member: Member, into: Member, at: datetime) -> list[str]:
    """Return what moves and what stays, a sentence each; nothing is written."""
    return [*_points(member), *_others(member, into, at), *_stays()]


def _points(member: Member) -> Iterator[str]:
    for account in Account.objects.filter(member=member).select_related("unit__program"):
        told = {
            "ready": words.points(unit=account.unit, points=account.available + account.reserved),
            "pending": words.points(unit=account.unit, points=account.pending),
            "worth": worth(unit=account.unit, points=account.available + account.reserved),
        }
        text = pgettext("loyalty", "%(ready)s ready and %(pending)s on the way move, each with its own date.")
        if told["worth"]:
            text = pgettext(
                "loyalty", "%(ready)s ready (worth %(worth)s) and %(pending)s on the way move, each with its own date."
            )
        yield text % told
        if account.reserved:
            yield pgettext("loyalty", "What is set aside in open baskets goes back first.")
        if account.debt:
            text = pgettext("loyalty", "%(points)s to make up move too.")
            yield text % {"points": words.points(unit=account.unit, points=account.debt)}


def _others(member: Member, into: Member, at: datetime) -> Iterator[str]:
    for found in merge_parts.answers("says", member=member, into=into, at=at):
        yield from found


def _stays() -> Iterator[str]:
    yield pgettext("loyalty", "The old statement, messages, baskets and the shop’s own orders stay with the old login.")
    yield pgettext("loyalty", "What the old login orders from then on counts for the member who stays.")
    yield pgettext("loyalty", "You can undo it until something of what moved is used, taken back or runs out.")


def refusal(*, member: Member, into: Member, at: datetime) -> str:
    """Return in words why two members cannot be merged, or nothing."""
    code = why_not(member=member, into=into, at=at)
    return str(WHY_NOT[code]()) if code else ""


def merges(*, member: Member) -> list[dict[str, Any]]:
    """Return the merges that a member was part of, newest first, with where one undoes each."""
    rows = Merge.objects.filter(Q(member=member) | Q(into=member)).select_related("member__user", "into__user")
    zone = member.program.time_zone
    return [
        {
            "row": row,
            "day": words.day(row.at, zone=zone),
            "who": actors.name(row.actor),
            "undone": words.day(row.undone_at, zone=zone) if row.undone_at else "",
            "member_url": admin_url("loyalty_program_member_change", row.member_id),
            "into_url": admin_url("loyalty_program_member_change", row.into_id),
            "undo_url": "" if row.undone_at else admin_url("loyalty_program_member_unmerge", row.member_id, row.pk),
        }
        for row in rows.order_by("-pk")
    ]
