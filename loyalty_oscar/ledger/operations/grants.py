"""Giving points, one by one or thousands at once, and making them ready when their time comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import KeyMismatch, LoyaltyError, NotEnoughPoints
from loyalty_oscar.kernel.limits import MOST_OF_AN_ORDER
from loyalty_oscar.kernel.lots import OpenLot, take
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.rows import among, rows_of, write_columns, write_fields

from ..models import Account, Counter, Entry, Kind, Lot
from .bulk import desks
from .desk import EARNED, KEY, AccountWriter, Posted, desk, fingerprint_of, lock_many, outermost_retried
from .expiry import sweep
from .recording import is_heard, looking_ahead, note_down
from .skipping import Skips


@dataclass(frozen=True, kw_only=True, slots=True)
class LotGrant:
    """
    Points to give. On the way while `available_at` is None or lies ahead; `expires_at` (exclusive) None is never.

    `source` names what brought them (`order:42`), `effective_at` when it happened. Raises `LoyaltyError`
    for less than one whole point or more than the books bear, and for a key or source that no row can hold.
    """

    account_id: int
    points: int
    key: str
    source: str
    because: Because
    kind: str = Kind.EARN
    counter: str = Counter.ISSUANCE
    available_at: datetime | None = None
    expires_at: datetime | None = None
    effective_at: datetime | None = None

    def __post_init__(self) -> None:
        if type(self.points) is not int or not 1 <= self.points <= MOST_OF_AN_ORDER:
            raise LoyaltyError(f"a grant is 1 to {MOST_OF_AN_ORDER:,} points, not {self.points!r}")
        if not KEY.fullmatch(self.key) or len(self.source) > 60:
            raise LoyaltyError(
                f"a key is 1 to 100 of a-z 0-9 : . _ -, a source at most 60, not {self.key!r}, {self.source!r}"
            )

    def fingerprint(self) -> bytes:
        """Return what makes two grants with one key the same grant (dates may be set later)."""
        return fingerprint_of(self.kind, self.points, self.source)

    def is_ready(self, *, at: datetime) -> bool:
        """Return whether its points can be used at a moment."""
        return self.available_at is not None and self.available_at <= at


@outermost_retried
def post(*, grant: LotGrant, at: datetime, actor: str = "system", note: str = "") -> Posted:
    """Give points once per key. Raises `KeyMismatch` where the key was used for something else."""
    with desk(account_id=grant.account_id, at=at, actor=actor) as working:
        if done := working.replay(key=grant.key, fingerprint=grant.fingerprint()):
            return done
        [lot] = rows_of(model=Lot, columns=_lots([grant], at))
        working.add_lot(lot)
        entry = working.write(
            key=grant.key,
            kind=grant.kind,
            counter=grant.counter,
            because=grant.because,
            fingerprint=grant.fingerprint(),
            note=note,
            effective_at=grant.effective_at,
        )
    return Posted(entry)


@outermost_retried
def post_many(
    *,
    grants: Sequence[LotGrant],
    at: datetime,
    actor: str = "system",
    savepoint: bool = True,
    locked: Mapping[int, Account] | None = None,
) -> int:
    """
    Give points to many accounts in one transaction and a handful of statements; returns how many were new.

    Accounts are locked by primary key, keys that exist are dropped, sequence and balances run over what is
    left, and the rows are inserted plainly: a conflict rolls all of it back. Accounts that owe points go
    one by one, because ready points pay first. Raises `KeyMismatch` as `post` does. A caller whose own
    transaction ends with any failure needs no `savepoint` in it; one that holds the accounts locked already
    (`locked`, by primary key) and whose keys are new by a guard of its own saves two statements.
    """
    if looking_ahead.get():
        return sum(not post(grant=grant, at=at, actor=actor).replayed for grant in grants)
    db = write_db()
    with transaction.atomic(using=db, savepoint=savepoint):
        ids = sorted({grant.account_id for grant in grants})
        accounts = locked or lock_many(account_ids=ids)
        if passed := {pk: row.passed_to_id for pk, row in accounts.items() if row.passed_to_id is not None}:
            # Their members were merged into others.
            accounts = {**accounts, **lock_many(account_ids=passed.values())}
            grants = [replace(grant, account_id=passed.get(grant.account_id, grant.account_id)) for grant in grants]
        fresh = _fresh(grants, {} if locked else _there(grants))
        owing = [grant for grant in fresh if accounts[grant.account_id].debt]
        plain = [grant for grant in fresh if not accounts[grant.account_id].debt]
        if plain:
            entries = _carry_on(accounts, plain, at, actor)
            keys = write_columns(model=Entry, columns=entries)
            write_columns(
                model=Lot, columns={**_lots(plain, at), "account_id": entries["account_id"], "entry_id": keys}
            )
            if is_heard():
                note_down(*_told(accounts, {"id": keys, **entries}))
            changed = [accounts[pk] for pk in sorted({grant.account_id for grant in plain})]
            write_fields(rows=changed, fields=["available", "pending", "lifetime_earned", "seq"])
        for grant in owing:
            post(grant=grant, at=at, actor=actor)
    return len(fresh)


def _there(grants: Sequence[LotGrant]) -> dict[tuple[int, str], bytes]:
    """Return the fingerprints of the entries that have these keys already, by account and key."""
    ids, keys = [grant.account_id for grant in grants], [grant.key for grant in grants]
    there = Entry.objects.using(write_db()).filter(among(model=Entry, account_id=ids, key=keys))
    rows = there.values_list("account_id", "key", "fingerprint")
    return {(account_id, key): bytes(fingerprint) for account_id, key, fingerprint in rows}


def _fresh(grants: Sequence[LotGrant], there: dict[tuple[int, str], bytes]) -> list[LotGrant]:
    fresh = []
    for grant in grants:
        place, fingerprint = (grant.account_id, grant.key), grant.fingerprint()
        if place not in there:
            there[place] = fingerprint
            fresh.append(grant)
        elif there[place] != fingerprint:
            raise KeyMismatch(f"{grant.key} was posted before with other contents; nothing was written")
    return fresh


def _carry_on(
    accounts: Mapping[int, Account], grants: Sequence[LotGrant], at: datetime, actor: str
) -> dict[str, list[Any]]:
    """Carry the accounts on by these grants, and return the entries that say so, as columns."""
    rows = []
    for grant in grants:
        account, points = accounts[grant.account_id], grant.points
        ready = points if grant.is_ready(at=at) else 0
        account.seq += 1
        account.available += ready
        account.pending += points - ready
        if grant.counter == Counter.ISSUANCE and grant.kind in EARNED:
            account.lifetime_earned += points
        rows.append((account.seq, ready, points - ready, account.net, account.available))
    seq, ready_now, on_the_way, net, available = map(list, zip(*rows, strict=True))
    return {
        "account_id": [grant.account_id for grant in grants],
        "seq": seq,
        "key": [grant.key for grant in grants],
        "fingerprint": [grant.fingerprint() for grant in grants],
        "kind": [grant.kind for grant in grants],
        "counter": [grant.counter for grant in grants],
        "d_available": ready_now,
        "d_pending": on_the_way,
        "net_after": net,
        "available_after": available,
        "because": [grant.because.to_json() for grant in grants],
        "actor": [actor] * len(grants),
        "effective_at": [grant.effective_at or at for grant in grants],
        "created_at": [at] * len(grants),
    }


def _lots(grants: Sequence[LotGrant], at: datetime) -> dict[str, list[Any]]:
    """Return the lots that grants make at a moment, as columns, but for what they belong to."""
    points, runs_out = [grant.points for grant in grants], [grant.expires_at for grant in grants]
    return {
        "source": [grant.source for grant in grants],
        "granted": points,
        "remaining": points,
        "state": [Lot.State.OPEN if grant.is_ready(at=at) else Lot.State.PENDING for grant in grants],
        "is_open": [True] * len(grants),
        "available_at": [grant.available_at for grant in grants],
        "expires_at": runs_out,
        "first_expires_at": runs_out,
    }


def _told(accounts: Mapping[int, Account], columns: dict[str, list[Any]]) -> Iterator[Entry]:
    """Yield the entries that were written as columns, for who listens."""
    for entry in rows_of(model=Entry, columns=columns):
        entry.account, entry._state.adding, entry._state.db = accounts[entry.account_id], False, write_db()
        yield entry


@outermost_retried
def schedule(
    *,
    account_id: int,
    source: str,
    available_at: datetime | None,
    expires_at: datetime | None,
    at: datetime,
) -> int:
    """
    Say when the points of a source that are on the way will be ready, and when they run out; None: not known any more.

    Those whose time has come already are made ready now, and a date that has come stays. Returns how many lots were
    dated anew.
    """
    dated = 0
    with desk(account_id=account_id, at=at) as working:
        for lot in [lot for lot in working.lots(source=source) if _waits(lot, at)]:
            has_come = lot.available_at is not None and lot.available_at <= at
            if not has_come and lot.available_at != available_at:
                lot.available_at, lot.expires_at, lot.first_expires_at = available_at, expires_at, expires_at
                working.touch(lot)
                dated += 1
            if lot.available_at is not None and lot.available_at <= at:
                _make_ready(working, lot)
    return dated


def _waits(lot: Lot, at: datetime) -> bool:
    # Also what was taken back whole while it waited: it may be given back later, and then it needs its dates.
    is_undated = lot.available_at is None or lot.available_at > at
    return lot.state == Lot.State.PENDING or (lot.state == Lot.State.CLOSED and is_undated)


@outermost_retried
def mature(*, account_id: int, at: datetime) -> int:
    """Make ready what is due on one account; returns how many points."""
    points = 0
    with desk(account_id=account_id, at=at) as working:
        for lot in working.lots(state=Lot.State.PENDING, is_open=True, available_at__lte=at):
            points += lot.remaining
            _make_ready(working, lot)
    return points


def _make_ready(working: AccountWriter, lot: Lot) -> None:
    if lot.remaining:
        working.open_lot(lot)
        working.write(
            key=f"lot:{lot.pk}:mature",
            kind=Kind.MATURE,
            counter=Counter.SELF,
            because=Because("return_period_over", source=lot.source),
            effective_at=lot.available_at,
        )


def mature_due(*, at: datetime) -> Iterator[tuple[int, int]]:
    """
    Make ready everything that is due, some hundred accounts at once; yields (account id, points). Resumable.

    Raises `AccountsSkipped` at its end where books are broken.
    """
    ids, skips = list(_due(at).order_by("account_id").values_list("account_id", flat=True).distinct()), Skips()
    yield from skips.each(
        ids,
        together=lambda portion: mature_together(account_ids=portion, at=at),
        alone=lambda account_id: mature(account_id=account_id, at=at),
    )
    skips.tell()


@outermost_retried
def mature_together(*, account_ids: Sequence[int], at: datetime) -> dict[int, int]:
    """Make ready what is due on these accounts in one transaction; returns points by account."""
    points = dict.fromkeys(account_ids, 0)
    with desks(account_ids=account_ids, at=at) as working:
        soonest = (F("expires_at").asc(nulls_last=True), "pk")
        for lot in _due(at).filter(account_id__in=working).order_by(*soonest):
            points[lot.account_id] += lot.remaining
            _make_ready(working[lot.account_id], lot)
    return points


def _due(at: datetime) -> QuerySet[Lot]:
    return Lot.objects.using(write_db()).filter(is_open=True, state=Lot.State.PENDING, available_at__lte=at)


@outermost_retried
def adjust(
    *,
    account_id: int,
    points: int,
    key: str,
    because: Because,
    actor: str,
    note: str,
    at: datetime,
    expires_at: datetime | None = None,
) -> Posted:
    """
    Give (points > 0) or take (points < 0) by hand, with a reason that a person typed.

    Taking never makes debt: raises `NotEnoughPoints` where fewer are ready, and writes nothing.
    """
    if not note.strip():
        raise LoyaltyError("an adjustment needs a reason")
    if type(points) is not int or points == 0:
        raise LoyaltyError(f"an adjustment gives or takes whole points, at least one, not {points!r}")
    if points > 0:
        grant = LotGrant(
            account_id=account_id,
            points=points,
            key=key,
            source=key,
            because=because,
            kind=Kind.ADJUST,
            counter=Counter.ADJUSTMENT,
            available_at=at,
            expires_at=expires_at,
        )
        return post(grant=grant, at=at, actor=actor, note=note)
    fingerprint = fingerprint_of(Kind.ADJUST, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        sweep(working)
        for lot, part in pick_free(working, -points):
            working.take(lot, part)
        entry = working.write(
            key=key, kind=Kind.ADJUST, counter=Counter.ADJUSTMENT, because=because, fingerprint=fingerprint, note=note
        )
    return Posted(entry)


def pick_free(working: AccountWriter, points: int) -> list[tuple[Lot, int]]:
    """Choose ready points in spending order; raises `NotEnoughPoints` before anything is touched."""
    if working.account.available < points:
        raise NotEnoughPoints(f"{points} points were asked for, {working.account.available} are ready")
    read: dict[int, Lot] = {}

    def lots() -> Iterator[OpenLot]:
        for lot in working.spendable():
            read[lot.pk] = lot
            yield OpenLot(lot.pk, lot.remaining, lot.expires_at)

    return [(read[part.pk], part.points) for part in take(lots=lots(), points=points)]
