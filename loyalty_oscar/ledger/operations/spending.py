"""Spending points at once, without a basket: for a reward that a member takes."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import Frozen, KeyMismatch, LoyaltyError, NotAllowed, NotEnoughPoints
from loyalty_oscar.program.rows import write_rows

from ..models import Counter, Hold, HoldLot, Kind
from .desk import desk, fingerprint_of, outermost_retried
from .expiry import sweep
from .grants import pick_free
from .recording import check_foresight


@outermost_retried
def spend(*, account_id: int, points: int, origin: str, because: Because, at: datetime, actor: str = "system") -> Hold:
    """
    Use ready points for good, once for each `origin` ("claim:42"); returns the hold that says from which lots.

    `restore` gives them back by it, as it does what an order used. Lots that ran out are swept before. Raises
    `NotEnoughPoints` where fewer are ready or points are to be made up, `NotAllowed` where the program pauses, `Frozen`
    where the member is, and changes nothing then.
    """
    check_foresight()
    if type(points) is not int or points < 1:
        raise LoyaltyError(f"at least 1 point is spent, not {points!r}")
    key, fingerprint = f"{origin}:pay", fingerprint_of("spend", points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        holds = Hold.objects.using(working.db).filter(account=working.account, origin=origin)
        if working.replay(key=key, fingerprint=fingerprint):
            return holds.get()
        if holds.exists():
            raise KeyMismatch(f"points were set aside for {origin} in another way")
        if working.is_paused:
            raise NotAllowed("the program pauses; nothing can be used meanwhile")
        if working.is_frozen:
            raise Frozen("the points of this member are frozen")
        sweep(working)
        if working.account.debt:
            raise NotEnoughPoints(f"{working.account.debt} points are to be made up first")
        parts = pick_free(working, points)
        for lot, part in parts:
            working.take(lot, part)
        hold = Hold(
            account=working.account,
            origin=origin,
            asked=points,
            points=points,
            captured=points,
            state=Hold.State.CAPTURED,
            created_at=at,
            expires_at=at,
            closed_at=at,
        )
        hold.save(using=working.db, force_insert=True)
        write_rows(rows=(HoldLot(hold=hold, lot=lot, points=part, used=part) for lot, part in parts))
        working.write(key=key, kind=Kind.CAPTURE, counter=Counter.REDEMPTION, because=because, fingerprint=fingerprint)
    return hold
