"""Points that run out after inactivity: an order moves the dates of all that is there, and only while it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import expiry_of

from .models import Award

ACTIVE, LET_GO = "still_active", "not_active_after_all"


def keep_alive(*, award: Award, at: datetime) -> None:
    """Move the dates of the points that are ready to where the activity that an order is puts them. Never back."""
    later = _kept_until(award)
    if later is None:
        return
    lots = Lot.objects.using(write_db()).filter(account_id=award.account_id, is_open=True, expires_at__lt=later)
    for lot in lots.filter(state=Lot.State.OPEN):
        ledger.extend(
            account_id=award.account_id,
            lot_id=lot.pk,
            expires_at=later,
            because=Because(ACTIVE, order=award.source_id, lot=lot.pk),
            at=at,
        )


def let_go(*, award: Award, at: datetime) -> None:
    """
    Give points the dates they would have had an order never been placed, once it came to nothing.

    What something else moved since (a notice that did not arrive, staff, a pause) stays where it is.
    """
    reasons, pauses = _moves_of(award.account_id)
    if not any(because["c"] == ACTIVE for some in reasons.values() for because in some):
        return
    others = Award.objects.using(write_db()).filter(account_id=award.account_id, dead=False).exclude(pk=award.pk)
    standing = [(other, until) for other in others.select_related("unit__program") if (until := _kept_until(other))]
    lots = Lot.objects.using(write_db()).filter(account_id=award.account_id, is_open=True)
    for lot in lots.select_related("came_from"):
        # Also what another order moved: this one may be why it still stands there.
        why = [because for pk in _pks_of(lot) for because in reasons.get(pk, ())]
        is_ours = bool(why) and all(because["c"] in (ACTIVE, LET_GO) for because in why)
        if not is_ours or any(lot.available_at is None or pause >= lot.available_at for pause in pauses):
            continue
        orders = {because["p"].get("order") for because in why}
        # An order that found a date as late as its own left no entry: it would have moved what was ready by then.
        dates = [
            until
            for other, until in standing
            if other.source_id in orders or (lot.available_at is not None and lot.available_at <= other.placed_at)
        ]
        ledger.shorten(
            account_id=award.account_id,
            lot_id=lot.pk,
            expires_at=max(date for date in (lot.first_expires_at, *dates) if date is not None),
            because=Because(LET_GO, order=award.source_id),
            at=at,
        )


def _moves_of(account_id: int) -> tuple[dict[int, list[dict[str, Any]]], list[datetime]]:
    """
    Return why dates were moved, by lot, and when a pause moved those of the whole account; also on accounts of members
    who were merged into this one since.
    """
    accounts = Account.objects.using(write_db()).filter(Q(pk=account_id) | Q(passed_to=account_id)).values("pk")
    entries = Entry.objects.using(write_db()).filter(account_id__in=accounts, kind=Kind.EXTEND)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    pauses: list[datetime] = []
    for key, because, at in entries.values_list("key", "because", "effective_at"):
        name, pk, *_rest = key.split(":")
        if name == "lot":
            found[int(pk)].append(because)
        else:
            pauses.append(at)
    return found, pauses


def _pks_of(lot: Lot) -> Iterator[int]:
    """Yield the keys of a lot and of those whose place it took, one by one."""
    now: Lot | None = lot
    while now is not None:
        yield now.pk
        now = now.came_from


def _kept_until(award: Award) -> datetime | None:
    """Return until when an order keeps points; None for one that keeps none (another policy, or part of a welcome)."""
    program = award.unit.program
    if award.batch or award.terms.get("expiry", [program.expiry])[0] != Program.Expiry.INACTIVITY:
        return None
    return expiry_of(program=program, available_at=award.placed_at, terms=award.terms)
