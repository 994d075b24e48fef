"""Which lots a spend consumes: soonest expiry first, oldest next, never-expiring last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot with points to take: `pk`, how many are free, and when it runs out (UTC; None = never)."""

    pk: int
    free: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """So many points out of one lot."""

    pk: int
    points: int


def take(*, lots: Iterable[OpenLot], points: int) -> Iterator[Take]:
    """
    Take `points` from lots that come in spending order, reading no more lots than needed.

    What the lots cannot give is left to the caller, who knows how much was asked.
    """
    for lot in lots:
        if points <= 0:
            return
        part = min(points, lot.free)
        if part > 0:
            points -= part
            yield Take(lot.pk, part)
