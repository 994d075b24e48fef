"""
Proof on demand: every balance is worked out again from the history, and every difference is named.

An account is sound when its entries run 1..n, each carries the balance on, buckets are the sum of the
entries and of the lots, each lot is what was granted less what its moves took, each entry moved exactly
the points its lots lost or got, what is set aside is what open holds say, and each hold is what its lots say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Sum

from loyalty_oscar.program.db import write_db

from .models import Account, Entry, Hold, HoldLot, Lot, LotMove

CHUNK = 500
BUCKETS = ("available", "pending", "reserved", "debt")


@dataclass(slots=True)
class AuditProgress:
    """How far the audit is, and what it found so far: (account id, what is wrong)."""

    accounts: int = 0
    entries: int = 0
    wrong: list[tuple[int, str]] = field(default_factory=list)


def audit(*, account_id: int | None = None) -> Iterator[AuditProgress]:
    """Check all accounts (or one), a few hundred at a time; yields the same growing progress after each chunk."""
    progress, last = AuditProgress(), 0
    accounts = Account.objects.using(write_db()).order_by("pk")
    accounts = accounts.filter(pk=account_id) if account_id else accounts
    while chunk := [row.pk for row in accounts.filter(pk__gt=last).only("pk")[:CHUNK]]:
        last = chunk[-1]
        with transaction.atomic(using=write_db()):
            # The rows are locked so that a sale in between is no difference.
            locked = list(accounts.filter(pk__in=chunk).select_for_update())
            _check(locked, progress)
        yield progress


def _check(accounts: list[Account], progress: AuditProgress) -> None:
    db, ids = write_db(), [account.pk for account in accounts]
    entries, lots = defaultdict(list), defaultdict(list)
    for entry in Entry.objects.using(db).filter(account_id__in=ids).defer("because", "fingerprint").order_by("seq"):
        entries[entry.account_id].append(entry)
    for lot in Lot.objects.using(db).filter(account_id__in=ids):
        lots[lot.account_id].append(lot)
    by_lot: dict[int, int] = defaultdict(int)
    by_entry: dict[int, int] = defaultdict(int)
    for row in LotMove.objects.using(db).filter(account_id__in=ids).values_list("lot_id", "entry_id", "points"):
        by_lot[row[0]] += row[2]
        by_entry[row[1]] -= row[2]
    held = {
        row["lot"]: row["points"]
        for row in HoldLot.objects.using(db)
        .filter(hold__account_id__in=ids, hold__state=Hold.State.OPEN)
        .values("lot")
        .annotate(points=Sum("points"))
    }
    holds = defaultdict(list)
    sums = {"kept": Sum("lots__points"), "used": Sum("lots__used"), "back": Sum("lots__returned")}
    for hold in Hold.objects.using(db).filter(account_id__in=ids).annotate(**sums):
        holds[hold.account_id].append(hold)
    for account in accounts:
        for lot in lots[account.pk]:
            by_entry[lot.entry_id] += lot.granted
        for wrong in (
            *_wrong_entries(account, entries[account.pk], by_entry),
            *_wrong_lots(account, lots[account.pk], by_lot, held),
            *_wrong_holds(holds[account.pk]),
        ):
            progress.wrong.append((account.pk, wrong))
        progress.accounts += 1
        progress.entries += len(entries[account.pk])


def _wrong_entries(account: Account, entries: list[Entry], by_entry: dict[int, int]) -> Iterator[str]:
    net = available = 0
    sums = dict.fromkeys(BUCKETS, 0)
    for number, entry in enumerate(entries, start=1):
        net += entry.net
        available += entry.d_available
        for bucket in BUCKETS:
            sums[bucket] += getattr(entry, f"d_{bucket}")
        if entry.seq != number:
            yield f"entry {entry.key} has number {entry.seq}, {number} was expected"
            return
        if (entry.net_after, entry.available_after) != (net, available):
            yield f"entry {entry.key} says {entry.net_after} after it, its history says {net}"
        if entry.d_available + entry.d_pending + entry.d_reserved != by_entry[entry.pk]:
            yield f"entry {entry.key} does not move what its lots moved ({by_entry[entry.pk]})"
    if account.seq != len(entries):
        yield f"the account counts {account.seq} entries, there are {len(entries)}"
    for bucket in BUCKETS:
        if getattr(account, bucket) != sums[bucket]:
            yield f"{bucket} is {getattr(account, bucket)}, the entries say {sums[bucket]}"


def _wrong_lots(account: Account, lots: list[Lot], by_lot: dict[int, int], held: dict[int, int]) -> Iterator[str]:
    sums = dict.fromkeys(BUCKETS, 0)
    for lot in lots:
        sums["pending" if lot.state == Lot.State.PENDING else "available"] += lot.remaining
        sums["reserved"] += lot.reserved
        said = lot.remaining + lot.reserved + by_lot[lot.pk]
        if lot.granted != said:
            yield f"lot {lot.pk} was granted {lot.granted}, its moves say {said}"
        if lot.reserved != held.get(lot.pk, 0):
            yield f"lot {lot.pk} has {lot.reserved} set aside, open holds say {held.get(lot.pk, 0)}"
        if lot.is_open != (lot.remaining + lot.reserved > 0) or lot.is_open == (lot.state == Lot.State.CLOSED):
            yield f"lot {lot.pk} is {'open' if lot.is_open else 'closed'} with {lot.remaining} points"
    for bucket in ("available", "pending", "reserved"):
        if getattr(account, bucket) != sums[bucket]:
            yield f"{bucket} is {getattr(account, bucket)}, the lots say {sums[bucket]}"


def _wrong_holds(holds: Iterable[Any]) -> Iterator[str]:
    for hold in holds:
        kept, used, back = hold.kept or 0, hold.used or 0, hold.back or 0
        # What was given back may have lost lots to a return of goods before; nothing hangs on it any more.
        if hold.state != Hold.State.RELEASED and hold.points != kept:
            yield f"hold {hold.public_id} is of {hold.points} points, its lots say {kept}"
        if (hold.captured, hold.returned) != (used, back):
            yield f"hold {hold.public_id} says {hold.captured} used, {hold.returned} back; its lots say {used}, {back}"
