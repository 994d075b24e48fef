"""
What orders used: the order effect `redemption` gives points back with the goods, pro rata, to their own lots.

State-based like earning: what is left of the order says how many should have come back by now. Nothing is
ever paid out as money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def _has_gone(order: OrderFacts) -> bool:
    return any(line.gone for line in order.purchase.lines)


def settle(*, order: OrderFacts, use: Redemption, at: datetime) -> None:
    """Bring the points of one use in line with what is left of its order; one without lines isn't there yet."""
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
    delivered = order.final_at is not None and (not order.dead or _has_gone(order))
    bring_back(use=use, target=target, because=because, at=at, goods_returned=delivered)


def returned_of(*, order: OrderFacts, use: Redemption) -> int:
    """Return how many points should have come back: of each line its share, the last unit takes the remainder."""
    now = {line.line_id: line for line in order.purchase.lines}
    return sum(
        taken_back(points=part["points"], gone=_gone(part, now), quantity=part["quantity"])
        for part in use.lines
        if "lines" in part
    )


def _gone(part: dict[str, Any], now: Mapping[int, LineFacts]) -> int:
    return part["quantity"] - sum(now[pk].quantity - now[pk].gone for pk in part["lines"] if pk in now)


def match_lines(*, order: OrderFacts, use: Redemption) -> None:
    """
    Find the order lines of each part, once: usually one, made in the order of the basket.

    Done when an order is looked at for the second time, so that placing it costs nothing. Where the numbers differ
    (a line was deleted, or the shop makes its lines its own way) products tell, then quantities.
    """
    left = sorted(order.purchase.lines, key=lambda line: line.line_id)
    if not left or not use.lines or "lines" in use.lines[0]:
        return
    found = [[line] for line in left] if len(left) == len(use.lines) else _by_product(use.lines, left)
    for part, lines in zip(use.lines, found, strict=True):
        part["lines"] = [line.line_id for line in lines]
    use.save(using=write_db(), update_fields=["lines"])


def _by_product(parts: Sequence[dict[str, Any]], left: list[LineFacts]) -> list[list[LineFacts]]:
    found: list[list[LineFacts]] = [[] for _part in parts]
    for fits in (_is_same, _is_product, _is_gone_product):
        for part, lines in zip(parts, found, strict=True):
            one = next((line for line in left if not lines and fits(part, line)), None)
            if one:
                lines.append(one)
                left.remove(one)
    for line in left:
        # A line of the basket may have become several.
        next((lines for part, lines in zip(parts, found, strict=True) if _is_product(part, line)), []).append(line)
    return found


def _is_same(part: dict[str, Any], line: LineFacts) -> bool:
    return _is_product(part, line) and line.quantity == part["quantity"]


def _is_product(part: dict[str, Any], line: LineFacts) -> bool:
    return line.product_id == part["product"]


def _is_gone_product(part: dict[str, Any], line: LineFacts) -> bool:
    return line.product_id is None and line.quantity == part["quantity"]
