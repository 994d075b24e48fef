"""
How often a goal is reached, and how far it is to the next time: pure rules over what orders count for it.

Greedy from the oldest: as soon as there is enough it is reached, by what was there first. Whatever counted once counts
no more; of an order that brings more than is missing the rest counts for the next time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What an order counts for a goal: a number, or marks (a bit for each thing that it met)."""

    at: datetime
    value: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """
    How many `times` a goal was reached, and how much is `counted` for the next time (all of it, where there is none).

    Of what is counted the oldest counts no more from `until` on (None: for ever).
    """

    times: int
    counted: int
    until: datetime | None = None


def achieved(
    *, steps: Iterable[Stamp], target: int, window_days: int | None, repeats: bool, are_marks: bool = False
) -> list[datetime]:
    """
    Return when the target is reached by these steps, once for each time, each within `window_days` days (None: all of
    them together).

    Numbers add up; marks (`are_marks`) count once however many steps have them. What does not repeat is reached once.
    """
    terms = _Terms(target=target, window_days=window_days, repeats=repeats, are_marks=are_marks)
    return _walk(steps, terms)[0]


def progress(
    *,
    steps: Iterable[Stamp],
    target: int,
    window_days: int | None,
    repeats: bool,
    are_marks: bool = False,
    at: datetime,
) -> Progress:
    """Return how often the target was reached, and how far it is to the next time at a moment."""
    terms = _Terms(target=target, window_days=window_days, repeats=repeats, are_marks=are_marks)
    reached, left = _walk(steps, terms)
    if reached and not repeats:
        return Progress(times=len(reached), counted=target)
    still = terms.within(left, at)
    until = still[0].at + timedelta(days=window_days) if still and window_days is not None else None
    return Progress(times=len(reached), counted=terms.total(still), until=until)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Terms:
    target: int
    window_days: int | None
    repeats: bool
    are_marks: bool

    def within(self, steps: Sequence[Stamp], at: datetime) -> list[Stamp]:
        """Return the steps that count together with one at a moment."""
        if self.window_days is None:
            return list(steps)
        return [step for step in steps if at < step.at + timedelta(days=self.window_days)]

    def total(self, steps: Iterable[Stamp]) -> int:
        values = [step.value for step in steps]
        return reduce(or_, values, 0).bit_count() if self.are_marks else sum(values)

    def without(self, steps: Sequence[Stamp], times: int) -> list[Stamp]:
        """Return what is left of steps once the target was reached so many times: the oldest counted first."""
        if self.are_marks:
            return []
        used, left = times * self.target, []
        for step in steps:
            part = min(used, step.value)
            used -= part
            if part < step.value:
                left.append(replace(step, value=step.value - part))
        return left


def _walk(steps: Iterable[Stamp], terms: _Terms) -> tuple[list[datetime], list[Stamp]]:
    """Return when the target is reached, once for each time, and the steps that did not count yet, oldest first."""
    reached, waiting = list[datetime](), list[Stamp]()
    for step in sorted(steps, key=lambda one: (one.at, one.value)):
        if step.value <= 0:
            continue
        waiting = [*terms.within(waiting, step.at), step]
        found = terms.total(waiting) // terms.target
        if found and not terms.repeats:
            return [step.at], []
        if found:
            now = 1 if terms.are_marks else found
            reached, waiting = reached + [step.at] * now, terms.without(waiting, now)
    return reached, waiting
