"""Small signs that stand on bags, bowls and beds. Each is drawn about the origin, some 20 units across."""

from __future__ import annotations

import math
from collections.abc import Callable

from .canvas import Canvas

Emblem = Callable[[Canvas, str], None]


def paw(c: Canvas, color: str) -> None:
    for x, y, turn in ((-8.2, -1, -25), (-3, -7, -8), (3, -7, 8), (8.2, -1, 25)):
        with c.placed(x, y, turn=turn):
            c.oval(0, 0, 2.3, 3.2, color)
    c.oval(0, 2.6, 4.6, 3.6, color)
    for x in (-3.4, 3.4):
        c.oval(x, 5.8, 3.8, 3.6, color)
    c.poly([(-6.6, 4.2), (-4.4, 1.6), (4.4, 1.6), (6.6, 4.2), (3.4, 9.3), (-3.4, 9.3)], color)


def bone(c: Canvas, color: str) -> None:
    with c.placed(turn=-30):
        c.path([(-7, 0), (7, 0)], color, 4.4)
        for x in (-8, 8):
            for y in (-2.4, 2.4):
                c.oval(x, y, 3, 3, color)


def fish(c: Canvas, color: str) -> None:
    c.oval(-2, 0, 8, 4.8, color)
    c.poly([(4, 0), (11, -5), (11, 5)], color)


def carrot(c: Canvas, color: str) -> None:
    with c.placed(turn=35):
        c.poly([(-4.5, -3), (4.5, -3), (0.8, 11), (-0.8, 11)], color)
        c.oval(0, -3, 4.5, 2.4, color)
        for turn in (-28, 0, 28):
            with c.placed(0, -4, turn=turn):
                c.oval(0, -4, 1.5, 4, color)


def leaf(c: Canvas, color: str) -> None:
    with c.placed(turn=40):
        c.poly([(0, -10), (4.5, -5), (5.5, 0), (4, 5), (0, 8), (-4, 5), (-5.5, 0), (-4.5, -5)], color)
        c.path([(0, 4), (0, 11)], color, 1.4)


def heart(c: Canvas, color: str) -> None:
    for x in (-3.8, 3.8):
        c.oval(x, -2.5, 4.6, 4.6, color)
    c.poly([(-8, -0.2), (8, -0.2), (0, 9)], color)


def drop(c: Canvas, color: str) -> None:
    c.oval(0, 3, 6, 6, color)
    c.poly([(-5.5, 0.6), (0, -10), (5.5, 0.6)], color)


def star(c: Canvas, color: str) -> None:
    spikes = [(10 if i % 2 == 0 else 4.4, math.radians(36 * i - 90)) for i in range(10)]
    c.poly([(r * math.cos(a), r * math.sin(a)) for r, a in spikes], color)


def none(c: Canvas, color: str) -> None:
    """Nothing: a plain thing."""


EMBLEMS: dict[str, Emblem] = {f.__name__: f for f in (paw, bone, fish, carrot, leaf, heart, drop, star, none)}
