"""What somebody gets for something, whatever kind of thing it is, and what came of giving it or taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum


@dataclass(frozen=True, slots=True)
class Promise:
    """So many points, or a reward by its id; nothing where there is neither. Never both."""

    points: int = 0
    reward_id: int | None = None

    def __post_init__(self) -> None:
        if self.points and self.reward_id is not None:
            raise ValueError("points or a reward are promised, not both")

    def __bool__(self) -> bool:
        return bool(self.points) or self.reward_id is not None

    @property
    def grant(self) -> str:
        """The name of the grant that gives it."""
        return "points" if self.reward_id is None else "claim"


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenGift:
    """
    What a member was given under a key and still has: so many points, or a reward, by its name.

    What is on the way is ready at a moment that may not be known yet (None).
    """

    member_id: int
    key: str
    points: int = 0
    reward: str = ""
    ready_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedGift:
    """
    What a member used of gifts: so many points, or a reward, by its name, which cost the shop `minor` of a currency.
    """

    member_id: int
    points: int = 0
    reward: str = ""
    minor: int = 0
    currency: str = ""


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
