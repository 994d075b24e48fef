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
from loyalty_oscar.kernel.left import LineSnapshot, what_is_left
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db

from .models import Redemption
from .operations import bring_back, move, on_baskets
from .queries import uses_of
from .words import opens_again


class RedemptionEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Bring back what these orders no longer use. An order that stands as it was placed costs nothing."""
        there = (order for order in orders if order.purchase.lines)
        wanted = {order.order_id: order for order in there if not order.is_new or order.has_gone}
        if not wanted:
            return
        with transaction.atomic(using=write_db(), savepoint=False):
            for order_id, uses in uses_of(order_ids=wanted).items():
                for use in uses:
                    if use.claim_id is not None:
                        settle_reward(order=wanted[order_id], use=use, at=at)
                    elif not use.is_replaced:
                        settle(order=wanted[order_id], use=use, at=at)

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> list[str]:
        """Give back what these orders would no longer use, and name the rewards; writes nothing of its own."""
        known = {order.order_id: order for order in orders}
        said = []
        for order_id, uses in uses_of(order_ids=known).items():
            for use in uses:
                if use.claim is not None:
                    if is_gone(order=known[order_id]) and on_baskets.is_used(claim=use.claim, redemption=use):
                        said.append(opens_again(claim=use.claim))
                elif not use.is_replaced:
                    tie_lines(order=known[order_id], use=use)
                    move(use=use, **_wanted(known[order_id], use), at=at)
        return said

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: what was used is in its own snapshot."""
        return frozenset()


using = RedemptionEffect()


def settle(*, order: OrderFacts, use: Redemption, at: datetime) -> None:
    """Bring the points of one use in line with what is left of its order."""
    if not order.is_deleted and tie_lines(order=order, use=use):
        use.save(using=write_db(), update_fields=["lines"])
    bring_back(use=use, **_wanted(order, use), at=at)


def settle_reward(*, order: OrderFacts, use: Redemption, at: datetime) -> None:
    """
    Let a reward be used again whose order came to nothing; while any of its goods stay, it stays used.

    Of a deleted order whose return period was over nothing changes any more.
    """
    if order.is_deleted and not order.dead:
        return
    on_baskets.settle(redemption=use, is_gone=is_gone(order=order), number=order.number, at=at)


def is_gone(*, order: OrderFacts) -> bool:
    """Return whether nothing of an order is left."""
    return order.dead or all(line.gone >= line.quantity for line in order.purchase.lines)


def _wanted(order: OrderFacts, use: Redemption) -> dict[str, Any]:
    """Return how many points of a use should have come back by now, why, and whether goods came back with them."""
    if order.is_deleted:
        # Of a deleted order nothing can come back any more: all of it does, or its return period was over.
        target = use.points if order.dead else use.returned
    else:
        target = use.points if order.dead else returned_of(order=order, use=use)
    params = {"order": order.order_id, "number": order.number}
    if target < use.returned:
        because = Because("used_again", **params)
    elif order.dead:
        because = Because("order_came_to_nothing", **params)
    else:
        because = Because("use_returned", **params)
    # A date moves only for goods that had been delivered: else spend, cancel, repeat kept points alive for ever.
    delivered = order.final_at is not None and (not order.dead or any(line.gone for line in order.purchase.lines))
    return {"target": target, "because": because, "goods_returned": delivered}


def returned_of(*, order: OrderFacts, use: Redemption) -> int:
    """
    Return how many points should have come back: of each part its share, the last unit takes the remainder.

    A part whose goods are all there keeps what is still granted as discount.
    """
    return sum(_back(part, line) for part, line in zip(use.lines, lines_of(order=order, use=use), strict=True))


def _back(part: dict[str, Any], line: LineFacts) -> int:
    points, minor = part["points"], part["minor"]
    # What staff gave in exchange took the discount over.
    gone = {"gone": line.gone - line.exchanged, "quantity": part["quantity"]}
    back = taken_back(points=points, **gone)
    granted = minor - taken_back(points=minor, **gone)
    if line.withdrawn_minor and granted:
        # Points lay on top of every other discount, so theirs is the first that goes.
        back += taken_back(points=points - back, gone=line.withdrawn_minor, quantity=granted)
    return back


def lines_of(*, order: OrderFacts, use: Redemption) -> list[LineFacts]:
    """
    Return what is left of each part, in the order of the basket.

    The order's own answer, where the part is the line that was written down of it; else (the shop makes its lines its
    own way, or staff changed them before anybody looked) the same question is asked for the parts themselves.
    """
    written = {line.line_id: line for line in order.purchase.lines}
    found = [
        line for part in use.lines if (line := written.get(part.get("line"))) and line.quantity == part["quantity"]
    ]
    if len(found) == len(use.lines):
        return found
    parts = [
        LineSnapshot(
            number=number,
            line_id=part.get("line") or 0,
            product_id=part["product"],
            quantity=part["quantity"],
            paid_minor=part.get("paid", 0),
            list_minor=part.get("list", 0),
            mark=part.get("mark", 0),
        )
        for number, part in enumerate(use.lines)
    ]
    return what_is_left(parts=parts, rows=order.rows)[0]


def tie_lines(*, order: OrderFacts, use: Redemption) -> bool:
    """
    Find the line of each part that was not noted when the order was written: by product and pieces, then by product.
    Returns whether any was found; the use is not saved.

    That two sides are equally many proves nothing. A part without a line is looked for by its product each time.
    """
    loose = [part for part in use.lines if "line" not in part]
    if not loose or not order.purchase.lines:
        return False
    taken = {part.get("line") for part in use.lines}
    left = [line for line in order.purchase.lines if line.line_id not in taken and line.line_id > 0]
    for fits in (_is_same, _is_product, _is_gone_product):
        for part in loose:
            one = next((line for line in left if "line" not in part and fits(part, line)), None)
            if one:
                part["line"], part["paid"], part["list"] = one.line_id, one.paid_minor, one.paid_minor + part["minor"]
                left.remove(one)
    return any("line" in part for part in loose)


def _is_same(part: dict[str, Any], line: LineFacts) -> bool:
    return _is_product(part, line) and line.quantity == part["quantity"]


def _is_product(part: dict[str, Any], line: LineFacts) -> bool:
    return line.product_id == part["product"]


def _is_gone_product(part: dict[str, Any], line: LineFacts) -> bool:
    return line.product_id is None and line.quantity == part["quantity"]
