"""Points run out when their date says so, and never before it was announced. The date in the row is always true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.db import write_db

from ..models import Counter, Kind, Lot, LotMove
from .bulk import desks
from .desk import AccountWriter, Posted, desk, fingerprint_of, outermost_retried
from .skipping import Skips


def sweep(working: AccountWriter) -> int:
    """Expire what has run out on an open desk; every spend does this first. Returns points."""
    points = 0
    for lot in working.lots(is_open=True, state=Lot.State.OPEN, expires_at__lte=working.at, remaining__gt=0):
        points += expire_lot(working, lot)
    return points


def expire_lot(working: AccountWriter, lot: Lot, **order: Any) -> int:
    """
    Write off what is free in one lot, unless the program pauses; what is set aside stays until its hold ends.

    `order` names the order with whose goods it came back too late, as the reason for that does.
    """
    points = 0 if lot.remaining and working.is_paused else lot.remaining
    if points:
        times = working.times_run_out([lot]).get(lot.pk, 0)
        working.take(lot, points)
        working.write(
            key=f"lot:{lot.pk}:expire:{times}",
            kind=Kind.EXPIRE,
            counter=Counter.BREAKAGE,
            because=Because("ran_out", source=lot.source, **order),
            effective_at=lot.expires_at,
        )
    return points


@outermost_retried
def expire(*, account_id: int, at: datetime) -> int:
    """Expire what has run out on one account; returns points."""
    with desk(account_id=account_id, at=at) as working:
        return sweep(working)


def times_run_out(lots: Iterable[Lot]) -> dict[int, int]:
    """Return how often each of these lots ran out before; one that never did is missing."""
    moves = LotMove.objects.using(write_db()).filter(lot_id__in=[lot.pk for lot in lots], entry__kind=Kind.EXPIRE)
    return dict(moves.order_by().values_list("lot_id").annotate(Count("pk")))


def expire_due(*, at: datetime, skip_programs: tuple[int, ...] = ()) -> Iterator[tuple[int, int]]:
    """
    Expire everything that has run out, some hundred accounts at once; yields (account id, points). Resumable.

    Raises `AccountsSkipped` at its end where books are broken.
    """
    due = _run_out(at).exclude(account__member__program_id__in=skip_programs)
    ids, skips = list(due.order_by("account_id").values_list("account_id", flat=True).distinct()), Skips()
    yield from skips.each(
        ids,
        together=lambda portion: expire_together(account_ids=portion, at=at),
        alone=lambda account_id: expire(account_id=account_id, at=at),
    )
    skips.tell()


@outermost_retried
def expire_together(*, account_ids: Sequence[int], at: datetime) -> dict[int, int]:
    """Expire what has run out on these accounts in one transaction; returns points by account."""
    points = dict.fromkeys(account_ids, 0)
    with desks(account_ids=account_ids, at=at) as working:
        lots = list(_run_out(at).filter(account_id__in=working).order_by("expires_at", "pk"))
        ran_out = times_run_out(lots)
        for lot in lots:
            one = working[lot.account_id]
            one.ran_out = ran_out
            points[lot.account_id] += expire_lot(one, lot)
    return points


def _run_out(at: datetime) -> QuerySet[Lot]:
    lots = Lot.objects.using(write_db())
    return lots.filter(is_open=True, state=Lot.State.OPEN, expires_at__lte=at, remaining__gt=0)


@outermost_retried
def extend(
    *,
    account_id: int,
    lot_id: int,
    expires_at: datetime,
    because: Because,
    at: datetime,
    alive_at: datetime | None = None,
    actor: str = "system",
) -> Posted | None:
    """
    Move the date of a lot to a later one, with a reason; returns None where it would not be later.

    Only lots that had not run out at `alive_at` (default: now) are moved.
    """
    with desk(account_id=account_id, at=at, actor=actor) as working:
        lot = next(iter(working.lots(pk=lot_id)), None)
        if (
            lot is None
            or not lot.is_open
            or lot.expires_at is None
            or not (alive_at or at) < lot.expires_at < expires_at
        ):
            return None
        lot.extensions += 1
        lot.expires_at = expires_at
        working.touch(lot)
        key, fingerprint = f"lot:{lot.pk}:extend:{lot.extensions}", fingerprint_of(expires_at)
        entry = working.write(key=key, kind=Kind.EXTEND, counter=Counter.SELF, because=because, fingerprint=fingerprint)
    return Posted(entry)


def shorten(*, account_id: int, lot_id: int, expires_at: datetime, because: Because, at: datetime) -> Posted | None:
    """
    Move the date of a lot back to an earlier one, because what had moved it came to nothing; None where it is not.

    Its points run out at the next sweep where that date has passed.
    """
    with desk(account_id=account_id, at=at) as working:
        lot = next(iter(working.lots(pk=lot_id)), None)
        if lot is None or not lot.is_open or lot.expires_at is None or lot.expires_at <= expires_at:
            return None
        lot.extensions += 1
        lot.expires_at = expires_at
        working.touch(lot)
        key, fingerprint = f"lot:{lot.pk}:extend:{lot.extensions}", fingerprint_of(expires_at)
        entry = working.write(key=key, kind=Kind.EXTEND, counter=Counter.SELF, because=because, fingerprint=fingerprint)
    return Posted(entry)


@outermost_retried
def write_off(*, account_id: int, key: str, at: datetime) -> Posted | None:
    """Write off everything an account has but what is set aside (the program is closed); None if there is nothing."""
    with desk(account_id=account_id, at=at) as working:
        if working.replay(key=key, fingerprint=fingerprint_of(key)):
            return None
        return close_books(working, working.lots(is_open=True, remaining__gt=0), key=key)


def close_books(working: AccountWriter, lots: Iterable[Lot], *, key: str) -> Posted | None:
    """Write off these lots, which are all that has free points, and what is to be made up; None if there is nothing."""
    free = [lot for lot in lots if lot.remaining]
    if not free and not working.account.debt:
        return None
    for lot in free:
        working.take(lot, lot.remaining)
    working.owe(-working.account.debt)
    entry = working.write(
        key=key,
        kind=Kind.EXPIRE,
        counter=Counter.BREAKAGE,
        because=Because("program_closed"),
        fingerprint=fingerprint_of(key),
    )
    return Posted(entry)
