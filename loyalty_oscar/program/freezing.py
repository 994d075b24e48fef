"""When members' points cannot be used, and whether their orders bring any meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from loyalty_oscar.kernel.errors import LoyaltyError

from .db import write_db
from .models import Freeze, Member


def frozen(*, at: datetime, through: str = "") -> Q:
    """Return what `Member.is_frozen` says, for queries; `through` leads to the members (`account__member__`)."""
    since, until = f"{through}frozen_since", f"{through}frozen_until"
    return Q(**{f"{since}__isnull": False}) & (Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__gt": at}))


def freezes_of(*, member_id: int) -> list[Freeze]:
    """Return every freeze of a member, newest first: the history."""
    return list(Freeze.objects.filter(member_id=member_id).order_by("-pk"))


def freeze_now(*, member_id: int, at: datetime) -> Freeze | None:
    """Return the freeze that is in force at a moment, or None. One query."""
    return next((row for row in freezes_of(member_id=member_id) if row.is_on(at=at)), None)


def without_points(*, placed: Iterable[tuple[Member | Any, Any, datetime]]) -> set[Any]:
    """
    Return for which purchases, each (member, name of the purchase, when it was placed), orders brought no points.

    `member` is a `Member` or a row with its `member_id` and `frozen_since`. One query, and none where none of them was
    ever frozen.
    """
    asked = [(_key(who), name, at) for who, name, at in placed if who.frozen_since is not None]
    if not asked:
        return set()
    rows = Freeze.objects.using(write_db()).filter(member_id__in={pk for pk, _name, _at in asked}, earns=False)
    found = list(rows)
    return {name for pk, name, at in asked if any(row.member_id == pk and row.is_on(at=at) for row in found)}


def _key(who: Any) -> int:
    return int(who.pk if isinstance(who, Member) else who.member_id)


def begin_freeze(
    *, member_id: int, until: datetime | None, earns: bool, reason: str, actor: str, at: datetime
) -> Freeze:
    """
    Write down that a member's points cannot be used from now on, in place of a freeze that is in force.

    The caller holds the locks of the member's accounts (`ledger.freeze`). Raises `LoyaltyError` without a reason and
    for an end that is not ahead.
    """
    if not reason.strip():
        raise LoyaltyError("a freeze needs a reason")
    if until is not None and until <= at:
        raise LoyaltyError("a freeze ends later than now")
    _close(member_id, at, actor)
    row = Freeze.objects.using(write_db()).create(
        member_id=member_id, since=at, until=until, earns=earns, reason=reason.strip(), actor=actor
    )
    Member.objects.using(write_db()).filter(pk=member_id).update(frozen_since=at, frozen_until=until)
    return row


def end_freeze(*, member_id: int, actor: str, at: datetime) -> bool:
    """Let a member use points again; returns False where that was so already."""
    if not _close(member_id, at, actor):
        return False
    Member.objects.using(write_db()).filter(pk=member_id).update(frozen_until=at)
    return True


def _close(member_id: int, at: datetime, actor: str) -> bool:
    """End the current freeze; one whose day has come ended by itself. Returns whether one was in force."""
    row = Freeze.objects.using(write_db()).select_for_update().filter(member_id=member_id, is_current=True).first()
    if row is None:
        return False
    is_on, row.is_current = row.is_on(at=at), None
    if is_on:
        row.ended_at, row.ended_by = at, actor
    row.save(using=write_db(), update_fields=["is_current", "ended_at", "ended_by"])
    return is_on


def forget_reasons(*, member: Member) -> None:
    """Forget the words that were typed about a member's freezes."""
    Freeze.objects.using(write_db()).filter(member=member).update(reason="")
