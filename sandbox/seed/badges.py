"""The badges of the levels: each with an outline of its own, a paw, and as many dots as its rank."""

from __future__ import annotations

import math
from pathlib import Path

from .canvas import Canvas, Point, arc
from .emblems import paw

#: Fill and ink by rank: 4.5 and more between the two, so that color is never the only sign.
COLORS = {1: ("#E0A878", "#5E2F0B"), 2: ("#CBD5DA", "#3B484E"), 3: ("#F2B632", "#5A3E00")}


def draw(*, rank: int, path: Path) -> None:
    """Draw the badge of a level (1 to 3) into a PNG file. Raises `KeyError` for another."""
    canvas, (fill, ink) = Canvas(disc=False), COLORS[rank]
    canvas.poly(_outline(rank, 48), ink)
    canvas.poly(_outline(rank, 42), fill)
    with canvas.placed(50, 45, scale=2):
        paw(canvas, ink)
    for number in range(rank):
        canvas.oval(50 + 11 * (number - (rank - 1) / 2), 74, 3.8, 3.8, ink)
    canvas.save(path, side=160)


def _outline(rank: int, radius: float) -> list[Point]:
    """A circle, a hexagon, or a star with many short points, so that there is room inside."""
    if rank == 1:
        return arc(50, 50, radius, radius, 0, 360)
    corners = 6 if rank == 2 else 20
    reach = [radius if rank == 2 or number % 2 == 0 else radius * 0.86 for number in range(corners)]
    angles = [math.tau * number / corners - math.pi / 2 for number in range(corners)]
    return [(50 + r * math.cos(a), 50 + r * math.sin(a)) for r, a in zip(reach, angles, strict=True)]
