"""Setting points aside while a customer pays: hold, capture, release, and giving back what was used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import Frozen, LoyaltyError, NotAllowed, NotEnoughPoints
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.freezing import frozen
from loyalty_oscar.program.models import State
from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.program.rows import write_rows

from ..models import Counter, Hold, HoldLot, Kind, Lot
from .desk import AccountWriter, Posted, desk, fingerprint_of, outermost_retried
from .expiry import expire_lot, sweep
from .grants import pick_free
from .recording import check_foresight

GRACE = timedelta(days=30)


@outermost_retried
def place_hold(
    *,
    account_id: int,
    slot: str,
    points: int,
    expires_at: datetime,
    because: Because,
    at: datetime,
    asked: int | None = None,
    actor: str = "system",
) -> Hold:
    """
    Set points aside for a slot (`basket:42`); an open hold of the same slot is given back first.

    `asked` is what the customer wanted, where that is more. Expired lots are swept before, so a late job
    never makes them usable. Raises `NotEnoughPoints` where fewer are ready or points are to be made up,
    `NotAllowed` where the slot is another account's or the program pauses, `Frozen` where the member is, and changes
    nothing then.
    """
    check_foresight()
    if type(points) is not int or points < 1:
        raise LoyaltyError(f"a hold is at least 1 point, not {points!r}")
    with desk(account_id=account_id, at=at, actor=actor) as working:
        old = Hold.objects.using(working.db).filter(slot=slot).first()
        if old and old.account_id != account_id:
            raise NotAllowed(f"points of another account are set aside for {slot}")
        if working.is_paused:
            raise NotAllowed("the program pauses; nothing can be used meanwhile")
        if working.is_frozen:
            raise Frozen("the points of this member are frozen")
        sweep(working)
        if old:
            let_go(working, old, because=Because("replaced"))
        if working.account.debt:
            raise NotEnoughPoints(f"{working.account.debt} points are to be made up first")
        hold = Hold(
            account=working.account,
            slot=slot,
            origin=slot,
            asked=max(asked or points, points),
            points=points,
            created_at=at,
            expires_at=expires_at,
        )
        reserved = pick_free(working, points)
        for lot, part in reserved:
            working.reserve(lot, part)
        hold.save(using=working.db, force_insert=True)
        write_rows(rows=(HoldLot(hold=hold, lot=lot, points=part) for lot, part in reserved))
        working.write(key=_key(hold, "hold"), kind=Kind.HOLD, counter=Counter.SELF, because=because)
    return hold


def _key(hold: Hold, what: str) -> str:
    return f"hold:{hold.public_id}:{what}"


def _open_holds(working: AccountWriter) -> QuerySet[Hold]:
    return Hold.objects.using(working.db).filter(account=working.account, state=Hold.State.OPEN)


def let_go(working: AccountWriter, hold: Hold, *, because: Because) -> None:
    lots = [(part.lot, part.points) for part in working.parts(hold)]
    for lot, points in lots:
        working.unreserve(lot, points)
    working.write(key=_key(hold, "release"), kind=Kind.RELEASE, counter=Counter.SELF, because=because)
    _close(working, hold, Hold.State.RELEASED)
    for lot, _points in lots:
        if lot.expires_at is not None and lot.expires_at <= working.at:
            expire_lot(working, lot)


def _close(working: AccountWriter, hold: Hold, state: str) -> None:
    hold.state, hold.slot, hold.closed_at = state, None, working.at
    working.save_hold(hold, "state", "slot", "closed_at", "captured")


@outermost_retried
def release(*, hold_id: int, account_id: int, because: Because, at: datetime) -> bool:
    """Give an open hold back, once; returns False where it was closed already. Lots that ran out meanwhile expire."""
    check_foresight()
    with desk(account_id=account_id, at=at) as working:
        hold = _open_holds(working).filter(pk=hold_id).first()
        if hold is None:
            return False
        let_go(working, hold, because=because)
    return True


def renew(*, hold_id: int, until: datetime) -> bool:
    """
    Keep an open hold until a later moment, because its customer is at work. Nothing moves; one query.

    Not beyond the date of its points and the time that a gateway takes: points would outlive their date for ever in a
    basket that is touched now and then.
    """
    check_foresight()
    open_one = Hold.objects.using(write_db()).filter(pk=hold_id, state=Hold.State.OPEN, expires_at__lt=until)
    run_out = HoldLot.objects.using(write_db()).filter(hold=OuterRef("pk"), lot__expires_at__lt=until - gateway())
    return bool(open_one.filter(~Exists(run_out)).update(expires_at=until))


def gateway() -> timedelta:
    """Return how long a gateway takes at most."""
    return timedelta(minutes=conf.GATEWAY_MINUTES)


@outermost_retried
def capture(
    *,
    hold_id: int,
    account_id: int,
    points: int,
    because: Because,
    at: datetime,
    actor: str = "system",
    savepoint: bool = True,
) -> Posted:
    """
    Use `points` of a hold for good and give the rest back, in one entry.

    The same call again is a replay. Raises `NotEnoughPoints` where the hold has fewer, `NotAllowed`
    where it was given back; without `savepoint` that takes the caller's transaction along.
    """
    check_foresight()
    with desk(account_id=account_id, at=at, actor=actor, savepoint=savepoint) as working:
        hold, parts = working.hold_with_parts(hold_id)
        fingerprint = fingerprint_of("capture", points)
        # Under the lock an open hold says that it was not captured yet.
        done = hold.state != Hold.State.OPEN and working.replay(key=_key(hold, "capture"), fingerprint=fingerprint)
        if done:
            return done
        if hold.state != Hold.State.OPEN:
            raise NotAllowed("these points are no longer set aside")
        if not 0 < points <= hold.points:
            raise NotEnoughPoints(f"{hold.points} points are set aside, {points} were asked for")
        run_out: list[Lot] = []
        left = points
        for part in parts:
            lot = part.lot
            part.used = min(left, part.points)
            left -= part.used
            if part.used:
                working.use_reserved(lot, part.used)
            if part.points > part.used:
                working.unreserve(lot, part.points - part.used)
                run_out += [lot] if lot.expires_at is not None and lot.expires_at <= at else []
        working.save_parts(parts, "used")
        hold.captured = points
        entry = working.write(
            key=_key(hold, "capture"),
            kind=Kind.CAPTURE,
            counter=Counter.REDEMPTION,
            because=because,
            fingerprint=fingerprint,
        )
        _close(working, hold, Hold.State.CAPTURED)
        for lot in run_out:
            expire_lot(working, lot)
    return Posted(entry)


@outermost_retried
def restore(
    *,
    hold_id: int,
    account_id: int,
    points: int,
    key: str,
    goods_returned: bool,
    because: Because,
    at: datetime,
    actor: str = "system",
) -> Posted:
    """
    Give used points back to the lots they came from, with the dates those had.

    Only where goods came back, a lot that ran out or does so within 30 days gets 30 days from now,
    once in its life; otherwise no date moves and what has run out expires again. Raises
    `NotEnoughPoints` for more than is still to be given back.
    """
    fingerprint = fingerprint_of("restore", hold_id, points)
    with desk(account_id=account_id, at=at, actor=actor) as working:
        if done := working.replay(key=key, fingerprint=fingerprint):
            return done
        hold, parts = working.hold_with_parts(hold_id)
        if not 0 < points <= hold.captured - hold.returned:
            raise NotEnoughPoints(f"{hold.captured - hold.returned} points can be returned, {points} were asked for")
        # What the shop bore when the points were used again was never taken, so it comes last and does not move.
        moved = moving = min(points, hold.captured - hold.returned - hold.forgiven)
        touched, left = [], points
        for part in parts:
            back = min(left, part.used - part.returned)
            part.returned, left = part.returned + back, left - back
            if back := min(back, moving):
                _grace(part.lot, at=at, allowed=goods_returned)
                working.touch(part.lot)  # It may have no room for what comes back; its date moves all the same.
                touched += working.return_to(part.lot, back)
                moving -= back
        working.save_parts(parts, "returned")
        hold.returned, hold.forgiven = hold.returned + points, hold.forgiven - (points - moved)
        working.save_hold(hold, "returned", "forgiven")
        entry = working.write(
            key=key, kind=Kind.RESTORE, counter=Counter.REDEMPTION, because=because, fingerprint=fingerprint
        )
        order = {name: because.params[name] for name in ("order", "number") if name in because.params}
        for lot in touched:
            if lot.expires_at is not None and lot.expires_at <= at:
                expire_lot(working, lot, **order)
    return Posted(entry)


def _grace(lot: Lot, *, at: datetime, allowed: bool) -> None:
    if allowed and not lot.graced and lot.expires_at is not None and lot.expires_at < at + GRACE:
        lot.expires_at, lot.graced = at + GRACE, True


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldOutcome:
    """
    What the shop says of a slot: it `is_gone` (basket merged, deleted, ordered), a gateway `is_at_work` on it for so
    long at most, or its points stay set aside `until` a later moment. None of these: the hold's own date decides.
    """

    is_gone: bool = False
    until: datetime | None = None
    is_at_work: timedelta | None = None


@outermost_retried
def settle_holds(
    *, account_id: int, fates: Callable[[Collection[Hold]], Mapping[str, HoldOutcome]], at: datetime, keep: str = ""
) -> int:
    """
    Give back the holds of an account that have run out, whose slot is gone, whose program stopped or whose member is
    frozen, renew those that live on; returns how many were given back. What is being paid for is left alone, and so is
    the slot `keep`.

    `fates` is asked once about all these holds and answers by slot. Time at a gateway counts from when it was first
    seen there: the shop does not know when it began.
    """
    check_foresight()
    with desk(account_id=account_id, at=at) as working:
        found = _open_holds(working).annotate(**asked_with(at=at), first_date=_first_date()).order_by("pk")
        held = [hold for hold in found if hold.slot != keep]
        told = fates(held) if held else {}
        ending = []
        for hold in held:
            fate = told.get(hold.origin, HoldOutcome())
            _renew(working, hold, fate)
            if why := _why_over(hold, fate, at):
                ending.append((hold, why))
        paid = being_paid(slots=[hold.slot for hold, _why in ending], at=at)
        over = [(hold, why) for hold, why in ending if hold.slot not in paid]
        for hold, why in over:
            let_go(working, hold, because=Because(why))
    return len(over)


STOPPED: dict[str, str] = {State.PAUSED: "program_paused", State.CLOSED: "program_closed"}


def asked_with(*, at: datetime) -> dict[str, Any]:
    """Return what open holds are asked for with: the state of their program, and whether their member is frozen."""
    is_frozen = frozen(at=at, through="account__member__")
    return {"program_state": F("account__unit__program__state"), "is_frozen": is_frozen}


def _first_date() -> Subquery:
    """Return the date of the first points of a hold that run out."""
    dated = HoldLot.objects.using(write_db()).filter(hold=OuterRef("pk"), lot__expires_at__isnull=False)
    return Subquery(dated.order_by("lot__expires_at").values("lot__expires_at")[:1])


def _why_over(hold: Any, fate: HoldOutcome, at: datetime) -> str:
    """Return why a hold is to be given back, or nothing."""
    if fate.is_gone:
        return "slot_gone"
    return why_stopped(hold=hold) or ("hold_ran_out" if hold.expires_at <= at else "")


def why_stopped(*, hold: Any) -> str:
    """Return why the points of a hold, asked for with `asked_with`, cannot be used by anybody now, or nothing."""
    return "freeze_began" if hold.is_frozen else STOPPED.get(hold.program_state, "")


def is_news(*, hold: Hold, fate: HoldOutcome, at: datetime) -> bool:
    """Return whether a hold, asked for with `asked_with`, is over, or began or ended to be paid for."""
    return bool(_why_over(hold, fate, at)) or (fate.is_at_work is None) != (hold.paying_since is None)


def _renew(working: AccountWriter, hold: Any, fate: HoldOutcome) -> None:
    before = hold.paying_since, hold.expires_at
    since = hold.paying_since or working.at
    hold.paying_since = since if fate.is_at_work else None
    until = since + fate.is_at_work if fate.is_at_work else fate.until
    if until and hold.first_date:
        # Points do not outlive their date for ever in a basket that is touched, or frozen and thawed, again and again.
        until = min(until, hold.first_date + gateway() * (2 if fate.is_at_work else 1))
    hold.expires_at = max(hold.expires_at, until or hold.expires_at)
    if before != (hold.paying_since, hold.expires_at):
        hold.save(using=working.db, update_fields=["paying_since", "expires_at"])
