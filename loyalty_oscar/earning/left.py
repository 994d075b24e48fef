"""What is left of an award, from its snapshot and the pieces that are gone by now. Pure, like `decision`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loyalty_oscar.kernel import rounding


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLeft:
    """A line of a stored award and how many of its units are gone by now."""

    line_id: int
    quantity: int
    points: int
    paid_minor: int
    gone: int


def left_of(*, lines: Sequence[LineLeft], bonuses: Sequence[Mapping[str, Any]]) -> int:
    """
    Return what an award should have given by now, from its snapshot alone.

    Each line keeps its points less the floor of the share that is gone, so the last unit takes the
    remainder; a bonus stays while the money that must stay paid for its lines does, and the pieces that it asks for;
    one for every so many pieces is counted on those that are left.
    """
    points = 0
    paid: dict[int, int] = {}
    pieces = {line.line_id: line.quantity - line.gone for line in lines if line.paid_minor > 0}
    for line in lines:
        points += line.points - rounding.taken_back(points=line.points, gone=line.gone, quantity=line.quantity)
        paid[line.line_id] = line.paid_minor - rounding.taken_back(
            points=line.paid_minor, gone=line.gone, quantity=line.quantity
        )
    for bonus in bonuses:
        covered, whole = (
            sum(paid.get(line_id, 0) for line_id in ids) for ids in (bonus["lines"], bonus.get("all", bonus["lines"]))
        )
        if covered > 0 and whole >= bonus["min"] and _has_pieces(bonus, pieces):
            points += _of_bonus(bonus, pieces)
    return points


def _has_pieces(bonus: Mapping[str, Any], pieces: Mapping[int, int]) -> bool:
    """Return whether as many pieces are left as a bonus asks for, in the order and of one product."""
    in_all = sum(pieces.get(line_id, 0) for line_id in bonus.get("all", bonus["lines"]))
    most = max((pieces.get(line_id, 0) for line_id in bonus["lines"]), default=0)
    return in_all >= bonus.get("pieces", 0) and most >= bonus.get("line", 0)


def _of_bonus(bonus: Mapping[str, Any], pieces: Mapping[int, int]) -> int:
    if "every" not in bonus:
        return int(bonus["p"])
    left = sum(pieces.get(line_id, 0) for line_id in bonus["lines"])
    return min(int(bonus["p"]), bonus["each"] * (left // bonus["every"]))
