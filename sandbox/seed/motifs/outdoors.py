"""Away from the basket: toys, walks and washing."""

from __future__ import annotations

from ..canvas import DEEP, DISC, WHITE, Canvas, arc, wave
from ..emblems import Emblem
from .registry import dark, motif

# -- Playing ---------------------------------------------------------------------------------------------------------


@motif
def rope(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    with c.placed(50, 50, turn=-40):
        for y in (-3, 3):
            c.path([(-38, y * 1.6), (38, y * 1.6)], accent, 2.6)
        c.path([(-24, 0), (24, 0)], accent, 11)
        for x in range(-18, 20, 7):
            c.path([(x - 2, -5), (x + 3, 5)], WHITE, 1.6)
        for x in (-25, 25):
            c.oval(x, 0, 8.5, 8.5, main)


@motif
def ball(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 50, 27, 27, main)
    c.ring(17, 50, 22, 26, WHITE, 2.6, -42, 42)
    c.ring(83, 50, 22, 26, WHITE, 2.6, 138, 222)
    with c.placed(50, 50, scale=0.85):
        emblem(c, accent)


@motif
def disc(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 54, 32, 19, dark(main))
    c.oval(50, 50, 32, 19, main)
    c.ring(50, 50, 24, 13, WHITE, 1.6)
    with c.placed(50, 50, scale=0.9):
        emblem(c, accent)


@motif
def plush(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    for x in (34, 66):
        c.oval(x, 27, 7, 11, dark(main))
    c.oval(50, 68, 20, 15, main)
    for x in (33, 67):
        c.oval(x, 76, 7, 6, dark(main))
    c.oval(50, 42, 20, 17, main)
    c.oval(50, 48, 9, 7, WHITE)
    for x in (42, 58):
        c.oval(x, 38, 2.2, 2.2, WHITE)
    c.oval(50, 45, 2.6, 2, DEEP)
    with c.placed(50, 68, scale=0.6):
        emblem(c, accent)


@motif
def wand(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.path([(22, 78), (56, 30)], dark(main), 3.4)
    c.path([(22, 78), (30, 67)], main, 6)
    c.path(arc(64, 32, 8, 8, 180, 300), DEEP, 1.2)
    for turn, color in ((-24, main), (0, accent), (24, main)):
        with c.placed(70, 30, turn=turn):
            c.oval(0, 16, 4, 16, color)
            c.path([(0, 4), (0, 26)], WHITE, 1)


@motif
def mouse(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.path([(74, 62), (82, 58), (86, 48), (80, 42)], accent, 3)
    c.oval(50, 62, 28, 18, main)
    c.box(22, 62, 78, 72, main, r=6)
    for x in (32, 44):
        c.oval(x, 42, 8, 8, main)
        c.oval(x, 42, 4.6, 4.6, accent)
    c.oval(30, 59, 2, 2, WHITE)
    c.oval(22.5, 66, 2.6, 2.6, accent)
    with c.placed(58, 60, scale=0.55):
        emblem(c, WHITE)


@motif
def tunnel(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    for x, color in ((68, dark(main)), (59, main), (50, dark(main)), (41, main)):
        c.oval(x, 52, 15, 23, color)
    c.oval(33, 52, 15, 23, accent)
    c.oval(33, 52, 11, 18, DEEP)
    with c.placed(33, 56, scale=0.5):
        emblem(c, WHITE)


# -- Going out -------------------------------------------------------------------------------------------------------


@motif
def harness(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.ring(48, 38, 21, 14, main, 9)
    c.ring(48, 52, 21, 16, main, 9, 0, 180)
    c.box(43, 40, 53, 50, DEEP, r=2)
    c.path([(27, 38), (27, 54)], main, 9)
    c.path([(69, 38), (69, 54)], main, 9)
    c.ring(48, 71, 4, 4, accent, 3)
    c.path(wave(50, 82, 76, 4, 0.7), accent, 3.6)


@motif
def collar(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.ring(50, 42, 29, 18, dark(main), 8, 180, 360)
    c.ring(50, 42, 29, 18, main, 8, 0, 180)
    c.box(44, 54, 56, 66, WHITE, r=2)
    c.box(46.5, 56.5, 53.5, 63.5, main, r=1)
    c.oval(50, 75, 9, 9, accent)
    with c.placed(50, 75, scale=0.5):
        emblem(c, WHITE)


@motif
def lead(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.path([*wave(28, 66, 66, 9, 1), (72, 60), (74, 48)], main, 5)
    c.ring(33, 36, 11, 14, main, 6)
    c.path([(33, 50), (28, 66)], main, 5)
    c.box(70, 36, 78, 48, accent, r=3)
    c.ring(74, 30, 4, 5, accent, 3)


@motif
def backpack(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.ring(50, 28, 13, 13, DEEP, 4, 180, 360)
    c.box(29, 26, 71, 80, main, r=10)
    c.box(37, 34, 63, 54, dark(main), r=8)
    c.oval(50, 46, 8.5, 8, accent)
    c.poly([(42, 44), (42, 35), (49, 40)], accent)
    c.poly([(58, 44), (58, 35), (51, 40)], accent)
    for x in (47, 53):
        c.oval(x, 45, 1.1, 1.1, DEEP)
    c.box(36, 62, 64, 74, accent, r=4)
    c.path([(38, 68), (62, 68)], dark(main), 1.4)


@motif
def crate(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.ring(50, 32, 12, 9, DEEP, 4, 180, 360)
    c.box(20, 32, 80, 76, main, r=8)
    c.box(20, 54, 80, 58, dark(main))
    c.box(28, 40, 50, 70, WHITE, r=4)
    for x in (33, 39, 45):
        c.path([(x, 43), (x, 67)], DEEP, 1.6)
    with c.placed(65, 46, scale=0.6):
        emblem(c, WHITE)


@motif
def coat(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(22, 42), (40, 30), (74, 34), (82, 44), (80, 64), (30, 70), (22, 60)], main)
    c.path([(26, 38), (38, 30)], accent, 7)
    c.box(42, 62, 54, 76, dark(main), r=3)
    c.path([(32, 64), (79, 59)], WHITE, 2.4)
    with c.placed(60, 48, scale=0.7):
        emblem(c, WHITE)


@motif
def tag(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.ring(50, 26, 8, 8, DEEP, 3)
    c.oval(50, 56, 24, 24, main)
    c.oval(50, 34, 7, 7, main)
    c.oval(50, 34, 3, 3, DISC)
    c.ring(50, 56, 19, 19, WHITE, 1.4)
    with c.placed(50, 57):
        emblem(c, accent)


# -- Keeping clean ---------------------------------------------------------------------------------------------------


@motif
def brush(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    with c.placed(50, 50, turn=-38):
        for x in range(-24, 4, 6):
            c.path([(x, 6), (x, 20)], accent, 2.6)
        c.path([(8, 0), (32, 0)], dark(main), 7)
        c.box(-30, -9, 8, 9, main, r=6)


@motif
def shampoo(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(33, 34, 67, 80, main, r=7)
    c.box(43, 24, 57, 35, dark(main), r=2)
    c.path([(50, 22), (50, 18), (62, 18)], dark(main), 4)
    c.box(37, 46, 63, 70, WHITE, r=4)
    with c.placed(50, 58, scale=0.8):
        emblem(c, accent)
    c.oval(71, 26, 3, 3, accent)
    c.oval(76, 34, 2, 2, accent)


@motif
def tray(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(18, 46), (82, 46), (76, 76), (24, 76)], main)
    c.box(15, 42, 85, 49, dark(main), r=3)
    c.oval(50, 42, 30, 6, WHITE)
    with c.placed(66, 34, turn=35):
        c.path([(0, -18), (0, 0)], accent, 4)
        c.box(-6, -2, 6, 10, accent, r=3)
    with c.placed(46, 62, scale=0.6):
        emblem(c, WHITE)


@motif
def roll(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(32, 34, 76, 66, main)
    c.oval(76, 50, 7, 16, main)
    c.oval(32, 50, 8, 16, dark(main))
    c.oval(32, 50, 3.2, 6.5, DISC)
    c.poly([(46, 66), (74, 66), (70, 82), (50, 82)], accent)
    with c.placed(55, 50, scale=0.7):
        emblem(c, WHITE)
