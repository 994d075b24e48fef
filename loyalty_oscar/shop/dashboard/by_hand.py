"""What staff gave or took by hand, undone as one act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.givers import BY_HAND
from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.program import actors

from .permissions import ADJUST, may_give


def may_undo(*, entry: Entry, staff: Any) -> bool:
    """
    Return whether somebody may undo an entry: one given or taken by hand, never one's own points.

    Who may change points by hand undoes everybody's, who may give goodwill their own.
    """
    if entry.kind != Kind.ADJUST or not entry.key.startswith(BY_HAND) or entry.account.member.user_id == staff.pk:
        return False
    own = entry.actor == actors.staff(staff) and entry.because.get("c") == "goodwill" and may_give(staff)
    return bool(staff.is_active and staff.is_staff and (staff.has_perm(ADJUST) or own))


def undone(*, entries: list[Entry]) -> set[int]:
    """Return which of these entries are undone already. One query."""
    rows = Entry.objects.filter(account__in={entry.account_id for entry in entries}, reverses__in=entries)
    return set(rows.values_list("reverses_id", flat=True)) if entries else set()


def undo(*, entry: Entry, staff: Any, at: datetime) -> ledger.Posted:
    """
    Undo an entry as a whole, once: what was given is taken back, what was taken goes back to where it was.

    What of a gift is used already becomes points to make up, or the shop bears it, as the program says.
    """
    return ledger.reverse(
        entry=entry,
        key=f"{entry.key}:undo",
        because=Because("undone_by_hand"),
        at=at,
        actor=actors.staff(staff),
    )
