"""Days and months as members understand them: in the program's time zone. Instants in and out are UTC."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def add_months(*, day: date, months: int) -> date:
    """Return the same day so many months later, clamped to the month's length (31 January + 1 = 28 or 29 February)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def end_of_month(*, day: date) -> date:
    """Return the last day of the month of a day."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def start_of_day(*, day: date, zone: str) -> datetime:
    """Return the instant (UTC) at which a day begins in a time zone."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def start_of_year(*, year: int, zone: str) -> datetime:
    """Return the instant (UTC) at which a year begins in a time zone."""
    return start_of_day(day=date(year, 1, 1), zone=zone)


def local_day(*, at: datetime, zone: str) -> date:
    """Return the calendar day of an instant in a time zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def end_of_month_after(*, at: datetime, months: int, zone: str) -> datetime:
    """
    Return the instant (UTC, exclusive) at which the month of `at` + `months` ends in the zone.

    12 months from 5 May 2026 is the end of May 2027, hence the first instant of 1 June 2027.
    """
    day = add_months(day=local_day(at=at, zone=zone).replace(day=1), months=months + 1)
    return start_of_day(day=day, zone=zone)


def fixed_date_after(*, at: datetime, month: int, day: int, zone: str) -> datetime:
    """Return the end (UTC, exclusive) of the next `day.month.` that lies at least one whole day after `at`."""
    today = local_day(at=at, zone=zone)
    for year in (today.year, today.year + 1):
        last = date(year, month, min(day, calendar.monthrange(year, month)[1]))
        if last > today:
            break
    return start_of_day(day=last + timedelta(days=1), zone=zone)


def is_within(*, at: datetime, since: datetime | None, until: datetime | None) -> bool:
    """Return whether a moment lies from `since` on (None: never) and before `until` (None: without an end)."""
    return since is not None and since <= at and (until is None or at < until)


def after_days(*, at: datetime, days: int) -> datetime:
    """Return the instant so many times 24 hours later."""
    return at + timedelta(days=days)


def end_of_day_after(*, at: datetime, days: int, zone: str) -> datetime:
    """Return the exclusive end of the day on which so many times 24 hours are over: all of that day still counts."""
    day = local_day(at=after_days(at=at, days=days), zone=zone)
    return start_of_day(day=day + timedelta(days=1), zone=zone)


def daytime(*, at: datetime, zone: str, hours: Sequence[int]) -> datetime:
    """Return the first moment from `at` on (UTC) that lies between two hours of a day in the zone."""
    local, (first, last) = at.astimezone(ZoneInfo(zone)), hours
    if first <= local.hour < last:
        return at
    day = local.date() + timedelta(days=local.hour >= last)
    return datetime.combine(day, time(first), ZoneInfo(zone)).astimezone(UTC)


def last_day(*, expires_at: datetime, zone: str) -> date:
    """Return the last day on which something can be used that expires at an exclusive instant."""
    return (expires_at - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
