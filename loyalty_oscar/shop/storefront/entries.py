"""A member's entries for programs: what each changed, and why, as a code and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.queries import statement
from loyalty_oscar.program import words

from .statement import with_aside


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """
    One entry. `points` is what it changed of all that is not on the way, `on_the_way` what it changed of that;
    `ready_after` and `set_aside_after` are what the account had then.

    `order` is the number of the order that it speaks of, where that is the member's own.
    """

    seq: int
    at: datetime
    kind: str
    points: int
    on_the_way: int
    ready_after: int
    set_aside_after: int
    because: Because
    text: str
    order: str | None


def entries_of(*, account: Account, before: int | None, limit: int) -> tuple[list[Told], int | None]:
    """Return so many entries, newest first, and the number to go on `before` (None at the end). Two queries."""
    rows = with_aside(rows=statement(account_id=account.pk))
    if before is not None:
        rows = rows.filter(seq__lt=before)
    found = list(rows[: limit + 1])
    shown = found[:limit]
    reasons = [Because.from_json(entry.because) for entry in shown]
    ids = {order_id for why in reasons if (order_id := _order_id(why))}
    orders = get_model("order", "Order").objects.filter(pk__in=ids, user_id=account.member.user_id)
    numbers = dict(orders.values_list("pk", "number"))
    told = [
        _told(entry, why, numbers.get(_order_id(why)), account.reserved)
        for entry, why in zip(shown, reasons, strict=True)
    ]
    return told, shown[-1].seq if len(found) > limit else None


def _told(entry: Any, why: Because, number: str | None, reserved: int) -> Told:
    return Told(
        seq=entry.seq,
        at=entry.effective_at,
        kind=entry.kind,
        points=entry.d_available + entry.d_reserved - entry.d_debt,
        on_the_way=entry.d_pending,
        ready_after=entry.available_after,
        set_aside_after=reserved - entry.aside_later,
        because=why,
        text=words.why(why),
        order=number,
    )


def _order_id(why: Because) -> Any:
    """Return the order that a reason names, by itself or as where the points came from (`order:42`)."""
    return why.params.get("order") or number_of(name=str(why.params.get("source", "")), kind="order")
