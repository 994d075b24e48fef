"""
Where a program stands on the way from a figure of one day to that of a later one. Pure.

The way is straight: half of the time, half of the way. It may lead down, as for a give-back rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction


class AimStand(StrEnum):
    """Where it stands."""

    REACHED = "reached"
    AHEAD = "ahead"
    BEHIND = "behind"
    TOO_LITTLE = "too_little"


@dataclass(frozen=True, kw_only=True, slots=True)
class AimedWay:
    """A way from `start` on the day `starts_on` to `target` on the later day `ends_on`; the two numbers differ."""

    starts_on: date
    start: int
    ends_on: date
    target: int

    def due(self, *, on: date) -> Fraction:
        """Return what the figure should be on a day: the start before the way begins, the target after its end."""
        days = (min(max(on, self.starts_on), self.ends_on) - self.starts_on).days
        return self.start + Fraction((self.target - self.start) * days, (self.ends_on - self.starts_on).days)

    def progress(self, *, on: date, value: int | None) -> AimStand:
        """Return where a figure stands on a day; None, and one from before the way begins, says nothing."""
        if value is None or on < self.starts_on:
            return AimStand.TOO_LITTLE
        sign = 1 if self.target > self.start else -1
        if sign * value >= sign * self.target:
            return AimStand.REACHED
        return AimStand.AHEAD if sign * value >= sign * self.due(on=on) else AimStand.BEHIND
