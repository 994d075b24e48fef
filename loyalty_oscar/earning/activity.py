"""Points that run out after inactivity: an order moves the dates of all that is there, and only while it stands."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Kind, Lot
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import expiry_of

from .models import Award

ACTIVE = "still_active"


def keep_alive(*, award: Award, at: datetime) -> None:
    """Move the dates of the points that are ready to where the activity that an order is puts them. Never back."""
    program = award.unit.program
    if award.terms.get("expiry", [program.expiry])[0] != Program.Expiry.INACTIVITY:
        return
    later = expiry_of(program=program, available_at=award.placed_at, terms=award.terms)
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

    What something else moved since (a notice that did not arrive, staff) stays where it is.
    """
    entries = Entry.objects.using(write_db()).filter(account_id=award.account_id, kind=Kind.EXTEND)
    moved = {
        entry.because["p"].get("lot") for entry in entries.filter(because__c=ACTIVE, because__p__order=award.source_id)
    }
    if not moved:
        return
    others = Award.objects.using(write_db()).filter(account_id=award.account_id).exclude(pk=award.pk)
    standing = {other.source_id: other for other in others.filter(given__gt=0)}
    for lot in Lot.objects.using(write_db()).filter(pk__in=moved - {None}, is_open=True):
        reasons = [e.because for e in entries.filter(key__startswith=f"lot:{lot.pk}:extend:")]
        orders = [because["p"].get("order") for because in reasons if because["c"] == ACTIVE]
        if len(orders) < len(reasons):
            continue
        program, still = award.unit.program, [standing[pk] for pk in orders if pk in standing]
        dates = [expiry_of(program=program, available_at=one.placed_at, terms=one.terms) for one in still]
        ledger.shorten(
            account_id=award.account_id,
            lot_id=lot.pk,
            expires_at=max(date for date in (lot.first_expires_at, *dates) if date is not None),
            because=Because("not_active_after_all", order=award.source_id),
            at=at,
        )
