"""
What is left of an order: its lines as they were written down at the first look, against its lines as they stand now.

Worked out once for all features. Staff split lines, merge them, enter them again or swap them; what was promised hangs
on the parts that were written down, and a part is gone only where its pieces really are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from . import rounding
from .facts import LineFacts, OrderFacts, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """
    What was true of a line when it was first seen; never changed. `number` is its name for all features: the key of
    the line it came as, or less than 0 for pieces that were added to a line that was known.
    """

    number: int
    line_id: int
    product_id: int | None
    quantity: int
    paid_minor: int
    paid_excl_minor: int = 0
    list_minor: int = 0
    sets: frozenset[str] = frozenset()
    is_late: bool = False

    def to_json(self) -> list[Any]:
        """Return it as it stands on the mark of its order."""
        money = [self.paid_minor, self.paid_excl_minor, self.list_minor]
        return [self.number, self.line_id, self.product_id, self.quantity, *money, sorted(self.sets), int(self.is_late)]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Part:
        """Return what `to_json` wrote."""
        number, line_id, product_id, quantity, paid, excl, listed, sets, late = stored
        return cls(
            number=number,
            line_id=line_id,
            product_id=product_id,
            quantity=quantity,
            paid_minor=paid,
            paid_excl_minor=excl,
            list_minor=listed,
            sets=frozenset(sets),
            is_late=bool(late),
        )


@dataclass(slots=True)
class _Kept:
    """Where the pieces of a part are now: pairs of a row and how many; `back` of them came back."""

    part: Part
    rows: list[tuple[Row, int]] = field(default_factory=list)
    back: int = 0

    @property
    def pieces(self) -> int:
        return sum(pieces for _row, pieces in self.rows)

    @property
    def missing(self) -> int:
        return self.part.quantity - self.pieces

    def then(self, minor: int) -> Fraction:
        """Return the share that the pieces which are still there had of an amount that was written down."""
        return Fraction(minor * self.pieces, self.part.quantity) if self.part.quantity else Fraction(minor)


def what_is_left(*, parts: Sequence[Part], rows: Sequence[Row]) -> tuple[list[LineFacts], list[Part]]:
    """
    Return what is left of each part, and the parts that came since and are not written down yet (without product sets).

    Pieces belong to the part whose line they stand on; where a part misses some, it finds them on lines of the same
    product: it was split, merged or entered again. What no part misses came later. Pieces that came back are those of
    the part that was there first.
    """
    free = {row.line_id: row.quantity for row in rows}
    kept = [_Kept(part) for part in parts]
    _own_lines(kept, {row.line_id: row for row in rows}, free)
    _other_lines(kept, rows, free)
    late = _late(kept, rows, free)
    for row in rows:
        _come_back(row, [one for one in (*kept, *late) if any(its.line_id == row.line_id for its, _pieces in one.rows)])
    return [_facts(one) for one in kept], [one.part for one in late]


def as_if(*, order: OrderFacts, rows: Sequence[Row]) -> OrderFacts:
    """Return an order as if its lines stood so: what a return would leave of it, before anybody confirms it."""
    lines = tuple(what_is_left(parts=order.parts, rows=rows)[0])
    return replace(order, rows=tuple(rows), purchase=order.purchase_of(lines=lines))


def _own_lines(kept: Iterable[_Kept], rows: dict[int, Row], free: dict[int, int]) -> None:
    for one in kept:
        row = rows.get(one.part.line_id)
        # A line whose product is another now was swapped; one without a product had it deleted.
        if row and (row.product_id in (one.part.product_id, None) or one.part.product_id is None):
            _put(one, row, free)


def _other_lines(kept: Sequence[_Kept], rows: Sequence[Row], free: dict[int, int]) -> None:
    """In two rounds: lines that look the same to the cent first, so that of two like parts each finds its own."""
    for fits in (_is_same, _is_product):
        for one in kept:
            for row in rows:
                if one.missing and free[row.line_id] and fits(one.part, row):
                    _put(one, row, free)


def _is_product(part: Part, row: Row) -> bool:
    return part.product_id is not None and row.product_id == part.product_id


def _is_same(part: Part, row: Row) -> bool:
    return _is_product(part, row) and (row.quantity, row.paid_minor) == (part.quantity, part.paid_minor)


def _put(one: _Kept, row: Row, free: dict[int, int]) -> None:
    pieces = min(one.missing, free[row.line_id])
    if pieces > 0:
        one.rows.append((row, pieces))
        free[row.line_id] -= pieces


def _late(kept: Sequence[_Kept], rows: Sequence[Row], free: dict[int, int]) -> list[_Kept]:
    """Return the pieces that no part misses, as parts of their own: each costs what its line costs beyond the known."""
    numbers = {one.part.number for one in kept}
    found = []
    for row in rows:
        if not free[row.line_id]:
            continue
        there = [one for one in kept if any(its.line_id == row.line_id for its, _pieces in one.rows)]
        number = row.line_id if row.line_id not in numbers else -1 - len(kept) - len(found)
        part = Part(
            number=number,
            line_id=row.line_id,
            product_id=row.product_id,
            quantity=free[row.line_id],
            paid_minor=_beyond(row.paid_minor, row, there, "paid_minor"),
            paid_excl_minor=_beyond(row.paid_excl_minor, row, there, "paid_excl_minor"),
            list_minor=_beyond(row.list_minor, row, there, "list_minor"),
            is_late=True,
        )
        found.append(_Kept(part, [(row, part.quantity)]))
    return found


def _beyond(amount: int, row: Row, there: Sequence[_Kept], name: str) -> int:
    """Return what of a line's amount its known pieces do not account for."""
    known = sum(
        Fraction(getattr(one.part, name) * pieces, one.part.quantity)
        for one in there
        for its, pieces in one.rows
        if its.line_id == row.line_id and one.part.quantity
    )
    return max(0, amount - rounding.half_up(exact=Fraction(known)))


def _come_back(row: Row, there: Sequence[_Kept]) -> None:
    left = min(row.gone, row.quantity)
    for one in there:
        pieces = min(left, sum(pieces for its, pieces in one.rows if its.line_id == row.line_id))
        one.back += pieces
        left -= pieces


def _facts(one: _Kept) -> LineFacts:
    part = one.part
    return LineFacts(
        line_id=part.number,
        product_id=part.product_id,
        title=next((row.title for row, _pieces in one.rows), ""),
        quantity=part.quantity,
        paid_minor=part.paid_minor,
        paid_excl_minor=part.paid_excl_minor,
        gone=one.missing + one.back,
        sets=part.sets,
        rows=tuple((row.line_id, pieces) for row, pieces in one.rows),
        withdrawn_minor=_withdrawn(one),
    )


def _withdrawn(one: _Kept) -> int:
    """
    Return how much of the discount that a part had is no longer granted on the pieces that are there: they cost more
    than they did, and not because their price before discounts rose.
    """
    paid, listed = (
        sum(Fraction(getattr(row, name) * pieces, row.quantity) for row, pieces in one.rows)
        for name in ("paid_minor", "list_minor")
    )
    dearer = paid - one.then(one.part.paid_minor)
    granted = one.then(one.part.list_minor) - one.then(one.part.paid_minor)
    return rounding.half_up(exact=max(Fraction(0), min(dearer, granted - (listed - paid))))
