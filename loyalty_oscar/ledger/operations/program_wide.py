"""A whole program pauses, goes on or is closed: all of its points, in portions, so that memory stays flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.paying import being_paid

from ..models import Account, Counter, Entry, Hold, HoldLot, Kind, Lot
from .bulk import desks
from .desk import fingerprint_of, outermost_retried
from .expiry import close_books, times_run_out
from .holds import let_go
from .skipping import TOGETHER, Skips


def release_all(*, program_id: int, because: Because, at: datetime, skips: Skips) -> int:
    """
    Give back all that is set aside in a program, but for what is being paid for; returns how many holds.

    Accounts with broken books are told to `skips`.
    """
    held = Hold.objects.using(write_db()).filter(account__unit__program_id=program_id, state=Hold.State.OPEN)
    release = partial(_release, because=because, at=at)
    return sum(_by_accounts(held, release, skips))


@outermost_retried
def _release(*, account_ids: Sequence[int], because: Because, at: datetime) -> dict[int, int]:
    db, count = write_db(), dict.fromkeys(account_ids, 0)
    with desks(account_ids=account_ids, at=at) as working:
        held = Hold.objects.using(db).filter(account_id__in=working, state=Hold.State.OPEN)
        holds = list(held.order_by("account_id", "pk"))
        paid = being_paid(slots={hold.slot for hold in holds}, at=at)
        going = [hold for hold in holds if hold.slot not in paid]
        parts = _parts(going)
        over = [
            part.lot for rows in parts.values() for part in rows if part.lot.expires_at and part.lot.expires_at <= at
        ]
        ran_out = times_run_out(over) if over else {}
        for hold in going:
            one = working[hold.account_id]
            one.held[hold.pk], one.ran_out = parts[hold.pk], ran_out
            let_go(one, hold, because=because)
            count[hold.account_id] += 1
    return count


def _parts(holds: Sequence[Hold]) -> dict[int, list[HoldLot]]:
    found: dict[int, list[HoldLot]] = defaultdict(list)
    for part in HoldLot.objects.using(write_db()).filter(hold__in=holds).select_related("lot").order_by("pk"):
        found[part.hold_id].append(part)
    return found


def put_off_all(
    *,
    program_id: int,
    key: str,
    since: datetime,
    until: datetime,
    because: Because,
    at: datetime,
    skips: Skips,
    only: Collection[int] | None = None,
) -> int:
    """
    Move the dates of all points that had not run out when a pause began by its length; returns in how many accounts.

    One entry for each account (or those `only`), under a key of this pause: any number of calls move each date once.
    Accounts with broken books are told to `skips`.
    """
    dated = Lot.objects.using(write_db()).filter(account__unit__program_id=program_id, is_open=True)
    dated = dated if only is None else dated.filter(account_id__in=only)
    move = partial(_put_off, key=key, since=since, until=until, because=because, at=at)
    return sum(_by_accounts(dated.filter(state=Lot.State.OPEN, expires_at__gt=since), move, skips))


@outermost_retried
def _put_off(
    *, account_ids: Sequence[int], key: str, since: datetime, until: datetime, because: Because, at: datetime
) -> dict[int, int]:
    count, fingerprint = dict.fromkeys(account_ids, 0), fingerprint_of(since, until)
    with desks(account_ids=account_ids, at=at) as working:
        new = working.keys() - _written(working, key)
        dated = Lot.objects.using(write_db()).filter(account_id__in=new, is_open=True, state=Lot.State.OPEN)
        dated = dated.filter(expires_at__gt=since)
        for account_id in sorted(set(dated.values_list("account_id", flat=True))):
            working[account_id].write(
                key=key, kind=Kind.EXTEND, counter=Counter.SELF, because=because, fingerprint=fingerprint
            )
            count[account_id] = 1
        # All dates move by the same time, so one short statement moves them; the accounts are locked.
        dated.update(expires_at=F("expires_at") + (until - since), extensions=F("extensions") + 1)
    return count


def _written(account_ids: Iterable[int], key: str) -> set[int]:
    entries = Entry.objects.using(write_db()).filter(account_id__in=account_ids, key=key)
    return set(entries.values_list("account_id", flat=True))


def write_off_all(*, program_id: int, at: datetime, skips: Skips) -> int:
    """
    Write off all that is left in a closed program, but what is set aside; returns in how many accounts.

    Any number of calls: what came back since the last one is written off too. Accounts with broken books are told
    to `skips`.
    """
    left = Q(available__gt=0) | Q(pending__gt=0) | Q(debt__gt=0)
    accounts = Account.objects.using(write_db()).filter(left, unit__program_id=program_id)
    write_off = partial(_write_off, key=f"program:{program_id}:close", at=at)
    return sum(_by_accounts(accounts, write_off, skips, name="pk"))


@outermost_retried
def _write_off(*, account_ids: Sequence[int], key: str, at: datetime) -> dict[int, int]:
    db, count = write_db(), dict.fromkeys(account_ids, 0)
    with desks(account_ids=account_ids, at=at) as working:
        written = _written(working, key)
        lots: dict[int, list[Lot]] = defaultdict(list)
        free = Lot.objects.using(db).filter(account_id__in=working, is_open=True, remaining__gt=0)
        for lot in free.order_by("account_id", "pk"):
            lots[lot.account_id].append(lot)
        for account_id, one in working.items():
            its_key = f"{key}:{one.account.seq + 1}" if account_id in written else key
            count[account_id] += close_books(one, lots[account_id], key=its_key) is not None
            one.leave_lots()
        state = Case(When(reserved__gt=0, then=F("state")), default=Value(Lot.State.CLOSED))
        is_open = Case(When(reserved__gt=0, then=True), default=False)
        free.update(remaining=0, state=state, is_open=is_open)
    return count


def _by_accounts(
    rows: QuerySet[Any], work: Callable[..., dict[int, int]], skips: Skips, *, name: str = "account_id"
) -> Iterator[int]:
    """Work on the accounts of these rows, some hundred at a time."""
    last = 0
    ids = rows.order_by(name).values_list(name, flat=True).distinct()
    while portion := list(ids.filter(**{f"{name}__gt": last})[:TOGETHER]):
        last = portion[-1]
        yield from (count for _account, count in _done(portion, work, skips))


def _done(portion: Sequence[int], work: Callable[..., dict[int, int]], skips: Skips) -> Iterator[tuple[int, int]]:
    return skips.each(
        portion,
        together=lambda ids: work(account_ids=ids),
        alone=lambda account_id: work(account_ids=[account_id])[account_id],
    )
