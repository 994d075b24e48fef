"""
Being paid is one notion: who keeps something for a customer (points, a piece of a sale) asks here before it is taken
away, and never needs to know what a basket is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from . import clock
from .hooks import RAISE, Hook


class Payments(Protocol):
    """
    Says which slots (`basket:42`) a customer is paying for at a moment; slots of other kinds are none of its own.

    `peek` locks nothing: what is told may have changed by the time it is read.
    """

    def __call__(self, *, slots: Collection[str], at: datetime, peek: bool) -> Collection[str]: ...


payments: Hook[Payments] = Hook("payments", Payments, on_error=RAISE)


def being_paid(*, slots: Collection[str | None], at: datetime | None = None, peek: bool = False) -> frozenset[str]:
    """
    Return which of these slots a customer is paying for, in whatever transaction: what is kept for them is left alone.

    Ask inside the transaction that would take something away. It never waits, so it may be asked with accounts locked,
    and nobody begins to pay for one of the other slots before that transaction is over. Who takes nothing may `peek`.
    """
    named = [slot for slot in slots if slot is not None]
    if not named:
        return frozenset()
    return frozenset().union(*payments.answers(slots=named, at=at or clock.now(), peek=peek))
