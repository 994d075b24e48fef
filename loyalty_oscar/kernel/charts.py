"""Where the shapes of a chart stand: whole numbers of a drawing, from figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 960, 260
LEFT, TOP, BOTTOM = 90, 12, 34
#: So many lines across, at most, and so many words below.
LINES, WORDS = 5, 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of one series (0, 1, …) of a chart, from its upper left corner."""

    series: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a line."""

    x: int
    y: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """
    What is drawn: `lines` across, each with its height and what it stands for; `words`, each with its middle and the
    number of its group; `bars` or `points`.
    """

    lines: tuple[tuple[int, int], ...]
    words: tuple[tuple[int, int], ...]
    bars: tuple[Bar, ...] = ()
    points: tuple[Point, ...] = ()


def step_of(*, most: int) -> int:
    """Return the distance of the lines across: 1, 2 or 5 times a power of ten, so that a few of them reach `most`."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * (LINES - 1) >= most:
                return step * factor
        step *= 10


def bars(*, groups: Sequence[Sequence[int]]) -> Chart:
    """Return groups of bars side by side; what is below zero has no height, and stands in the table alone."""
    top = _top(max((value for group in groups for value in group), default=0))
    found = []
    for number, group in enumerate(groups):
        left, right = _edges(number, len(groups))
        gap = (right - left) // 8
        each = max(1, (right - left - 2 * gap) // max(1, len(group)))
        for series, value in enumerate(group):
            height = _height(value, top)
            found.append(Bar(series, left + gap + series * each, HEIGHT - BOTTOM - height, max(1, each - 1), height))
    return Chart(lines=_lines(top), words=_words(len(groups)), bars=tuple(found))


def line(*, values: Sequence[int]) -> Chart:
    """Return a line from the first value to the last."""
    top = _top(max(values, default=0))
    found = [
        Point(sum(_edges(number, len(values))) // 2, HEIGHT - BOTTOM - _height(value, top))
        for number, value in enumerate(values)
    ]
    return Chart(lines=_lines(top), words=_words(len(values)), points=tuple(found))


def _top(most: int) -> int:
    step = step_of(most=most)
    return max(step, -(-most // step) * step)


def _height(value: int, top: int) -> int:
    return max(0, value) * (HEIGHT - TOP - BOTTOM) // top


def _edges(number: int, count: int) -> tuple[int, int]:
    room = WIDTH - LEFT
    return LEFT + room * number // count, LEFT + room * (number + 1) // count


def _lines(top: int) -> tuple[tuple[int, int], ...]:
    return tuple((HEIGHT - BOTTOM - _height(value, top), value) for value in range(0, top + 1, step_of(most=top)))


def _words(count: int) -> tuple[tuple[int, int], ...]:
    every = -(-count // WORDS) or 1
    return tuple((sum(_edges(number, count)) // 2, number) for number in range(0, count, every))
