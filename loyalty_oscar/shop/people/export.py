"""Everything that the house keeps about a member, for the member to take along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.queries import coming, expiring
from loyalty_oscar.people.queries import birthday_of, confirmed_at
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Member, SegmentMember
from loyalty_oscar.program.registries import checks

from ..models import Notice


def export_member(*, member: Member, at: datetime) -> dict[str, Any]:
    """
    Return what is kept about a member, as plain values for JSON: points are integers, instants ISO 8601 in UTC.

    Whys stand there as codes with parameters and in the words of the language in force. Features add their own
    part under the name they registered (`export:earning` becomes `earning`).
    """
    accounts = Account.objects.filter(member=member).select_related("unit").order_by("pk")
    told = birthday_of(member_id=member.pk)
    data = {
        "program": member.program.name,
        "member": {
            "id": str(member.public_id),
            "joined_at": _iso(member.joined_at),
            "terms_version": member.terms_version,
            "terms_accepted_at": _iso(member.terms_accepted_at),
            "birthday": {"day": told.day, "month": told.month, "told_at": _iso(told.set_at)} if told else None,
            "address_confirmed_at": _iso(confirmed_at(user_id=member.user_id)),
        },
        "accounts": [_account(account, at) for account in accounts],
        "segments": [_segment(row) for row in _segments(member)],
        "notices": [_notice(notice) for notice in Notice.objects.filter(member=member).order_by("pk")],
    }
    for name, more in checks.items():
        if name.startswith("export:"):
            data[name.removeprefix("export:")] = more(member=member)
    return data


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _account(account: Account, at: datetime) -> dict[str, Any]:
    entries = Entry.objects.filter(account=account).select_related("note").order_by("seq")
    return {
        "unit": words.title(unit=account.unit),
        "ready": account.available,
        "on_the_way": account.pending,
        "set_aside": account.reserved,
        "to_make_up": account.debt,
        "earned_so_far": account.lifetime_earned,
        "coming": [{"points": row.points, "at": _iso(row.at)} for row in coming(account_id=account.pk)],
        "running_out": [
            {"points": row.points, "at": _iso(row.expires_at)} for row in expiring(account_id=account.pk, at=at)
        ],
        "statement": [_entry(entry) for entry in entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "at": _iso(entry.effective_at),
        "written_at": _iso(entry.created_at),
        "key": entry.key,
        "kind": entry.kind,
        "ready": entry.d_available,
        "on_the_way": entry.d_pending,
        "set_aside": entry.d_reserved,
        "to_make_up": entry.d_debt,
        "ready_after": entry.available_after,
        "why": words.why(entry.because),
        "because": entry.because,
        "note": entry.note.text if hasattr(entry, "note") else "",
    }


def _segments(member: Member) -> Any:
    return SegmentMember.objects.filter(member=member).select_related("segment").order_by("pk")


def _segment(row: SegmentMember) -> dict[str, Any]:
    return {"segment": row.segment.name, "since": _iso(row.since), "until": _iso(row.until)}


def _notice(notice: Notice) -> dict[str, Any]:
    moments = ("created_at", "sent_at", "accepted_at", "seen_at", "bounced_at")
    return {"about": notice.key} | {name: _iso(getattr(notice, name)) for name in moments}
