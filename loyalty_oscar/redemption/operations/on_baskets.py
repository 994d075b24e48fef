"""
Rewards on baskets: put on one and taken off again, used with its order, and open again when the order comes to nothing.

As every write of a claim, these lock the account of its member first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.operations.desk import outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.paying import being_paid

from ..claims import is_being_paid, is_over, stopped
from ..kinds import is_for_baskets
from ..models import Claim, Redemption
from .claims import CannotClaim, go_back, locked_again, take_step, tell_had

State = Claim.State
#: A reward that was used with an order which came to nothing is good for so long, if it would be over sooner.
GRACE_DAYS = 30


@outermost_retried
def put_on(*, claim: Claim, slot: str, currency: str, at: datetime, lines: Sequence[dict[str, Any]] = ()) -> Redemption:
    """
    Put a reward on a basket, in place of another of its kind if that takes one alone; from another basket it moves.

    `lines` say which product a gift is, and how many. Raises `CannotClaim` and changes nothing then.
    """
    rows = Redemption.objects.using(write_db())
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if claim.revoked is not None and not is_being_paid(claim=claim, at=at):
            raise CannotClaim(Because("reward_not_open"))
        if claim.state != State.OPEN or not is_for_baskets(kind=claim.reward.kind) or is_over(claim=claim, at=at):
            raise CannotClaim(Because("reward_not_open"))
        if why := stopped(member=claim.member, at=at):
            raise CannotClaim(why)
        row = rows.filter(claim=claim, number=claim.number).first()
        if row is not None and row.slot not in (None, slot) and being_paid(slots=[row.slot], at=at):
            raise CannotClaim(Because("reward_at_payment"))
        told: dict[str, Any] = {"slot": slot, "currency": currency, "lines": list(lines), "promise": None}
        row, _made = rows.update_or_create(
            claim=claim, number=claim.number, defaults={**told, "payment_at": None}, create_defaults=told
        )
    row.claim = claim
    return row


@outermost_retried
def take_off(*, claim: Claim, at: datetime) -> bool:
    """Take a reward off its basket; returns whether it lay on one. While that is being paid for: `CannotClaim`."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if is_being_paid(claim=claim, at=at):
            raise CannotClaim(Because("reward_at_payment"))
        rows = Redemption.objects.using(write_db()).filter(claim=claim, slot__isnull=False)
        was_on = bool(rows.update(slot=None, promise=None, payment_at=None))
        if claim.revoked is not None:
            go_back(claim, State.OPEN, at)
    return was_on


def move(*, before: str, slot: str) -> None:
    """Take the rewards of one basket along to another, into which it was merged. One query."""
    Redemption.objects.using(write_db()).filter(slot=before, claim__isnull=False).update(slot=slot)


def begin_payment(*, redemption: Redemption) -> None:
    """Write down that a payment began with what a reward promises it. One query."""
    rows = Redemption.objects.using(write_db()).filter(pk=redemption.pk, slot__isnull=False)
    rows.update(promise=redemption.promise, payment_at=redemption.payment_at)


def use(*, redemption: Redemption, order_id: int, minor: int, currency: str, at: datetime) -> None:
    """
    Use the reward of a basket for its order, in the order's own transaction; `minor` of its `currency` came off.

    That its time was over meanwhile does not count. Raises `NotAllowed` where it is used or gone by now: the caller's
    transaction can only be rolled back then.
    """
    claim = locked_again(claim=redemption.claim) if redemption.claim else None
    rows = Redemption.objects.using(write_db()).filter(pk=redemption.pk, slot=redemption.slot, order_id=None)
    if claim is None or not rows.update(order_id=order_id, minor=minor, currency=currency, used_at=at, slot=None):
        raise NotAllowed("this reward is no longer on the basket")
    because = Because("claim_used", name=claim.reward.name)
    if not take_step(claim, State.OPEN, State.USED, because, at, "system", order_id=order_id):
        raise NotAllowed("this reward is used or gone by now")
    redemption.order_id, redemption.minor, redemption.currency = order_id, minor, currency
    redemption.used_at, redemption.slot = at, None


def settle(*, redemption: Redemption, is_gone: bool, number: str, at: datetime) -> None:
    """
    Let a reward be used again whose order came to nothing (`is_gone`), or see it used where the order stands after all.
    One that is to go back (`Claim.revoked`) does so instead.

    Any number of calls end in the same place. One whose time was over gets more, once; one that was used for another
    order meanwhile stays so, and one that was bought and given back, too.
    """
    claim = redemption.claim
    if claim is None or is_gone == (claim.number > redemption.number):
        return
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if is_gone and is_used(claim=claim, redemption=redemption):
            _open_again(claim, number, at)
        elif not is_gone and _used_last(redemption) and not is_being_paid(claim=claim, at=at):
            because = Because("claim_used", name=claim.reward.name)
            more: dict[str, Any] = {"number": redemption.number, "order_id": redemption.order_id}
            if not take_step(claim, (State.OPEN, State.OVER), State.USED, because, at, "system", **more):
                # A gift that went back meanwhile, for a reason of its own, does so again with the order.
                more |= {"revoked": claim.because}
                if claim.hold_id is None:
                    take_step(claim, State.BACK, State.USED, because, at, "system", **more)


def is_used(*, claim: Claim, redemption: Redemption) -> bool:
    """Return whether a reward is used by the order of this use, and not open again since."""
    return claim.number == redemption.number and claim.order_id == redemption.order_id


def _used_last(redemption: Redemption) -> bool:
    later = Redemption.objects.using(write_db()).filter(claim=redemption.claim_id, number__gt=redemption.number)
    return not later.filter(order_id__isnull=False).exists()


def _open_again(claim: Claim, number: str, at: datetime) -> None:
    more: dict[str, Any] = {"number": claim.number + 1, "order_id": None}
    if claim.revoked is not None:
        go_back(claim, State.USED, at, **more)
        return
    zone = claim.member.program.time_zone
    if claim.valid_until is not None and not claim.graced:
        until = periods.end_of_day_after(at=at, days=GRACE_DAYS, zone=zone)
        more |= {"valid_until": until, "graced": True} if claim.valid_until < until else {}
    if take_step(claim, State.USED, State.OPEN, Because("claim_open_again", number=number), at, "system", **more):
        tell_had(claim=claim, at=at)
