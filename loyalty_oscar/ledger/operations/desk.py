"""
The desk: one account, locked, and everything that one change does to it.

Lock the balance first, decide from the locked row, read lots in a later statement, write an entry that
carries the balance on. The deltas of the buckets follow from what happens to the lots.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, TypeVar

from django.db import OperationalError, transaction
from django.db.models import Count, Exists, F, QuerySet, Sum

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import KeyMismatch, LoyaltyError
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.freezing import frozen
from loyalty_oscar.program.models import Member, Program, State, Unit
from loyalty_oscar.program.rows import among, find_row, write_fields, write_rows

from ..models import Account, Counter, Entry, Hold, HoldLot, Kind, Lot, LotMove, Note
from .recording import check_foresight, forget_since, looking_ahead, marks, note_down

KEY = re.compile(r"[a-z0-9:._-]{1,100}")
RETRIES = 5
#: Deadlock and serialization failures: PostgreSQL's SQLSTATE, MySQL's numbers.
RETRIABLE = ("40P01", "40001", 1213, 1205)
CHUNK = 32
#: What a change of points may change in these rows.
ACCOUNT_FIELDS = ("available", "pending", "reserved", "debt", "lifetime_earned", "seq")
LOT_FIELDS = (
    *("remaining", "reserved", "state", "is_open", "available_at", "expires_at", "first_expires_at"),
    *("extensions", "graced"),
)
#: Kinds of entries that count as earned, where the points were issued.
EARNED = (Kind.EARN, Kind.WELCOME)
#: What a lot that takes another's place has from it.
LIKE = ("source", "available_at", "expires_at", "first_expires_at", "extensions", "graced")
F_ = TypeVar("F_", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry of an operation; `replayed` says it was there already; `forgiven` is what nobody had to give back."""

    entry: Entry | None
    replayed: bool = False
    forgiven: int = 0


def outermost_retried(operation: F_) -> F_:
    """Try again after a deadlock, at most five times and only where no outer transaction is open."""

    @wraps(operation)
    def tried(**kwargs: Any) -> Any:
        before = marks()
        for left in reversed(range(RETRIES)):
            outer = transaction.get_connection(write_db()).in_atomic_block
            try:
                return operation(**kwargs)
            except OperationalError as error:
                forget_since(before)
                cause = error.__cause__
                code = getattr(cause, "sqlstate", None) or (getattr(cause, "args", None) or [None])[0]
                if outer or not left or code not in RETRIABLE:
                    raise
                time.sleep(random.uniform(0.01, 0.05) * (RETRIES - left))
            except BaseException:
                forget_since(before)
                raise
        return None

    return tried  # type: ignore[return-value]


def fingerprint_of(*parts: Any) -> bytes:
    """Return 16 bytes that say what an operation was asked to do."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def open_account(*, member: Member, unit: Unit) -> Account:
    """Return the member's account of a unit, made now if there is none. Safe to call twice at once."""
    if ahead := looking_ahead.get():
        return ahead.open_account(member, unit)
    return Account.objects.using(write_db()).get_or_create(member=member, unit=unit)[0]


def entries_of(*, key: str = "", start: str = "", **where: Any) -> list[Entry]:
    """
    Return the entries of an account (`account_id`) or of a member (`member_id`), and of those who were merged into the
    member, by key or by its start.
    """
    if ahead := looking_ahead.get():
        return ahead.entries_of(key=key, start=start, **where)
    return rows_of(key=key, start=start, **where)


def age(lot: Lot) -> tuple[bool, int]:
    """Return what sorts lots by age: those that a look ahead made come last, and their numbers fall below zero."""
    return lot.pk < 0, abs(lot.pk)


def rows_of(*, key: str = "", start: str = "", member_id: int | None = None, **where: Any) -> list[Entry]:
    """Return the same, as the rows are and nothing foreseen."""
    keyed = {"key": key} if key else {"key__startswith": start}
    rows = Entry.objects.using(write_db()).filter(**where, **keyed)
    if member_id is not None:
        rows = rows.filter(account_id__in=accounts_of(member_id=member_id).values("pk"))
    return list(rows.order_by("pk"))


def accounts_of(*, member_id: int) -> QuerySet[Account]:
    """Return the accounts of a member, and of those who were merged into the member."""
    accounts = Account.objects.using(write_db()).order_by()
    # Not one condition with "or": each half has an index of its own.
    return accounts.filter(member_id=member_id).union(accounts.filter(member__merged_into_id=member_id), all=True)


def in_one_transaction() -> AbstractContextManager[Any]:
    """Return a transaction for several operations, or nothing in a look ahead, which has none."""
    return nullcontext() if looking_ahead.get() else transaction.atomic(using=write_db())


def lots_of(*, account_id: int, source: str) -> list[Lot]:
    """Return the lots that a source brought an account."""
    if ahead := looking_ahead.get():
        return ahead.lots_of(account_id=account_id, source=source)
    return list(Lot.objects.using(write_db()).filter(account_id=account_id, source=source))


class AccountWriter:
    """A locked account and the one entry that is being put together on it."""

    def __init__(self, *, account: Account, at: datetime, actor: str) -> None:
        self.account, self.at, self.actor = account, at, actor
        self.db = account._state.db or write_db()
        self._changed: dict[int, Lot] = {}
        self._unsaved: set[int] = set()
        self._dirty = False
        self._clear()

    def _clear(self) -> None:
        self._moves: dict[int, int] = {}
        self._new: list[Lot] = []
        self._delta = {"available": 0, "pending": 0, "reserved": 0, "debt": 0}

    # Reading -----------------------------------------------------------------------------------------------------

    def replay(self, *, key: str, fingerprint: bytes) -> Posted | None:
        """Return the first result of this key, or None; raise `KeyMismatch` where the contents differ."""
        if not KEY.fullmatch(key):
            raise LoyaltyError(f"a key is 1 to 100 of a-z 0-9 : . _ -, not {key!r}")
        entry = self.entry(key)
        if entry is None:
            return None
        if bytes(entry.fingerprint) != fingerprint:
            raise KeyMismatch(f"{key} was posted before with other contents; nothing was written")
        return Posted(entry, replayed=True, forgiven=int(entry.because.get("p", {}).get("forgiven", 0)))

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key, or None."""
        return find_row(model=Entry, account_id=self.account.pk, key=key)

    def lots(self, **where: Any) -> list[Lot]:
        """Return lots of this account in spending order, as this desk has changed them; `where` asks the rows."""
        return [self.known(lot) for lot in self._rows(**where)]

    def _rows(self, **where: Any) -> QuerySet[Lot]:
        order = (F("expires_at").asc(nulls_last=True), "pk")
        return Lot.objects.using(self.db).filter(account=self.account, **where).order_by(*order)

    def spendable(self) -> Iterator[Lot]:
        """Yield open lots in spending order, a few at a time, so that a spend reads only what it uses."""
        self._save_lots()  # What this desk gave back a moment ago can be used again.
        open_lots = self._rows(is_open=True, state=Lot.State.OPEN, remaining__gt=0)
        start, size = 0, CHUNK
        while True:
            found = list(open_lots[start : start + size])
            yield from (self.known(lot) for lot in found)
            if len(found) < size:
                return
            start, size = start + size, size * 4

    def known(self, lot: Lot) -> Lot:
        """Return the instance that this desk has changed already, if there is one."""
        return self._changed.get(lot.pk, lot)

    def run_out(self, lots: Iterable[Lot]) -> int:
        """Return how many points of these lots have run out (and were not brought back to life)."""
        keys = self._with_origins(lots)
        expiries = LotMove.objects.using(self.db).filter(lot_id__in=keys, entry__kind=Kind.EXPIRE)
        return expiries.aggregate(points=Sum("points"))["points"] or 0

    def _with_origins(self, lots: Iterable[Lot]) -> set[int]:
        """Return the keys of lots, and of those that they go on since members were merged."""
        known = list(lots)
        keys = {lot.pk for lot in known}
        more = {lot.came_from_id for lot in known if lot.came_from_id is not None}
        while more:
            keys |= more
            rows = Lot.objects.using(self.db).filter(pk__in=more).values_list("came_from_id", flat=True)
            more = {pk for pk in rows if pk is not None} - keys
        return keys

    def times_run_out(self, lots: Iterable[Lot]) -> dict[int, int]:
        """Return how often each of these lots ran out before; one that never did is missing."""
        moves = LotMove.objects.using(self.db).filter(account=self.account, entry__kind=Kind.EXPIRE)
        moves = moves.filter(lot_id__in=[lot.pk for lot in lots])
        return dict(moves.order_by().values_list("lot_id").annotate(Count("pk")))

    def open_holds(self) -> list[Hold]:
        """Return what is set aside, newest first."""
        held = Hold.objects.using(self.db).filter(account=self.account, state=Hold.State.OPEN)
        return list(held.order_by("-created_at", "-pk"))

    def hold(self, hold_id: int) -> Hold:
        """Return a hold of this account, whatever became of it."""
        return Hold.objects.using(self.db).get(pk=hold_id, account=self.account)

    def parts(self, hold: Hold) -> list[HoldLot]:
        """Return which lots a hold reserves, in the order in which they were chosen."""
        return self._parts_among(HoldLot.objects.using(self.db).filter(hold=hold).select_related("lot"))

    def hold_with_parts(self, hold_id: int) -> tuple[Hold, list[HoldLot]]:
        """Return a hold of this account, whatever became of it, and what `parts` says of it. One query."""
        rows = HoldLot.objects.using(self.db).filter(hold=hold_id, hold__account=self.account)
        parts = self._parts_among(rows.select_related("lot", "hold"))
        return (parts[0].hold if parts else self.hold(hold_id)), parts

    def _parts_among(self, rows: QuerySet[HoldLot]) -> list[HoldLot]:
        found = list(rows.order_by("pk"))
        for part in found:
            part.lot = self.known(part.lot)
        return found

    def save_hold(self, hold: Hold, *fields: str) -> None:
        """Save these fields of a hold."""
        hold.save(using=self.db, update_fields=fields)

    def save_parts(self, parts: Iterable[HoldLot], *fields: str) -> None:
        """Save these fields of what holds reserve; what reserves nothing any more goes."""
        rows = list(parts)
        gone = [part.pk for part in rows if not part.points]
        if gone:
            HoldLot.objects.using(self.db).filter(pk__in=gone).delete()
        write_fields(rows=[part for part in rows if part.points], fields=fields)

    def touch(self, lot: Lot) -> None:
        """Remember a lot whose fields were changed, so that it is saved."""
        self._changed[lot.pk] = lot
        self._unsaved.add(lot.pk)

    @cached_property
    def program(self) -> Program:
        """The program of the account, as it is after the account was locked, and whether its member is frozen."""
        is_frozen = Exists(Member.objects.using(self.db).filter(frozen(at=self.at), pk=self.account.member_id))
        programs = Program.objects.using(self.db).only("state", "debt_policy").annotate(has_frozen=is_frozen)
        return programs.get(unit=self.account.unit_id)

    @cached_property
    def is_paused(self) -> bool:
        """Whether the program pauses: dates are put off by the pause, so nothing runs out meanwhile."""
        return self.program.state == State.PAUSED

    @property
    def is_frozen(self) -> bool:
        """Whether staff froze the member's points, so that none can be used."""
        return bool(self.program.has_frozen)  # type: ignore[attr-defined]  # It was asked with the program.

    @property
    def shop_bears(self) -> bool:
        """Whether nobody has to make up what was used already: the merchant chose that the shop bears it."""
        return self.program.debt_policy == Program.Debt.CLAMP

    # Moving points (changes lots and the deltas of the buckets together) --------------------------------------------

    def take(self, lot: Lot, points: int) -> None:
        """Take free points out of a lot: available or pending falls."""
        bucket = "pending" if lot.state == Lot.State.PENDING else "available"
        self._shift(lot, remaining=-points, moved=points, **{bucket: -points})

    def put_back(self, lot: Lot, points: int) -> None:
        """Put points back into the lot they came from: available or pending rises."""
        if lot.state == Lot.State.CLOSED:
            lot.state = Lot.State.OPEN
        bucket = "pending" if lot.state == Lot.State.PENDING else "available"
        self._shift(lot, remaining=points, moved=-points, **{bucket: points})

    def return_to(self, lot: Lot, points: int) -> list[Lot]:
        """
        Put points back into a lot; what it has no room for becomes a lot like it. Returns the lots that got some.

        There is no room where the lot was filled from elsewhere meanwhile, or its points are set aside.
        """
        room = min(points, lot.granted - lot.remaining - lot.reserved)
        if room:
            self.put_back(lot, room)
        if room == points:
            return [lot]
        rest = points - room
        like = {name: getattr(lot, name) for name in LIKE}
        state = Lot.State.OPEN if lot.state == Lot.State.CLOSED else lot.state
        restored = Lot(**like, granted=rest, remaining=rest, state=state, is_open=True)
        self.add_lot(restored)
        return [lot, restored] if room else [restored]

    def reserve(self, lot: Lot, points: int) -> None:
        """Set free points of a lot aside."""
        self._shift(lot, remaining=-points, reserved=points, available=-points)

    def unreserve(self, lot: Lot, points: int) -> None:
        """Give points that were set aside back to the lot."""
        self._shift(lot, remaining=points, reserved=-points, available=points)

    def use_reserved(self, lot: Lot, points: int) -> None:
        """Take points that were set aside out of the lot for good."""
        self._shift(lot, reserved=-points, moved=points)

    def open_lot(self, lot: Lot) -> None:
        """Turn a lot that is on the way into one that is ready."""
        lot.state = Lot.State.OPEN
        self._shift(lot, pending=-lot.remaining, available=lot.remaining)

    def add_lot(self, lot: Lot) -> None:
        """Grant a new lot with the entry that is being put together."""
        self._new.append(lot)
        self._delta["pending" if lot.state == Lot.State.PENDING else "available"] += lot.granted

    def go_on(self, lot: Lot) -> Lot:
        """Take a lot of another member over as it is, with what is left of it; returns the lot that goes on."""
        like = {name: getattr(lot, name) for name in (*LIKE, "granted", "remaining", "state", "is_open")}
        found = Lot(**like, came_from=lot)
        self._new.append(found)
        self._delta["pending" if lot.state == Lot.State.PENDING else "available"] += lot.remaining
        return found

    def owe(self, points: int) -> None:
        """Write down points to make up."""
        self._delta["debt"] += points

    def _shift(self, lot: Lot, *, moved: int = 0, remaining: int = 0, reserved: int = 0, **buckets: int) -> None:
        lot.remaining += remaining
        lot.reserved += reserved
        self._delta["reserved"] += reserved
        for bucket, points in buckets.items():
            self._delta[bucket] += points
        if moved:
            self._moves[lot.pk] = self._moves.get(lot.pk, 0) + moved
        self.touch(lot)

    def _settle_debt(self) -> int:
        """Let what is ready now pay what is to be made up; returns the points paid."""
        owed = self.account.debt + self._delta["debt"]
        ready = self.account.available + self._delta["available"]
        paying = pay = min(owed, ready)
        if pay <= 0:
            return 0
        mine = [lot for lot in self._changed.values() if lot.state == Lot.State.OPEN and lot.remaining]
        for lot in self._new:
            part = min(pay, lot.remaining) if lot.state == Lot.State.OPEN else 0
            lot.remaining, pay = lot.remaining - part, pay - part
            self._delta["available"] -= part
        # Who owes has nothing ready, so what pays became ready with this entry: no other lot is read.
        for lot in mine:
            part = min(pay, lot.remaining)
            if part:
                self.take(lot, part)
                pay -= part
        self._delta["debt"] -= paying - pay
        return paying - pay

    # Writing -----------------------------------------------------------------------------------------------------

    def write(
        self,
        *,
        key: str,
        kind: str,
        counter: str,
        because: Because,
        fingerprint: bytes = b"",
        note: str = "",
        reverses: Entry | None = None,
        effective_at: datetime | None = None,
    ) -> Entry:
        """Write the entry with its moves and new lots, and carry the account's balance on."""
        made_up = self._settle_debt()
        stored = because.to_json()
        if made_up:
            stored = {**stored, "p": {**stored.get("p", {}), "made_up": made_up}}
        account, delta = self.account, self._delta
        for bucket, points in delta.items():
            setattr(account, bucket, getattr(account, bucket) + points)
        account.seq += 1
        entry = Entry(
            account=account,
            seq=account.seq,
            key=key,
            fingerprint=fingerprint or fingerprint_of(key),
            kind=kind,
            counter=counter,
            d_available=delta["available"],
            d_pending=delta["pending"],
            d_reserved=delta["reserved"],
            d_debt=delta["debt"],
            net_after=account.net,
            available_after=account.available,
            because=stored,
            actor=self.actor,
            effective_at=effective_at or self.at,
            created_at=self.at,
            reverses=reverses,
        )
        if counter == Counter.ISSUANCE and kind in EARNED:
            account.lifetime_earned += sum(lot.granted for lot in self._new)
        self._store(entry, note)
        self._dirty = True
        self._clear()
        return entry

    def _store(self, entry: Entry, note: str) -> None:
        write_rows(rows=[entry])
        note_down(entry)
        self._write_lots(entry)
        if note:
            Note.objects.using(self.db).create(entry=entry, text=note)

    def _write_lots(self, entry: Entry) -> None:
        moves = [(pk, points) for pk, points in self._moves.items() if points]
        for lot in self._new:
            self._settle_new(lot, entry)
        write_rows(rows=self._new)
        moves += ((lot.pk, lot.granted - lot.remaining) for lot in self._new if lot.remaining < lot.granted)
        write_rows(rows=(LotMove(account=self.account, lot_id=pk, entry=entry, points=points) for pk, points in moves))

    def _settle_new(self, lot: Lot, entry: Entry) -> None:
        lot.entry, lot.account = entry, self.account
        lot.is_open = lot.remaining > 0
        lot.state = lot.state if lot.is_open else Lot.State.CLOSED

    def _settled_lots(self) -> list[Lot]:
        changed = [self._changed[pk] for pk in sorted(self._unsaved)]
        self._unsaved.clear()
        for lot in changed:
            lot.is_open = lot.remaining + lot.reserved > 0
            lot.state = lot.state if lot.is_open else Lot.State.CLOSED
        return changed

    def _save_lots(self) -> None:
        write_fields(rows=self._settled_lots(), fields=LOT_FIELDS)

    def close(self) -> None:
        """Save the lots and the account; the constraints have the last word."""
        self._save_lots()
        if self._dirty:
            write_fields(rows=[self.account], fields=ACCOUNT_FIELDS)


def lock(*, account_id: int) -> Account:
    """
    Lock one account row for the rest of the transaction and return it as it is now; of a member who was merged into
    another one, lock and return the account that goes on.
    """
    if ahead := looking_ahead.get():
        return ahead.account(account_id)
    if account := find_row(model=Account, is_locked=True, id=account_id):
        return account if account.passed_to_id is None else lock(account_id=account.passed_to_id)
    raise Account.DoesNotExist(f"there is no account {account_id}")


def lock_many(*, account_ids: Iterable[int]) -> dict[int, Account]:
    """Lock account rows in the order of their primary keys and return them by it."""
    check_foresight()
    some = among(model=Account, id=list(account_ids))
    rows = Account.objects.using(write_db()).select_for_update().filter(some).order_by("pk")
    return {row.pk: row for row in rows}


@contextmanager
def desk(*, account_id: int, at: datetime, actor: str = "system", savepoint: bool = True) -> Iterator[AccountWriter]:
    """
    Open the desk of an account in one transaction; on an error nothing has happened.

    Without `savepoint` an error takes the caller's transaction along. In a look ahead nothing is locked or written.
    """
    if ahead := looking_ahead.get():
        with ahead.desk(account_id=account_id, at=at, actor=actor) as foreseeing:
            yield foreseeing
        return
    with transaction.atomic(using=write_db(), savepoint=savepoint):
        working = AccountWriter(account=lock(account_id=account_id), at=at, actor=actor)
        yield working
        working.close()
