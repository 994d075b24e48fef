"""Taking back what hundreds of sources brought, in a few statements: the same rows as one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.db import write_db

from ..models import Counter, Entry, Kind, Lot, LotMove
from .bulk import BatchedWriter, desks
from .desk import Posted, age, fingerprint_of, outermost_retried
from .expiry import expire_lot, times_run_out
from .recording import looking_ahead
from .undo import claw_back, spared


@dataclass(frozen=True, kw_only=True, slots=True)
class Claw:
    """What is to be taken back of one source; the fields are those of `claw_back`."""

    account_id: int
    source: str
    points: int
    key: str
    because: Because
    forgiven_before: int = 0


@outermost_retried
def claw_back_together(*, claws: Sequence[Claw], at: datetime, actor: str = "system") -> dict[tuple[int, str], Posted]:
    """
    Take back points that many sources brought, in one transaction; returns what was posted by (account, key).

    Where the source's own lots (or what of them has run out) cover it, hundreds are written together. The rest,
    where other lots, holds or debt have to, goes through `claw_back` one by one, after these.
    """
    posted: dict[tuple[int, str], Posted] = {}
    with transaction.atomic(using=write_db()):
        if not looking_ahead.get():
            _take_together(claws, posted, at, actor)
        for claw in claws:
            if (claw.account_id, claw.key) not in posted:
                posted[claw.account_id, claw.key] = claw_back(
                    account_id=claw.account_id,
                    source=claw.source,
                    points=claw.points,
                    key=claw.key,
                    because=claw.because,
                    forgiven_before=claw.forgiven_before,
                    at=at,
                    actor=actor,
                )
    return posted


def _take_together(claws: Sequence[Claw], posted: dict[tuple[int, str], Posted], at: datetime, actor: str) -> None:
    with desks(account_ids={claw.account_id for claw in claws}, at=at, actor=actor) as working:
        known = _Known(claws, working, at)
        for claw in claws:
            desk = working[claw.account_id]
            if (claw.account_id, claw.key) not in known.keys:
                known.sweep(desk)
                if done := known.take(desk, claw):
                    posted[claw.account_id, claw.key] = done


class _Known:
    """What three queries say of all claws: their lots, what of those ran out, and which keys are there already."""

    def __init__(self, claws: Sequence[Claw], working: dict[int, BatchedWriter], at: datetime) -> None:
        db, accounts, sources = write_db(), list(working), {claw.source for claw in claws}
        entries = Entry.objects.using(db).filter(account_id__in=accounts, key__in={claw.key for claw in claws})
        self.keys = set(entries.values_list("account_id", "key"))
        self.lots: dict[tuple[int, str], list[Lot]] = defaultdict(list)
        lots = Lot.objects.using(db).filter(account_id__in=accounts, source__in=sources)
        for lot in sorted(lots, key=lambda lot: (lot.state != Lot.State.PENDING, age(lot))):
            self.lots[lot.account_id, lot.source].append(lot)
        moves = LotMove.objects.using(db).filter(
            lot__in=[lot.pk for lots in self.lots.values() for lot in lots], entry__kind=Kind.EXPIRE
        )
        rows = moves.order_by().values_list("lot_id").annotate(Sum("points"))
        self.run_out: dict[int, int] = defaultdict(int, rows)
        self._unswept = defaultdict(list)
        due = Lot.objects.using(db).filter(is_open=True, state=Lot.State.OPEN, expires_at__lte=at)
        for lot in due.filter(account_id__in=accounts, remaining__gt=0).order_by("expires_at", "pk"):
            self._unswept[lot.account_id].append(lot)
        self._times = times_run_out(lot for lots in self._unswept.values() for lot in lots) if self._unswept else {}

    def sweep(self, desk: BatchedWriter) -> None:
        """Let what has run out on this account run out first, as every claw does."""
        desk.ran_out = self._times
        for lot in self._unswept.pop(desk.account.pk, ()):
            self.run_out[lot.pk] += expire_lot(desk, lot)

    def take(self, desk: BatchedWriter, claw: Claw) -> Posted | None:
        """Take a claw from its own lots; None where they do not cover it, and then nothing is touched."""
        lots = [desk.known(lot) for lot in self.lots[claw.account_id, claw.source]]
        free = sum(lot.remaining for lot in lots)
        left = max(0, claw.points - free)
        expired = sum(self.run_out[lot.pk] for lot in lots) - claw.forgiven_before
        forgiven = min(left, max(0, expired))
        if left > forgiven:
            return None
        wanted = claw.points - forgiven
        for lot in lots:
            part = min(wanted, lot.remaining)
            if part:
                desk.take(lot, part)
                wanted -= part
        entry = desk.write(
            key=claw.key,
            kind=Kind.CLAW,
            counter=Counter.ISSUANCE,
            fingerprint=fingerprint_of("claw", claw.source, claw.points),
            because=spared(claw.because, forgiven=forgiven),
        )
        return Posted(entry, forgiven=forgiven)
