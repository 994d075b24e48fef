"""A whole program pauses, goes on or is closed: all of its points, in portions, so that memory stays flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from django.db.models import Q, QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.paying import being_paid

from ..models import Account, Entry, Hold, HoldLot, Lot
from .bulk import desks
from .desk import outermost_retried, write_db
from .expiry import close_books, move_date, times_run_out
from .holds import let_go
from .skipping import TOGETHER, Skips

#: Lots whose dates move in one transaction.
LOTS = 1000


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


def put_off_all(*, program_id: int, since: datetime, because: Because, at: datetime, skips: Skips) -> int:
    """
    Move the dates of all points that had not run out when a pause began by its length; returns how many lots.

    Accounts with broken books are told to `skips`.
    """
    dated = Lot.objects.using(write_db()).filter(account__unit__program_id=program_id, is_open=True)
    dated = dated.filter(state=Lot.State.OPEN, expires_at__gt=since).order_by("account_id", "pk")
    count, account_id, pk = 0, 0, 0
    while rows := list(
        dated.filter(Q(account_id=account_id, pk__gt=pk) | Q(account_id__gt=account_id)).values_list(
            "account_id", "pk"
        )[:LOTS]
    ):
        account_id, pk = rows[-1]
        by_account: dict[int, list[int]] = defaultdict(list)
        for owner, lot in rows:
            by_account[owner].append(lot)
        move = partial(_put_off, by_account=by_account, since=since, because=because, at=at)
        count += sum(number for _account, number in _done(list(by_account), move, skips))
    return count


@outermost_retried
def _put_off(
    *, account_ids: Sequence[int], by_account: dict[int, list[int]], since: datetime, because: Because, at: datetime
) -> dict[int, int]:
    count = dict.fromkeys(account_ids, 0)
    with desks(account_ids=account_ids, at=at) as working:
        wanted = [pk for account_id in account_ids for pk in by_account[account_id]]
        lots = Lot.objects.using(write_db()).filter(pk__in=wanted, is_open=True, expires_at__gt=since)
        for lot in lots.filter(state=Lot.State.OPEN).order_by("account_id", "pk"):
            later = lot.expires_at + (at - since)
            move_date(working[lot.account_id], lot, expires_at=later, because=because)
            count[lot.account_id] += 1
    return count


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
        written = set(
            Entry.objects.using(db).filter(account_id__in=working, key=key).values_list("account_id", flat=True)
        )
        lots: dict[int, list[Lot]] = defaultdict(list)
        free = Lot.objects.using(db).filter(account_id__in=working, is_open=True, remaining__gt=0)
        for lot in free.order_by("account_id", "pk"):
            lots[lot.account_id].append(lot)
        for account_id, one in working.items():
            its_key = f"{key}:{one.account.seq + 1}" if account_id in written else key
            count[account_id] += close_books(one, lots[account_id], key=its_key) is not None
    return count


def _by_accounts(
    rows: QuerySet, work: Callable[..., dict[int, int]], skips: Skips, *, name: str = "account_id"
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
