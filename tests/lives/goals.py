"""How the oracle fills stamp cards: what orders count adds up, the oldest first, and what counted counts no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """
    What orders have to come to, within so many days of each other or in all, and the points for it, once or each time;
    0 is the reward of the life.

    `metric` is `spend` (cents), `orders`, `pieces` (of one of the `sets`, if any) or `sets` (of how many of them).
    """

    metric: str
    target: int
    points: int
    sets: tuple[str, ...] = ()
    window: int | None = None
    repeats: bool = False


#: When an order was placed, and what it counts: a number, or the sets that it bought of.
Counted = tuple[datetime, int | frozenset[str]]


def reached(counted: Sequence[Counted], goal: Goal) -> list[datetime]:
    """Return when these orders reach a goal, once for each time."""
    moments, card = list[datetime](), list[Counted]()
    for day, value in sorted(counted, key=lambda one: one[0]):
        if not value:
            continue
        card = [one for one in card if goal.window is None or day - one[0] < timedelta(days=goal.window)]
        card.append((day, value))
        while _is_full(card, goal):
            moments.append(day)
            if not goal.repeats:
                return moments
            card = _after(card, goal)
    return moments


def _is_full(card: Sequence[Counted], goal: Goal) -> bool:
    if goal.metric == "sets":
        return len(frozenset().union(*(value for _day, value in card))) >= goal.target
    return sum(value for _day, value in card) >= goal.target


def _after(card: Sequence[Counted], goal: Goal) -> list[Counted]:
    """Return what a full card leaves for the next one: the rest of numbers, nothing of sets."""
    missing, left = goal.target, list[Counted]()
    for day, value in () if goal.metric == "sets" else card:
        used = min(missing, value)
        missing -= used
        if value > used:
            left.append((day, value - used))
    return left
