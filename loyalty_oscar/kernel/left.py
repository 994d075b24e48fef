"""
What is left of an order: its lines as they were written down at the first look, against its lines as they stand now.

Worked out once for all features. Staff split lines, merge them, enter them again or swap them; what was promised hangs
on the parts that were written down, and a part is gone only where its pieces really are.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from . import rounding
from .facts import LineFacts, LineState, OrderFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class LineSnapshot:
    """
    What was true of a line when it was first seen; never changed. `number` is its name for all features: the key of
    the line it came as, or less than 0 for pieces that were added to a line that was known. `mark` stands for its
    title, where that is all that tells one thing from another.
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
    mark: int = 0

    def to_json(self) -> list[Any]:
        """Return it as it stands on the mark of its order."""
        money = [self.paid_minor, self.paid_excl_minor, self.list_minor]
        known = [self.number, self.line_id, self.product_id, self.quantity]
        return [*known, *money, sorted(self.sets), int(self.is_late), self.mark]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> LineSnapshot:
        """Return what `to_json` wrote."""
        number, line_id, product_id, quantity, paid, excl, listed, sets, late, mark = stored
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
            mark=mark,
        )


def mark_of(*, title: str) -> int:
    """Return a number that stands for a title."""
    return crc32(title.encode())


@dataclass(slots=True)
class _Kept:
    """Where the pieces of a part are now: pairs of a row and how many; `back` of them came back."""

    part: LineSnapshot
    rows: list[tuple[LineState, int]] = field(default_factory=list)
    back: int = 0

    @property
    def pieces(self) -> int:
        return sum(pieces for _row, pieces in self.rows)

    @property
    def missing(self) -> int:
        return self.part.quantity - self.pieces

    def had(self, pieces: int) -> Fraction:
        """Return the discount that so many of its pieces had when they were written down."""
        return Fraction((self.part.list_minor - self.part.paid_minor) * pieces, self.part.quantity or 1)


def what_is_left(
    *, parts: Sequence[LineSnapshot], rows: Sequence[LineState]
) -> tuple[list[LineFacts], list[LineSnapshot]]:
    """
    Return what is left of each part, and the parts that came since and are not written down yet (without product sets).

    Pieces belong to the part whose line they stand on; where a part misses some, it finds them on lines of the same
    product: it was split, merged or entered again. What no part misses came later: in exchange for a part, where it
    stands on the line of one. Pieces that came back are those of the part that was there first.
    """
    free = {row.line_id: row.quantity for row in rows}
    kept = [_Kept(part) for part in parts]
    _own_lines(kept, {row.line_id: row for row in rows}, free)
    _other_lines(kept, rows, free)
    late = _late(kept, rows, free)
    for row in rows:
        _come_back(row, [one for one in (*kept, *late) if any(its.line_id == row.line_id for its, _pieces in one.rows)])
    return [_facts(one, [*kept, *late]) for one in kept], [one.part for one in late]


def as_if(*, order: OrderFacts, rows: Sequence[LineState]) -> OrderFacts:
    """Return an order as if its lines stood so: what a return would leave of it, before anybody confirms it."""
    lines = tuple(what_is_left(parts=order.parts, rows=rows)[0])
    return replace(order, rows=tuple(rows), purchase=order.purchase_of(lines=lines))


def _own_lines(kept: Iterable[_Kept], rows: dict[int, LineState], free: dict[int, int]) -> None:
    for one in kept:
        row = rows.get(one.part.line_id)
        # A line whose product is another now was swapped; one without a product had it deleted.
        if row and (row.product_id in (one.part.product_id, None) or one.part.product_id is None):
            _put(one, row, free)


def _other_lines(kept: Sequence[_Kept], rows: Sequence[LineState], free: dict[int, int]) -> None:
    """In rounds: lines that look the same to the cent first, so that of two like parts each finds its own."""
    for fits in (_is_same, _is_product, _is_title):
        for one in kept:
            for row in rows:
                if one.missing and free[row.line_id] and fits(one.part, row):
                    _put(one, row, free)


def _is_product(part: LineSnapshot, row: LineState) -> bool:
    return part.product_id is not None and row.product_id == part.product_id


def _is_same(part: LineSnapshot, row: LineState) -> bool:
    return _is_product(part, row) and (row.quantity, row.paid_minor) == (part.quantity, part.paid_minor)


def _is_title(part: LineSnapshot, row: LineState) -> bool:
    """Products leave the catalogue, and imports know none."""
    return (part.product_id is None or row.product_id is None) and part.mark == mark_of(title=row.title)


def _put(one: _Kept, row: LineState, free: dict[int, int]) -> None:
    pieces = min(one.missing, free[row.line_id])
    if pieces > 0:
        one.rows.append((row, pieces))
        free[row.line_id] -= pieces


def _late(kept: Sequence[_Kept], rows: Sequence[LineState], free: dict[int, int]) -> list[_Kept]:
    """Return the pieces that no part misses, as parts of their own: each costs what its line costs beyond the known."""
    numbers = {one.part.number for one in kept}
    found: list[_Kept] = []
    for row in rows:
        if not free[row.line_id]:
            continue
        there = [one for one in kept if any(its.line_id == row.line_id for its, _pieces in one.rows)]
        number = row.line_id if row.line_id not in numbers else -1 - len(kept) - len(found)
        part = LineSnapshot(
            number=number,
            line_id=row.line_id,
            product_id=row.product_id,
            quantity=free[row.line_id],
            paid_minor=_beyond(row.paid_minor, row, there, "paid_minor"),
            paid_excl_minor=_beyond(row.paid_excl_minor, row, there, "paid_excl_minor"),
            list_minor=_beyond(row.list_minor, row, there, "list_minor"),
            is_late=True,
            mark=mark_of(title=row.title),
        )
        found.append(_Kept(part, [(row, part.quantity)]))
    return found


def _beyond(amount: int, row: LineState, there: Sequence[_Kept], name: str) -> int:
    """Return what of a line's amount its known pieces do not account for."""
    known = sum(
        Fraction(getattr(one.part, name) * pieces, one.part.quantity)
        for one in there
        for its, pieces in one.rows
        if its.line_id == row.line_id and one.part.quantity
    )
    return max(0, amount - rounding.half_up(exact=Fraction(known)))


def _come_back(row: LineState, there: Sequence[_Kept]) -> None:
    left = min(row.gone, row.quantity)
    for one in there:
        pieces = min(left, sum(pieces for its, pieces in one.rows if its.line_id == row.line_id))
        one.back += pieces
        left -= pieces


def _exchanged(one: _Kept, every: Iterable[_Kept]) -> tuple[int, Fraction]:
    """
    Return how many pieces of another product stand where a part stood, and the discount that these have.

    The goods of the part are gone; but staff who put another product on a line leave it what was paid with points.
    """
    line = one.part.line_id
    if not one.missing or any(row.line_id == line for row, _pieces in one.rows):
        return 0, Fraction(0)
    others = [it for it in every if it.part.line_id == line and it.part.is_late and not _is_alike(it.part, one.part)]
    there = sum(it.pieces for it in others)
    pieces = min(one.missing, there - sum(it.back for it in others))
    return (pieces, sum(map(_discount, others), Fraction(0)) * pieces / there) if pieces > 0 else (0, Fraction(0))


def _is_alike(part: LineSnapshot, other: LineSnapshot) -> bool:
    return part.product_id == other.product_id


def _discount(one: _Kept) -> Fraction:
    """Return the discount of the pieces that are there, as it is now."""
    return sum((Fraction((r.list_minor - r.paid_minor) * pieces, r.quantity) for r, pieces in one.rows), Fraction(0))


def _facts(one: _Kept, every: Sequence[_Kept]) -> LineFacts:
    part = one.part
    exchanged, discount = _exchanged(one, every)
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
        exchanged=exchanged,
        withdrawn_minor=rounding.half_up(exact=_withdrawn(one) + max(Fraction(0), one.had(exchanged) - discount)),
    )


def _withdrawn(one: _Kept) -> Fraction:
    """
    Return how much of the discount that a part had is no longer granted on the pieces that are there: they cost more
    than they did, and not because their price before discounts rose.
    """
    paid = sum(Fraction(row.paid_minor * pieces, row.quantity) for row, pieces in one.rows)
    dearer = paid - Fraction(one.part.paid_minor * one.pieces, one.part.quantity or 1)
    return max(Fraction(0), min(dearer, one.had(one.pieces) - _discount(one)))
