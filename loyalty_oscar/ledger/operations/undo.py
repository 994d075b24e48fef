"""Taking back what should not have been given, and giving back what should not have been taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed, NotEnoughPoints
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.paying import being_paid

from ..models import Counter, Entry, Hold, Kind, Lot
from .desk import AccountWriter, Posted, age, desk, fingerprint_of, outermost_retried
from .expiry import expire_lot, sweep
from .recording import looking_ahead


@outermost_retried
def claw_back(
    *,
    account_id: int,
    source: str,
    points: int,
    key: str,
    because: Because,
    at: datetime,
    forgiven_before: int = 0,
    actor: str = "system",
    reverses: Entry | None = None,
    counter: str = Counter.ISSUANCE,
) -> Posted:
    """
    Take back points that a source brought: what is on the way, its own lots, forgive what of them has run
    out, other lots by soonest expiry, points set aside in open baskets but those that are being paid for. The
    rest is to be made up, or the shop bears it, as the program says.

    `forgiven_before` is what earlier calls forgave of this source. The result says what nobody has to give back:
    what had run out, and what the shop bears.
    """
    if type(points) is not int or points < 1:
        raise LoyaltyError(f"at least 1 point is taken back, not {points!r}")
    fingerprint = fingerprint_of("claw", source, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        if reverses and Entry.objects.using(working.db).filter(account=working.account, reverses=reverses).exists():
            raise NotAllowed(f"{reverses.key} was taken back before")
        sweep(working)
        own = sorted(working.lots(source=source), key=lambda lot: (lot.state != Lot.State.PENDING, age(lot)))
        left = _take_from(working, own, points)
        # What ran out counts once: earlier claws of this source forgave their part of it.
        expired = working.run_out(own) - forgiven_before if left else 0
        forgiven = min(left, max(0, expired))
        left = _take_from(working, working.spendable(), left - forgiven)
        borne = _fall_short(working, _take_from_holds(working, left))
        entry = working.write(
            key=key,
            kind=Kind.CLAW,
            counter=counter,
            fingerprint=fingerprint,
            reverses=reverses,
            because=spared(because, forgiven=forgiven + borne, borne=borne),
        )
    return Posted(entry, forgiven=forgiven + borne)


def spared(because: Because, *, forgiven: int, borne: int = 0) -> Because:
    """Return the reason of a claw that says too what nobody has to give back, and what of it the shop bears."""
    said = {name: points for name, points in (("forgiven", forgiven), ("borne", borne)) if points}
    return Because(because.code, **because.params, **said)


def _fall_short(working: AccountWriter, left: int) -> int:
    """Write down what could not be taken as points to make up, unless the shop bears it; returns what it bears."""
    if left and working.shop_bears:
        return left
    working.owe(left)
    return 0


def _take_from(working: AccountWriter, lots: Iterable[Lot], left: int) -> int:
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


def _take_from_holds(working: AccountWriter, left: int) -> int:
    """Take what is set aside, newest first. A basket that is being paid for keeps its points: its price is promised."""
    if left <= 0:
        return 0
    holds = working.open_holds()
    paid = being_paid(slots={hold.slot for hold in holds}, at=working.at, peek=looking_ahead.get() is not None)
    for hold in holds:
        if hold.slot in paid or not left:
            continue
        taken = []
        for part in reversed(working.parts(hold)):
            used = min(left, part.points)
            if used:
                working.use_reserved(part.lot, used)
                hold.points, part.points, left = hold.points - used, part.points - used, left - used
                taken.append(part)
        working.save_parts(taken, "points")
        if not hold.points:
            hold.points, hold.state, hold.slot, hold.closed_at = hold.asked, Hold.State.RELEASED, None, working.at
        working.save_hold(hold, "points", "state", "slot", "closed_at")
    return left


@outermost_retried
def give_back(
    *,
    account_id: int,
    source: str,
    points: int,
    key: str,
    because: Because,
    at: datetime,
    forgiven: int = 0,
    actor: str = "system",
) -> Posted:
    """
    Give points back that were taken back from a source (a cancel undone), to the same lots with the same dates;
    what was taken from elsewhere, because those were used, becomes a lot like them.

    `forgiven` of the points were never taken and do not move; the entry is written though nothing is left to move.
    Raises `NotAllowed` for more than its lots ever held. Ready points pay what is to be made up first.
    """
    fingerprint = fingerprint_of("give_back", source, points, *([forgiven] if forgiven else ()))
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        own = working.lots(source=source)
        if not 0 < points <= sum(lot.granted for lot in own):
            raise NotAllowed(f"{points} points cannot go back to {source}; its lots never held so many")
        left, touched = max(0, points - forgiven), []
        for lot in own:
            room = lot.granted - lot.remaining - lot.reserved
            part = left if lot is own[-1] else min(left, room)
            if part:
                if lot.state == Lot.State.CLOSED and (lot.available_at is None or lot.available_at > at):
                    lot.state = Lot.State.PENDING
                touched += working.return_to(lot, part)
                left -= part
        entry = working.write(
            key=key, kind=Kind.RESTORE, counter=Counter.ISSUANCE, because=because, fingerprint=fingerprint
        )
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
    others and from what is set aside in open baskets but those that are being paid for. The rest is to be made up,
    or the shop bears it, as the program says; what it bears is not given back when the order is cancelled again.

    Raises `NotEnoughPoints` for more than came back.
    """
    fingerprint = fingerprint_of("use_again", hold_id, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        hold = working.hold(hold_id)
        if not 0 < points <= hold.returned:
            raise NotEnoughPoints(f"{hold.returned} points came back, {points} were asked for")
        sweep(working)
        parts, own, left = working.parts(hold), [], points
        for part in reversed(parts):
            again = min(left, part.returned)
            part.returned, left = part.returned - again, left - again
            own += [part.lot] if again else []
        working.save_parts(parts, "returned")
        left = _take_from(working, own, points)
        left = _take_from(working, working.spendable(), left)
        borne = _fall_short(working, _take_from_holds(working, left))
        hold.returned, hold.forgiven = hold.returned - points, hold.forgiven + borne
        working.save_hold(hold, "returned", "forgiven")
        because = spared(because, forgiven=borne, borne=borne)
        entry = working.write(
            key=key, kind=Kind.CAPTURE, counter=Counter.REDEMPTION, because=because, fingerprint=fingerprint
        )
    return Posted(entry, forgiven=borne)


def reverse(*, entry: Entry, key: str, because: Because, at: datetime, actor: str = "system") -> Posted:
    """
    Undo a grant (earned, welcome, import) or a change by hand as a whole, once.

    What was given and is gone already becomes points to make up; what was taken goes back to the lots that it came
    from. Raises `NotAllowed` for other entries that gave nothing, and for a second undo under another key.
    """
    lots = list(entry.lots.using(write_db()).order_by("pk"))
    given = sum(lot.granted for lot in lots)
    if not given and entry.kind == Kind.ADJUST:
        return _hand_back(entry=entry, key=key, because=because, at=at, actor=actor)
    if not given:
        raise NotAllowed(f"{entry.key} gave no points, so there is nothing to take back")
    return claw_back(
        account_id=entry.account_id,
        source=lots[0].source,
        points=given,
        key=key,
        because=because,
        at=at,
        actor=actor,
        reverses=entry,
        counter=entry.counter,
    )


@outermost_retried
def _hand_back(*, entry: Entry, key: str, because: Because, at: datetime, actor: str) -> Posted:
    """Put what was taken by hand back into its lots, with their dates; what has run out since runs out."""
    fingerprint = fingerprint_of("hand_back", entry.key)
    with desk(account_id=entry.account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        if Entry.objects.using(working.db).filter(account=working.account, reverses=entry).exists():
            raise NotAllowed(f"{entry.key} was undone before")
        moves = entry.moves.using(working.db).select_related("lot").order_by("pk")
        touched = []
        for move in moves:
            touched += working.return_to(working.known(move.lot), move.points)
        posted = working.write(
            key=key, kind=Kind.RESTORE, counter=entry.counter, because=because, fingerprint=fingerprint, reverses=entry
        )
        for lot in touched:
            if lot.state == Lot.State.OPEN and lot.expires_at is not None and lot.expires_at <= at:
                expire_lot(working, lot)
    return Posted(posted)
