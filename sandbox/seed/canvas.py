"""
A sheet to draw flat pictures on: every shape is a filled polygon, so every shape can be turned, moved and scaled.

Units are hundredths of the picture's side, x to the right, y down. The sheet is drawn four times too large and reduced
once, which gives smooth edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw

Point = tuple[float, float]

TEAL, DEEP, ORANGE, WHITE, DISC = "#1F7A70", "#12403C", "#E38B2C", "#FFFCF5", "#E7EEE9"
SIDE, OVERSIZE = 640, 4


class Canvas:
    """One picture, with its pale disc or without."""

    def __init__(self, *, disc: bool = True) -> None:
        self._scale = SIDE * OVERSIZE / 100
        # Transparent, but of the disc's color, so that reduced edges have no dark fringe.
        self._image = Image.new("RGBA", (SIDE * OVERSIZE, SIDE * OVERSIZE), (*ImageColor.getrgb(DISC), 0))
        self._draw = ImageDraw.Draw(self._image)
        self._place: Callable[[float, float], Point] = lambda x, y: (x, y)
        if disc:
            self.oval(50, 50, 47, 47, DISC)

    def save(self, path: Path, *, side: int = SIDE) -> None:
        """Write the picture as a square PNG of `side` pixels, of which 640 is a multiple."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._image.reduce(OVERSIZE * SIDE // side).save(path)

    # -- Where shapes go

    @contextmanager
    def placed(self, x: float = 0, y: float = 0, *, scale: float = 1, turn: float = 0) -> Iterator[None]:
        """Draw what follows around (x, y): its origin there, scaled, turned by degrees clockwise."""
        outer, cos, sin = self._place, math.cos(math.radians(turn)), math.sin(math.radians(turn))
        self._place = lambda u, v: outer(x + scale * (u * cos - v * sin), y + scale * (u * sin + v * cos))
        try:
            yield
        finally:
            self._place = outer

    # -- Shapes

    def poly(self, points: Sequence[Point], color: str) -> None:
        """A polygon."""
        placed = (self._place(*point) for point in points)
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in placed], fill=color)

    def oval(self, x: float, y: float, rx: float, ry: float, color: str, *, start: float = 0, end: float = 360) -> None:
        """An ellipse, or the piece of it between two angles (clockwise from the right), closed by its chord."""
        self.poly(arc(x, y, rx, ry, start, end), color)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: str, *, r: float = 0) -> None:
        """A rectangle with corners of radius r."""
        r = max(min(r, (x1 - x0) / 2, (y1 - y0) / 2), 0.01)
        corners = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270))
        self.poly([p for x, y, a in corners for p in arc(x, y, r, r, a, a + 90)], color)

    def path(self, points: Sequence[Point], color: str, width: float) -> None:
        """A line of even width with round ends and joints."""
        for (x0, y0), (x1, y1) in pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0) or 1
            nx, ny = (y0 - y1) / length * width / 2, (x1 - x0) / length * width / 2
            self.poly([(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)], color)
        for x, y in points:
            self.oval(x, y, width / 2, width / 2, color)

    def ring(
        self, x: float, y: float, rx: float, ry: float, color: str, width: float, start: float = 0, end: float = 360
    ) -> None:
        """An open or closed elliptic line."""
        self.path(arc(x, y, rx, ry, start, end), color, width)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points of an elliptic arc, one about every three degrees."""
    steps = max(2, round(abs(end - start) / 3))
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def wave(x0: float, x1: float, y: float, height: float, waves: float) -> list[Point]:
    """Points of a sine line from x0 to x1."""
    steps = 40
    return [
        (x0 + (x1 - x0) * i / steps, y + height * math.sin(2 * math.pi * waves * i / steps)) for i in range(steps + 1)
    ]
