"""
What orders were: the order effect `people` keeps a receipt of each, guests' too.

State-based: a receipt says what is left of its order now, so it needs no past. Who bought it is told by the order's
facts; once that person has left nobody can say, and the receipt keeps what stands there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import begun_units, joined_members
from loyalty_oscar.program.rows import write_rows

from .models import Receipt

LEFT = ("final_at", "goods_minor", "paid_minor", "pieces", "is_gone", "changed_at")
WHO = ("member", "buyer", "is_member", "is_first")


class ReceiptEffect:
    """The order effect of this floor."""

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> Sequence[Any]:
        """Write down what these orders are by now. Two queries; one more where members and guests come together."""
        rows = _receipts(orders, at)
        told = {order.order_id for order in orders if order.buyer}
        write_rows(rows=[row for row in rows if row.order_id in told], over=[*LEFT, *WHO], unique="order_id")
        write_rows(rows=[row for row in rows if row.order_id not in told], over=LEFT, unique="order_id")
        return ()

    def set_codes(self) -> frozenset[str]:
        """Return no product sets: a receipt is of all goods."""
        return frozenset()


def add_receipts(*, orders: Sequence[OrderFacts], at: datetime) -> int:
    """Write receipts of orders that have none, and leave those alone that are there; returns how many were asked."""
    rows = _receipts(orders, at)
    write_rows(rows=rows, skip=True)
    return len(rows)


def differing(*, orders: Sequence[OrderFacts], at: datetime) -> list[int]:
    """Return those of these orders whose receipt, where there is one, says something else of what is left."""
    meant = {row.order_id: row for row in _receipts(orders, at)}
    rows = Receipt.objects.using(write_db()).filter(order_id__in=meant)
    return [row.order_id for row in rows if _said(row) != _said(meant[row.order_id])]


def _said(row: Receipt) -> tuple[int, int, int, bool]:
    return row.goods_minor, row.paid_minor, row.pieces, row.is_gone


def _receipts(orders: Sequence[OrderFacts], at: datetime) -> list[Receipt]:
    """Return the receipts of these orders (unsaved); none for an order without lines, which isn't there yet."""
    programs = {unit.pk: unit.program_id for unit in begun_units()}
    found: dict[int, list[OrderFacts]] = defaultdict(list)
    for order in orders:
        if order.unit_id in programs and order.purchase.lines:
            found[programs[order.unit_id]].append(order)
    return [row for program_id, own in found.items() for row in _of_program(program_id, own, at)]


def _of_program(program_id: int, orders: Iterable[OrderFacts], at: datetime) -> list[Receipt]:
    """Return the receipts of orders of one program."""
    rows: list[Receipt] = []
    guests: list[Receipt] = []
    people = {order.user_id for order in orders if order.user_id is not None}
    joined = joined_members(program_id=program_id, user_ids=people) if people else {}
    for order in orders:
        member_id, _day = joined.get(order.user_id, (None, None))
        row = _receipt(order, program_id, member_id, at)
        rows.append(row)
        if order.user_id is None and order.buyer:
            guests.append(row)
    _find_first(guests)
    return rows


def _receipt(order: OrderFacts, program_id: int, member_id: int | None, at: datetime) -> Receipt:
    lines = () if order.dead else order.purchase.lines
    listed = {part.number: part.list_minor for part in order.parts}
    pieces = sum(line.pieces_left for line in lines)
    return Receipt(
        order_id=order.order_id,
        program_id=program_id,
        member_id=member_id if order.buyer else None,
        buyer=order.buyer or token_hex(32),
        is_member=bool(member_id and order.buyer),
        placed_at=order.placed_at,
        final_at=order.final_at,
        currency=order.purchase.currency,
        goods_minor=sum(line.left_of(amount=listed.get(line.line_id, line.paid_minor)) for line in lines),
        paid_minor=sum(line.left_of(amount=line.paid_minor) for line in lines),
        pieces=pieces,
        is_gone=not pieces,
        is_first=order.purchase.is_first,
        changed_at=at,
    )


def _find_first(rows: Collection[Receipt]) -> None:
    """
    Say which receipts of guests are the first of their mailbox: no earlier one stands. What was said once stays said,
    unless an older order comes to light.
    """
    if not rows:
        return
    receipts = Receipt.objects.using(write_db())
    there: dict[str, dict[int, Receipt]] = defaultdict(dict)
    for row in receipts.filter(buyer__in={row.buyer for row in rows}).order_by("placed_at", "order_id"):
        there[row.buyer][row.order_id] = row
    late: list[int] = []
    for row in sorted(rows, key=lambda one: (one.placed_at, one.order_id)):
        known = there[row.buyer]
        if row.order_id in known:
            row.is_first = known[row.order_id].is_first
            continue
        others = [one for one in known.values() if not one.is_gone]
        row.is_first = not any(one.placed_at <= row.placed_at for one in others)
        late += [one.order_id for one in others if row.is_first and one.is_first]
        known[row.order_id] = row
    if late:
        receipts.filter(order_id__in=late).update(is_first=False)


receipts = ReceiptEffect()
