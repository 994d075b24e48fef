"""What somebody gets for something, before anybody says of what kind it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """So many points; nothing where there are none."""

    points: int = 0

    def __bool__(self) -> bool:
        return bool(self.points)
