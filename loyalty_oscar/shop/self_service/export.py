"""Everything that the house keeps about a member, for the member to take along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.queries import coming, expiring
from loyalty_oscar.people.contacts import last_letter_at
from loyalty_oscar.people.models import Consent
from loyalty_oscar.people.queries import birthday_of, confirmed_at, unwanted_mails
from loyalty_oscar.program import words
from loyalty_oscar.program.freezing import freezes_of
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Delivery, Event, Freeze, Member, Notice, SegmentMember
from loyalty_oscar.program.segment_words import said_of


def export_member(*, member: Member, at: datetime) -> dict[str, Any]:
    """
    Return what is kept about a member, as plain values for JSON: points are integers, instants ISO 8601 in UTC.

    Whys stand there as codes with parameters and in the words of the language in force. Features add their own
    part under the name that they registered.
    """
    accounts = Account.objects.filter(member=member).select_related("unit").order_by("pk")
    told = Prefetch("deliveries", Delivery.objects.order_by("pk"))
    birthday = birthday_of(member_id=member.pk)
    data = {
        "program": member.program.name,
        "member": {
            "id": str(member.public_id),
            "joined_at": _iso(member.joined_at),
            "terms_version": member.terms_version,
            "terms_accepted_at": _iso(member.terms_accepted_at),
            "birthday": (
                {"day": birthday.day, "month": birthday.month, "told_at": _iso(birthday.set_at)} if birthday else None
            ),
            "unwanted_mails": {topic: _iso(since) for topic, since in unwanted_mails(member_id=member.pk).items()},
            "consents": [_consent(row) for row in Consent.objects.filter(member=member).order_by("pk")],
            "last_letter_at": _iso(last_letter_at(member_id=member.pk)),
            "address_confirmed_at": _iso(confirmed_at(user_id=member.user_id)),
        },
        "accounts": [_account(account, at) for account in accounts],
        "freezes": [_freeze(row) for row in freezes_of(member_id=member.pk)],
        "segments": [_segment(row) for row in _segments(member)],
        "events": [
            _event(event) for event in Event.objects.filter(member=member).prefetch_related(told).order_by("pk")
        ],
        "notices": [_notice(notice) for notice in Notice.objects.filter(member=member).order_by("pk")],
    }
    return {**data, **dict(data_exports.each(member=member))}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _consent(row: Consent) -> dict[str, Any]:
    moments = ("asked_at", "confirmed_at", "withdrawn_at")
    said = {"purpose": row.purpose, "words": row.words, "language": row.language, "is_current": bool(row.is_current)}
    return said | {name: _iso(getattr(row, name)) for name in moments}


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


def _event(event: Event) -> dict[str, Any]:
    told = {delivery.consumer: _iso(delivery.done_at) for delivery in event.deliveries.all()}
    return {"topic": event.topic, "key": event.key, "at": _iso(event.at), "payload": event.payload, "told": told}


def _freeze(row: Freeze) -> dict[str, Any]:
    return {
        "since": _iso(row.since),
        "until": _iso(row.over_at),
        "orders_bring_points": row.earns,
        "reason": row.reason,
    }


def _segments(member: Member) -> Any:
    return SegmentMember.objects.filter(member=member).select_related("segment").order_by("pk")


def _segment(row: SegmentMember) -> dict[str, Any]:
    said = said_of(asked=row.segment.traits, program_id=row.segment.program_id)
    return {"segment": row.segment.name, "traits": said, "since": _iso(row.since), "until": _iso(row.until)}


def _notice(notice: Notice) -> dict[str, Any]:
    moments = ("created_at", "sent_at", "accepted_at", "seen_at", "bounced_at")
    return {"about": notice.key} | {name: _iso(getattr(notice, name)) for name in moments}
