"""Hundreds of accounts in one transaction and a few statements: the same desks, which write together at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import connections, transaction
from django.db.models import Exists, Model, OuterRef
from django.db.models.constants import OnConflict

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, State
from loyalty_oscar.program.rows import among, write_fields, write_rows

from ..models import Account, Entry, Hold, HoldLot, Lot, LotMove
from .desk import ACCOUNT_FIELDS, LOT_FIELDS, AccountWriter
from .recording import check_foresight, note_down

#: What becomes of a hold when it ends.
HOLD_FIELDS = ("state", "slot", "closed_at", "captured")


class BatchedWriter(AccountWriter):
    """
    A desk that keeps its entries and moves until all desks are done. It grants no new lots and types no notes.

    What it has to know of holds, and how often lots ran out, is read for all desks at once by who opened them.
    """

    def __init__(self, *, account: Account, at: datetime, actor: str) -> None:
        super().__init__(account=account, at=at, actor=actor)
        self.entries: list[Entry] = []
        self.moves: list[LotMove] = []
        self.held: dict[int, list[HoldLot]] = {}
        self.ran_out: dict[int, int] = {}
        self.holds: list[Hold] = []

    def parts(self, hold: Hold) -> list[HoldLot]:
        for part in self.held[hold.pk]:
            part.lot = self.known(part.lot)
        return self.held[hold.pk]

    def times_run_out(self, lots: Iterable[Lot]) -> dict[int, int]:
        return self.ran_out

    def save_hold(self, hold: Hold, *fields: str) -> None:
        self.holds.append(hold)

    def leave_lots(self) -> None:
        """Write no lots: who opened the desks changes all of them alike, by one statement."""
        self._changed.clear()
        self._unsaved.clear()

    def _store(self, entry: Entry, note: str) -> None:
        moved = [(pk, points) for pk, points in self._moves.items() if points]
        self.entries.append(entry)
        self.moves += (LotMove(account=self.account, lot_id=pk, entry=entry, points=n) for pk, n in moved)


@contextmanager
def desks(*, account_ids: Iterable[int], at: datetime, actor: str = "system") -> Iterator[dict[int, BatchedWriter]]:
    """
    Open the desks of these accounts, by account id; all of it is one transaction.

    They see the rows as they were when the desks were opened: what they need of lots is read beforehand, at once.
    """
    check_foresight()
    db = write_db()
    paused = Member.objects.using(write_db()).filter(pk=OuterRef("member_id"), program__state=State.PAUSED)
    with transaction.atomic(using=db):
        some = among(model=Account, id=list(account_ids))
        locked = Account.objects.using(db).select_for_update().filter(some).order_by("pk")
        working: dict[int, BatchedWriter] = {}
        for account in locked.annotate(paused=Exists(paused)):
            working[account.pk] = one = BatchedWriter(account=account, at=at, actor=actor)
            one.is_paused = account.paused
        yield working
        done = [one for one in working.values() if one.entries]
        entries = [entry for one in done for entry in one.entries]
        write_rows(rows=entries)
        note_down(*entries)
        write_rows(rows=[move for one in done for move in one.moves])
        write_fields(rows=[lot for one in working.values() for lot in one._settled_lots()], fields=LOT_FIELDS)
        write_fields(rows=[one.account for one in done], fields=ACCOUNT_FIELDS)
        write_fields(rows=[hold for one in working.values() for hold in one.holds], fields=HOLD_FIELDS)


def write_over(*, rows: Sequence[Model], fields: Sequence[str], unique: str) -> None:
    """
    Write these columns of rows that may be there already, found by `unique`; new ones are written whole.

    One statement a thousand rows, where `bulk_update` builds a CASE for every value; a single row needs no
    transaction of its own.
    """
    if not rows:
        return
    db, model = write_db(), type(rows[0])
    has_target = connections[db].features.supports_update_conflicts_with_target
    target = [unique] if has_target else []
    if len(rows) > 1:
        write_rows(rows=rows, over=fields, unique=unique)
        return
    meta = model._meta
    model._base_manager._insert(  # type: ignore[attr-defined]  # What Django saves one row by.
        rows,
        fields=[field for field in meta.concrete_fields if rows[0].pk or not field.primary_key],
        using=db,
        on_conflict=OnConflict.UPDATE,
        update_fields=[meta.get_field(name) for name in fields],
        unique_fields=[meta.get_field(name) for name in target],
    )
