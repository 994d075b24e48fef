"""What somebody gets for something, whatever kind of thing it is, and what came of giving it or taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


@dataclass(frozen=True, slots=True)
class Promise:
    """So many points; nothing where there are none."""

    points: int = 0

    def __bool__(self) -> bool:
        return bool(self.points)

    @property
    def grant(self) -> str:
        """The name of the grant that gives it."""
        return "points"


class Outcome(StrEnum):
    """
    What came of it. Who gives: it was given now, given again after it was taken back, is there already, or cannot be
    given. Who takes back: it was taken, is kept though it was asked for, or there was nothing to take.
    """

    GIVEN = "given"
    AGAIN = "again"
    THERE = "there"
    TAKEN = "taken"
    KEPT = "kept"
    NOTHING = "nothing"


class Ready(Enum):
    """Stands for a date where there is none to wait for."""

    AT_ONCE = "at once"


READY = Ready.AT_ONCE
