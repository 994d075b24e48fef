"""How the oracle climbs: which level orders carry, and until when. Up at once, down at once where goods went back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """From how much on each level stands (rank 1 first), over which time orders count, and in which zone days begin."""

    thresholds: tuple[int, ...]
    window: str
    metric: str
    zone: str

    def rank(self, value: int) -> int:
        """Return the highest level that a value reaches."""
        return sum(value >= threshold for threshold in self.thresholds)


Counted = tuple[datetime, int]


def stands(counted: Sequence[Counted], levels: Levels, at: datetime) -> tuple[int, datetime | None]:
    """Return the level that these orders carry at a moment, and until when (None = for good)."""
    if levels.window == "lifetime":
        return levels.rank(sum(value for _day, value in counted)), None
    if levels.window == "calendar-year":
        return _years(counted, levels, at)
    return _rolling(counted, levels, at)


def _years(counted: Sequence[Counted], levels: Levels, at: datetime) -> tuple[int, datetime | None]:
    zone = ZoneInfo(levels.zone)
    year = at.astimezone(zone).year
    by_year = {year - 1: 0, year: 0}
    for day, value in counted:
        if (own := day.astimezone(zone).year) in by_year:
            by_year[own] += value
    ranks = {own: levels.rank(value) for own, value in by_year.items()}
    best = max(ranks.values())
    newest = max(own for own, rank in ranks.items() if rank == best)
    return best, datetime(newest + 2, 1, 1, tzinfo=zone).astimezone(UTC) if best else None


def _rolling(counted: Sequence[Counted], levels: Levels, at: datetime) -> tuple[int, datetime | None]:
    zone = ZoneInfo(levels.zone)
    today = at.astimezone(zone).date()
    inside = sorted((day, value) for day, value in counted if day >= _start(_months(today, -12), zone))
    value = sum(value for _day, value in inside)
    rank, until = levels.rank(value), None
    for day, own in inside if rank else ():
        value -= own
        until = _start(_months(day.astimezone(zone).date() + timedelta(days=1), 12), zone)
        if levels.rank(value) < rank:
            break
    return rank, until


def _start(day, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _months(day, months: int):
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return day.replace(year=year, month=month + 1, day=last)
        except ValueError:
            continue
    raise AssertionError("no such day")
