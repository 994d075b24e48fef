"""
How a level looks where it has no picture: an outline and dots by its rank, so that color is never the only sign.

1 is a circle, 2 a hexagon, 3 and more a star; dots stand in rows of four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loyalty_oscar.tiers.models import Tier
from loyalty_oscar.tiers.queries import tier_name

CIRCLE = "M20 2a18 18 0 1 0 0 36a18 18 0 1 0 0-36z"
HEXAGON = "M20 1l16.5 9.5v19L20 39 3.5 29.5v-19z"
STAR = "M20 1l5.4 11.6 12.6 1.7-9.2 8.8 2.2 12.6L20 29.6 9 35.7l2.2-12.6L2 14.3l12.6-1.7z"
ROW, APART = 4, 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A drawing of 40 by 40: its outline, its color, and the middles of its dots."""

    outline: str
    color: str
    dots: tuple[tuple[str, str], ...]


def shape_of(*, tier: Tier) -> Shape:
    """Return the drawing of a level."""
    outline = {1: CIRCLE, 2: HEXAGON}.get(tier.rank, STAR)
    return Shape(outline=outline, color=tier.color, dots=tuple(_dots(tier.rank)))


def _dots(rank: int) -> list[tuple[str, str]]:
    rows = [min(ROW, rank - start) for start in range(0, rank, ROW)]
    left = [20 - APART / 2 * (in_row - 1) for in_row in rows]
    top = 20.5 - APART / 2 * (len(rows) - 1)
    return [
        (f"{left[row] + APART * column:g}", f"{top + APART * row:g}")
        for row, in_row in enumerate(rows)
        for column in range(in_row)
    ]


def looks(*, tier: Tier) -> dict[str, Any]:
    """Return what the template of a badge needs: rank, name in the reader's language, picture or drawing."""
    return {
        "tier": tier,
        "name": tier_name(tier=tier),
        "picture": tier.picture.url if tier.picture else "",
        "shape": None if tier.picture else shape_of(tier=tier),
    }
