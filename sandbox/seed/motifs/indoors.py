"""At home: food, bowls, beds and houses."""

from __future__ import annotations

from ..canvas import DEEP, DISC, WHITE, Canvas
from ..emblems import Emblem
from .registry import dark, motif

# -- Food ------------------------------------------------------------------------------------------------------------


@motif
def bag(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(31, 24), (69, 24), (73, 78), (70, 81), (30, 81), (27, 78)], main)
    c.box(30.5, 26, 69.5, 34, dark(main))
    c.box(29.5, 20, 70.5, 27, accent)
    c.box(35, 42, 65, 69, WHITE, r=4)
    with c.placed(50, 55):
        emblem(c, accent)
    c.path([(38, 75), (62, 75)], WHITE, 2)


@motif
def pouch(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(33, 22), (67, 22), (70, 32), (68, 78), (32, 78), (30, 32)], main)
    c.box(33, 19, 67, 24, dark(main))
    c.oval(50, 52, 15, 17, WHITE)
    with c.placed(50, 52):
        emblem(c, accent)
    c.path([(40, 74), (60, 74)], accent, 2)


@motif
def can(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 70, 23, 7, dark(main))
    c.box(27, 34, 73, 70, main)
    c.box(27, 43, 73, 63, WHITE)
    c.oval(50, 34, 23, 7, dark(main))
    c.oval(50, 33, 19, 5, DISC)
    c.ring(57, 32, 5, 2, accent, 1.4)
    with c.placed(50, 53, scale=0.85):
        emblem(c, accent)


@motif
def sack(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(31, 28, 69, 80, main, r=5)
    c.box(31, 24, 69, 34, dark(main))
    c.oval(50, 55, 14, 14, WHITE)
    with c.placed(50, 55, scale=0.95):
        emblem(c, accent)


@motif
def sticks(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    for x, turn in ((40, -14), (47, -5), (54, 5), (61, 14)):
        with c.placed(x, 50, turn=turn):
            c.path([(0, -28), (0, 28)], main, 5.5)
    c.box(34, 44, 67, 58, accent, r=2)
    with c.placed(50.5, 51, scale=0.6):
        emblem(c, WHITE)


@motif
def hay(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    for x, top, turn in ((30, 26, -22), (38, 20, -12), (47, 17, -4), (55, 18, 5), (63, 22, 14), (70, 28, 24)):
        with c.placed(x, 48, turn=turn):
            c.path([(0, top - 48), (0, 0)], accent, 2.6)
    c.poly([(22, 44), (78, 44), (74, 78), (26, 78)], main)
    for y in (53, 69):
        c.box(23.5, y, 76.5, y + 3, dark(main))
    with c.placed(50, 62, scale=0.7):
        emblem(c, WHITE)


# -- At the bowl -----------------------------------------------------------------------------------------------------


@motif
def bowl(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(27, 46), (73, 46), (82, 73), (79, 76), (21, 76), (18, 73)], main)
    c.oval(50, 46, 25, 8, dark(main))
    for x, y in ((41, 43), (50, 40), (59, 43)):
        c.oval(x, y, 6, 6, accent)
    with c.placed(50, 64, scale=0.65):
        emblem(c, WHITE)


@motif
def fountain(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 72, 30, 9, dark(main))
    c.box(24, 48, 76, 72, main, r=6)
    c.oval(50, 48, 26, 7, WHITE)
    c.box(45, 26, 55, 50, dark(main), r=4)
    c.ring(61, 32, 8, 8, accent, 3, 180, 360)
    c.path([(69, 32), (69, 47)], accent, 3)
    with c.placed(50, 62, scale=0.6):
        emblem(c, WHITE)


@motif
def bottle(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(38, 18, 62, 62, WHITE, r=6)
    c.box(38, 32, 62, 62, main, r=5)
    c.box(40, 62, 60, 69, dark(main), r=2)
    c.path([(50, 68), (50, 76), (58, 82)], accent, 4)
    with c.placed(50, 47, scale=0.65):
        emblem(c, WHITE)


@motif
def puzzle(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(22, 22, 78, 78, main, r=10)
    for x in (36, 64):
        for y in (36, 64):
            c.oval(x, y, 9.5, 9.5, dark(main))
    for x, y in ((36, 36), (64, 64)):
        c.oval(x, y, 6.5, 6.5, accent)
    with c.placed(64, 36, scale=0.55):
        emblem(c, WHITE)


# -- Sleeping and living ---------------------------------------------------------------------------------------------


@motif
def bed(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 50, 34, 15, main)
    c.box(16, 50, 84, 61, main)
    c.oval(50, 61, 34, 15, dark(main))
    c.box(16, 50, 84, 55, main)
    c.oval(50, 55, 34, 14, main)
    c.oval(50, 54, 26, 9, dark(main))
    c.oval(50, 55, 22, 7, WHITE)
    with c.placed(50, 55, scale=0.62):
        emblem(c, accent)


@motif
def mat(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(28, 36), (72, 36), (86, 66), (14, 66)], main)
    c.poly([(14, 66), (86, 66), (85, 73), (15, 73)], dark(main))
    c.poly([(32, 40), (68, 40), (77, 62), (23, 62)], WHITE)
    with c.placed(50, 51, scale=0.8):
        emblem(c, accent)


@motif
def blanket(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(22, 60, 78, 73, dark(main), r=6)
    c.box(22, 46, 78, 62, main, r=6)
    c.box(22, 32, 78, 49, accent, r=6)
    c.oval(50, 41, 8, 7, WHITE)
    with c.placed(50, 41, scale=0.45):
        emblem(c, DEEP)


@motif
def cave(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.oval(50, 56, 32, 26, main)
    c.box(20, 60, 80, 76, main, r=8)
    c.oval(50, 60, 18, 16, dark(main))
    c.oval(50, 73, 17, 4, accent)
    with c.placed(50, 36, scale=0.5):
        emblem(c, WHITE)


@motif
def post(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(22, 74, 78, 81, dark(main), r=3)
    c.box(43, 26, 57, 75, accent)
    for y in range(30, 74, 6):
        c.path([(43, y + 2), (57, y - 1)], WHITE, 1.4)
    c.box(28, 18, 72, 27, main, r=4)
    c.path([(67, 26), (67, 42)], dark(main), 1.2)
    with c.placed(67, 46, scale=0.4):
        emblem(c, main)


@motif
def house(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.box(26, 44, 74, 78, WHITE, r=1)
    c.poly([(20, 47), (50, 20), (80, 47), (76, 50), (50, 27), (24, 50)], main)
    c.poly([(26, 48), (50, 27), (74, 48)], WHITE)
    c.oval(50, 62, 10, 10, dark(main))
    c.box(40, 62, 60, 78, dark(main))
    c.box(22, 78, 78, 82, accent, r=2)
    with c.placed(50, 42, scale=0.4):
        emblem(c, accent)


@motif
def hammock(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.path([(18, 30), (26, 46)], DEEP, 2)
    c.path([(82, 30), (74, 46)], DEEP, 2)
    c.oval(50, 46, 27, 24, main, start=0, end=180)
    c.oval(50, 46, 27, 7, accent)
    c.oval(50, 47, 22, 4.5, WHITE)
    with c.placed(50, 60, scale=0.55):
        emblem(c, WHITE)


@motif
def wheel(c: Canvas, main: str, accent: str, emblem: Emblem) -> None:
    c.poly([(44, 52), (56, 52), (70, 84), (62, 84), (50, 58), (38, 84), (30, 84)], DEEP)
    c.ring(50, 48, 27, 27, main, 5)
    for turn in range(0, 180, 30):
        with c.placed(50, 48, turn=turn):
            c.path([(-26, 0), (26, 0)], main, 1.6)
    c.oval(50, 48, 11, 11, WHITE)
    with c.placed(50, 48, scale=0.6):
        emblem(c, accent)
