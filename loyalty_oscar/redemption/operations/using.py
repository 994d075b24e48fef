"""Using points: set them aside for a basket at a price that stands, and take them for its order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed, NotEnoughPoints
from loyalty_oscar.kernel.rounding import spread
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program.db import write_db

from ..models import Redemption
from ..promises import BasketPromise
from ..queries import promised
from ..rules import Worth


def set_aside(
    *,
    account_id: int,
    slot: str,
    asked: int,
    points: int,
    worth: Worth,
    expires_at: datetime,
    at: datetime,
    promise: BasketPromise | None = None,
) -> Redemption:
    """
    Set points aside for a slot at today's worth and limits; what was set aside for it before goes back.

    Raises what `ledger.place_hold` raises, and nothing has changed then.
    """
    with transaction.atomic(using=write_db()):
        hold = ledger.place_hold(
            account_id=account_id,
            slot=slot,
            points=points,
            asked=asked,
            expires_at=expires_at,
            because=Because("set_aside"),
            at=at,
        )
        leave(slot=slot)
        return Redemption.objects.using(write_db()).create(
            hold=hold, per_points=worth.points, per_minor=worth.minor, currency=worth.currency,
            slot=slot, promise=promise.to_json() if promise else None,
        )  # fmt: skip


def leave(*, slot: str) -> None:
    """Forget what was promised for a slot: its customer chose anew, or sees what it costs without."""
    Redemption.objects.using(write_db()).filter(slot=slot, claim=None).update(slot=None)


def begin_payment(*, redemption: Redemption, until: datetime) -> None:
    """
    Write down that a payment began with what a use promises, and keep its points until then.

    Two statements; nothing happens to a use that an order took meanwhile.
    """
    rows = Redemption.objects.using(write_db()).filter(pk=redemption.pk, slot__isnull=False)
    if rows.update(promise=redemption.promise, payment_at=redemption.payment_at):
        ledger.renew(hold_id=redemption.hold.pk, until=until)


def take(
    *, redemption: Redemption, order_id: int, number: str, minor: int, lines: Sequence[dict[str, Any]], at: datetime
) -> int:
    """
    Take the fewest points that buy `minor` for an order, in the order's own transaction; returns the points.

    `lines` are `{"product", "quantity", "minor", …}` in basket order and add up to `minor`. What is left of the
    hold goes back. Raises `NotEnoughPoints` or `NotAllowed` where the hold is smaller, gone or used by now; the
    caller's transaction can only be rolled back then.
    """
    points = promised(redemption=redemption).price(minor)
    if points < 1:
        raise NotEnoughPoints("nothing is to be paid with points")
    hold = redemption.hold
    captured = ledger.capture(
        hold_id=hold.pk,
        account_id=hold.account_id,
        points=points,
        because=Because("order_paid", order=order_id, number=number),
        at=at,
        savepoint=False,
    )
    if captured.replayed:
        raise NotAllowed("another order of the same basket used these points")
    shares = spread(total=points, weights=[line["minor"] for line in lines])
    redemption.order_id, redemption.points, redemption.minor, redemption.used_at = order_id, points, minor, at
    redemption.lines = [{**line, "points": share} for line, share in zip(lines, shares, strict=True)]
    redemption.slot = None
    redemption.save(using=write_db(), update_fields=["order_id", "points", "minor", "lines", "used_at", "slot"])
    return points


def replace(*, order_id: int, number: str, at: datetime) -> None:
    """Give back what an order used before: it is paid a second time, after its first payment was declined."""
    earlier = Redemption.objects.using(write_db()).filter(order_id=order_id, is_replaced=False, claim=None)
    for use in earlier.select_related("hold"):
        bring_back(use=use, target=use.points, because=Because("use_replaced", order=order_id, number=number), at=at)
        use.is_replaced = True
        use.save(using=write_db(), update_fields=["is_replaced"])


def bring_back(*, use: Redemption, target: int, because: Because, at: datetime, goods_returned: bool = False) -> int:
    """
    See to it that `target` of a use's points have come back, in all; returns how many moved now (signed).

    Any number of calls end in the same place. Only `goods_returned` may give a lot its grace.
    """
    change = move(use=use, target=target, because=because, at=at, goods_returned=goods_returned)
    if change:
        use.save(using=write_db(), update_fields=["returned", "syncs"])
    return change


def move(*, use: Redemption, target: int, because: Because, at: datetime, goods_returned: bool) -> int:
    """Move the points that `bring_back` moves; the use says so afterwards and is not saved."""
    change = target - use.returned
    if not change:
        return 0
    use.syncs += 1
    where: dict[str, Any] = {"hold_id": use.hold_id, "account_id": use.hold.account_id, "because": because, "at": at}
    key = f"order:{use.order_id}:use:{use.hold_id}:{use.syncs}"
    if change > 0:
        ledger.restore(**where, points=change, key=key, goods_returned=goods_returned)
    else:
        ledger.use_again(**where, points=-change, key=key)
    use.returned = target
    return change
