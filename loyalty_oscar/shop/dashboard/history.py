"""The newest lines of a member and the messages to them, for whoever answers the telephone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import pgettext

from loyalty_oscar.ledger.models import Account, Entry, Kind
from loyalty_oscar.ledger.queries import statement
from loyalty_oscar.program import actors, words
from loyalty_oscar.program.events import title_of
from loyalty_oscar.program.models import Delivery, Member, Unit

from .by_hand import may_undo, undone
from .links import url_of

NEWEST = 5
MESSAGES = 10


def lines(*, account: Account, staff: Any, back: str = "") -> list[dict[str, Any]]:
    """Return the newest lines with why, by whom, the reason that was typed, and where one undoes what was by hand."""
    entries = list(statement(account_id=account.pk).select_related("note")[:NEWEST])
    for entry in entries:
        entry.account = account
    zone, known, gone = account.unit.program.time_zone, names_of(entries), undone(entries=entries)
    return [
        {
            "entry": entry,
            "day": words.day(entry.effective_at, zone=zone),
            "why": words.why(entry.because),
            "points": _points(entry, account.unit),
            "who": "" if entry.actor == "system" else known[entry.actor],
            "note": entry.note.text if hasattr(entry, "note") else "",
            "undone": entry.pk in gone,
            "undo_url": undo_url(entry=entry, staff=staff, back=back) if entry.pk not in gone else "",
        }
        for entry in entries
    ]


def _points(entry: Entry, unit: Unit) -> str:
    """Return what a line changes; of one by which points became ready, how many those are."""
    if entry.kind == Kind.MATURE:
        return pgettext("loyalty", "%(points)s ready") % {"points": words.points(unit=unit, points=entry.d_available)}
    return words.points(unit=unit, points=entry.net, signed=True)


def names_of(entries: Iterable[Entry]) -> dict[str, str]:
    """Return how whoever made these entries is called. One query."""
    return actors.names(entry.actor for entry in entries)


def undo_url(*, entry: Entry, staff: Any, back: str = "") -> str:
    """Return where somebody undoes an entry, or nothing."""
    if not may_undo(entry=entry, staff=staff):
        return ""
    url = url_of("loyalty:dashboard-undo", entry.pk)
    return f"{url}?back={back}" if url and back else url


def messages_to(*, member: Member, zone: str) -> list[dict[str, Any]]:
    """
    Return the newest messages to a member: what about, when (in the program's zone, as the lines), and what became of
    each. One query.
    """
    rows = Delivery.objects.filter(event__member=member).select_related("event").order_by("-pk")[:MESSAGES]
    return [
        {
            "message": row,
            "about": title_of(topic=row.event.topic),
            "at": date_format(localtime(row.done_at or row.event.at, ZoneInfo(zone)), "SHORT_DATETIME_FORMAT"),
            "how": consumer_name(row.consumer),
            "state": state_of(row),
        }
        for row in rows
    ]


def consumer_name(code: str) -> str:
    """Return in what way a consumer tells, in a word; one of a store's own is called by its code."""
    known = {
        "mail": pgettext("loyalty", "mail"),
        "inbox": pgettext("loyalty", "inbox"),
        "campaign-mail": pgettext("loyalty", "letter by mail"),
    }
    return known.get(code, code)


def state_of(row: Delivery) -> str:
    """Return what became of a message, in a word or two."""
    if row.done_at and not row.error:
        return pgettext("loyalty", "sent")
    if row.done_at:
        return pgettext("loyalty", "not sent: %(why)s") % {"why": row.error}
    if not row.is_open:
        return pgettext("loyalty", "given up: %(why)s") % {"why": row.error}
    if row.error:
        return pgettext("loyalty", "failed, will be tried again: %(why)s") % {"why": row.error}
    return pgettext("loyalty", "on its way")
