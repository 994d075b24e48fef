"""Taking back what should not have been given, and giving back what should not have been taken."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Sum

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed, NotEnoughPoints

from ..models import Counter, Entry, Hold, HoldLot, Kind, Lot, LotMove
from .desk import Desk, Posted, desk, fingerprint, outermost_retried
from .expiry import expire_lot, sweep


@outermost_retried
def claw_back(
    *,
    account_id: int,
    source: str,
    points: int,
    key: str,
    because: Because,
    at: datetime,
    may_owe: bool = True,
    forgiven_before: int = 0,
    keep_slots: Collection[str] = (),
    actor: str = "system",
    reverses: Entry | None = None,
    counter: str = Counter.ISSUANCE,
) -> Posted:
    """
    Take back points that a source brought: what is on the way, its own lots, forgive what of them has run
    out, other lots by soonest expiry, points set aside in open baskets, and write down the rest as debt.

    `may_owe` False lets the shop bear the rest; `forgiven_before` is what earlier calls forgave of this
    source; holds in `keep_slots` are left alone (a customer is paying). The result says what was forgiven.
    """
    if type(points) is not int or points < 1:
        raise LoyaltyError(f"at least 1 point is taken back, not {points!r}")
    print_ = fingerprint("claw", source, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, print_=print_):
            return done
        if reverses and Entry.objects.using(working.db).filter(account=working.account, reverses=reverses).exists():
            raise NotAllowed(f"{reverses.key} was taken back before")
        sweep(working)
        own = sorted(working.lots(source=source), key=lambda lot: (lot.state != Lot.State.PENDING, lot.pk))
        left = _take_from(working, [working.known(lot) for lot in own], points)
        expired = _run_out(working, own) - forgiven_before if left else 0
        forgiven = min(left, max(0, expired))
        left = _take_from(working, working.spendable(), left - forgiven)
        left = _take_from_holds(working, left, keep_slots)
        if left and may_owe:
            working.owe(left)
        elif left:
            forgiven += left
        entry = working.write(
            key=key,
            kind=Kind.CLAW,
            counter=counter,
            print_=print_,
            reverses=reverses,
            because=Because(because.code, **because.params, **({"forgiven": forgiven} if forgiven else {})),
        )
    return Posted(entry, forgiven=forgiven)


def _take_from(working: Desk, lots, left: int) -> int:
    if left <= 0:
        return 0
    for lot in lots:
        part = min(left, lot.remaining)
        if part:
            working.take(lot, part)
            left -= part
        if not left:
            break
    return left


def _run_out(working: Desk, lots: list[Lot]) -> int:
    """Return how many points of these lots have run out (and were not brought back to life)."""
    moves = LotMove.objects.using(working.db).filter(account=working.account, lot__in=lots, entry__kind=Kind.EXPIRE)
    return moves.aggregate(points=Sum("points"))["points"] or 0


def _take_from_holds(working: Desk, left: int, keep: Collection[str]) -> int:
    if left <= 0:
        return 0
    holds = Hold.objects.using(working.db).filter(account=working.account, state=Hold.State.OPEN)
    for hold in holds.exclude(slot__in=list(keep)).order_by("-created_at", "-pk"):
        parts = list(HoldLot.objects.using(working.db).filter(hold=hold).select_related("lot").order_by("-pk"))
        for part in parts:
            used = min(left, part.points)
            if used:
                working.use_reserved(working.known(part.lot), used)
                hold.points, part.points, left = hold.points - used, part.points - used, left - used
                if part.points:
                    part.save(using=working.db, update_fields=["points"])
                else:
                    part.delete(using=working.db)
        if not hold.points:
            hold.points, hold.state, hold.slot, hold.closed_at = hold.asked, Hold.State.RELEASED, None, working.at
        hold.save(using=working.db, update_fields=["points", "state", "slot", "closed_at"])
    return left


@outermost_retried
def give_back(
    *, account_id: int, source: str, points: int, key: str, because: Because, at: datetime, actor: str = "system"
) -> Posted:
    """
    Give points back that were taken back from a source (a cancel undone), to the same lots with the same dates;
    what was taken from elsewhere, because those were used, becomes a lot like them.

    Raises `NotAllowed` for more than its lots ever held. Ready points pay what is to be made up first.
    """
    print_ = fingerprint("give_back", source, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, print_=print_):
            return done
        own = list(working.lots(source=source))
        if not 0 < points <= sum(lot.granted for lot in own):
            raise NotAllowed(f"{points} points cannot go back to {source}; its lots never held so many")
        left, touched = points, []
        for lot in own:
            room = lot.granted - lot.remaining - lot.reserved
            part = left if lot is own[-1] else min(left, room)
            if part:
                if lot.state == Lot.State.CLOSED and (lot.available_at is None or lot.available_at > at):
                    lot.state = Lot.State.PENDING
                touched += working.return_to(lot, part)
                left -= part
        entry = working.write(key=key, kind=Kind.RESTORE, counter=Counter.ISSUANCE, because=because, print_=print_)
        for lot in touched:
            if lot.state == Lot.State.OPEN and lot.expires_at is not None and lot.expires_at <= at:
                expire_lot(working, lot)
    return Posted(entry)


@outermost_retried
def use_again(
    *, hold_id: int, account_id: int, points: int, key: str, because: Because, at: datetime, actor: str = "system"
) -> Posted:
    """
    Use points again that came back (a cancelled order stands again): from the lots they came back to, then from
    others and from what is set aside in open baskets; the rest is to be made up.

    Raises `NotEnoughPoints` for more than came back.
    """
    print_ = fingerprint("use_again", hold_id, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, print_=print_):
            return done
        hold = Hold.objects.using(working.db).get(pk=hold_id, account=working.account)
        if not 0 < points <= hold.returned:
            raise NotEnoughPoints(f"{hold.returned} points came back, {points} were asked for")
        sweep(working)
        parts, own, left = list(hold.lots.using(working.db).select_related("lot").order_by("-pk")), [], points
        for part in parts:
            again = min(left, part.returned)
            part.returned, left = part.returned - again, left - again
            own += [working.known(part.lot)] if again else []
        HoldLot.objects.using(working.db).bulk_update(parts, ["returned"], batch_size=200)
        Hold.objects.using(working.db).filter(pk=hold.pk).update(returned=hold.returned - points)
        left = _take_from(working, own, points)
        left = _take_from(working, working.spendable(), left)
        left = _take_from_holds(working, left, keep=())
        if left:
            working.owe(left)
        entry = working.write(key=key, kind=Kind.CAPTURE, counter=Counter.REDEMPTION, because=because, print_=print_)
    return Posted(entry)


def reverse(*, entry: Entry, key: str, because: Because, at: datetime, actor: str = "system") -> Posted:
    """
    Undo a grant (earned, welcome, import, adjustment upwards) as a whole, once.

    What is gone already becomes points to make up. Raises `NotAllowed` for entries that gave nothing.
    """
    given = sum(lot.granted for lot in entry.lots.all())
    if not given:
        raise NotAllowed(f"{entry.key} gave no points, so there is nothing to take back")
    return claw_back(
        account_id=entry.account_id,
        source=entry.lots.first().source,
        points=given,
        key=key,
        because=because,
        at=at,
        actor=actor,
        reverses=entry,
        counter=entry.counter,
    )
