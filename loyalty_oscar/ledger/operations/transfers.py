"""Passing points on to another member. No page uses it yet; expiry travels with the points."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotEnoughPoints
from loyalty_oscar.program.db import write_db

from ..models import Account, Counter, Entry, Kind, Lot
from .desk import AccountWriter, Posted, fingerprint, outermost_retried
from .expiry import sweep
from .grants import pick_free
from .recording import mind_foresight


@outermost_retried
def transfer(
    *, from_id: int, to_id: int, points: int, key: str, because: Because, at: datetime, actor: str = "system"
) -> tuple[Posted, Posted]:
    """
    Move ready points from one account to another of the same unit; returns both entries.

    Both accounts are locked in the order of their primary keys. Raises `NotEnoughPoints` (also while
    points are to be made up) and `LoyaltyError` for oneself, another unit, or less than one point.
    """
    if from_id == to_id or type(points) is not int or points < 1:
        raise LoyaltyError("points are passed on to another account, at least one of them")
    mind_foresight()
    db = write_db()
    print_ = fingerprint("transfer", from_id, to_id, points)
    with transaction.atomic(using=db):
        ids = (from_id, to_id)
        locked = {a.pk: a for a in Account.objects.using(db).select_for_update().filter(pk__in=ids).order_by("pk")}
        giver, taker = (AccountWriter(account=locked[pk], at=at, actor=actor) for pk in ids)
        if giver.account.unit_id != taker.account.unit_id:
            raise LoyaltyError("points go to an account of the same kind of points only")
        done = giver.replay(key=f"{key}:out", print_=print_), taker.replay(key=f"{key}:in", print_=print_)
        if done[0] and done[1]:
            return done[0], done[1]
        sweep(giver)
        if giver.account.debt:
            raise NotEnoughPoints(f"{giver.account.debt} points are to be made up first")
        taken = pick_free(giver, points)
        for lot, part in taken:
            giver.take(lot, part)
        given = giver.write(
            key=f"{key}:out", kind=Kind.TRANSFER, counter=Counter.TRANSFER, because=because, print_=print_
        )
        for lot, part in taken:
            taker.add_lot(_same_dates(lot, part, source=key))
        got = _receive(taker, key, because, print_)
        giver.close()
        taker.close()
    return Posted(given), Posted(got)


def _same_dates(lot: Lot, points: int, *, source: str) -> Lot:
    return Lot(
        source=source,
        granted=points,
        remaining=points,
        is_open=True,
        state=Lot.State.OPEN,
        available_at=lot.available_at,
        expires_at=lot.expires_at,
        first_expires_at=lot.first_expires_at,
        extensions=lot.extensions,
        graced=lot.graced,
    )


def _receive(taker: AccountWriter, key: str, because: Because, print_: bytes) -> Entry:
    return taker.write(key=f"{key}:in", kind=Kind.TRANSFER, counter=Counter.TRANSFER, because=because, print_=print_)
