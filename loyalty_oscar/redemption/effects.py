"""
What orders used: the order effect `redemption` gives points back with the goods, pro rata, to their own lots.

State-based like earning: what is left of the order says how many should have come back by now. Nothing is
ever paid out as money.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.operations.desk import write_db

from .models import Redemption
from .operations import bring_back
from .queries import uses_of


class Using:
    """The order effect of this floor."""

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Bring back what these orders no longer use. An order that stands as it was placed costs nothing."""
        wanted = {order.order_id: order for order in orders if not order.is_new or order.has_gone}
        if not wanted:
            return
        with transaction.atomic(using=write_db(), savepoint=False):
            for order_id, uses in uses_of(order_ids=wanted).items():
                for use in uses:
                    if not use.is_replaced:
                        settle(order=wanted[order_id], use=use, at=at)

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: what was used is in its own snapshot."""
        return frozenset()


using = Using()


def settle(*, order: OrderFacts, use: Redemption, at: datetime) -> None:
    """Bring the points of one use in line with what is left of its order."""
    match_lines(order=order, use=use)
    target = use.points if order.dead else returned_of(order=order, use=use)
    params = {"order": order.order_id, "number": order.number}
    if target < use.returned:
        because = Because("used_again", **params)
    elif order.dead:
        because = Because("order_came_to_nothing", **params)
    else:
        because = Because("use_returned", **params)
    # A date moves only for goods that had been delivered: else spend, cancel, repeat kept points alive for ever.
    delivered = order.final_at is not None and any(line.gone for line in order.purchase.lines)
    bring_back(use=use, target=target, because=because, at=at, goods_returned=delivered)


def returned_of(*, order: OrderFacts, use: Redemption) -> int:
    """Return how many points should have come back: of each line its share, the last unit takes the remainder."""
    now = {line.line_id: line for line in order.purchase.lines}
    return sum(
        taken_back(points=part["points"], gone=_gone(part, now.get(part.get("line"))), quantity=part["quantity"])
        for part in use.lines
    )


def _gone(part: dict[str, Any], line: LineFacts | None) -> int:
    return part["quantity"] - line.quantity + line.gone if line else part["quantity"]


def match_lines(*, order: OrderFacts, use: Redemption) -> None:
    """
    Find the order line of each part, once: they were made in the order of the basket, one by one.

    Done when it is first needed, so that placing an order costs nothing; what was removed meanwhile is skipped.
    """
    if not use.lines or any("line" in part for part in use.lines):
        return
    left = sorted(order.purchase.lines, key=lambda line: line.line_id)
    if len(left) == len(use.lines):
        for part, line in zip(use.lines, left, strict=True):
            part["line"] = line.line_id
        return
    for part in use.lines:
        found = next((line for line in left if line.product_id == part["product"]), None)
        part["line"] = found.line_id if found else 0
        if found:
            left.remove(found)
