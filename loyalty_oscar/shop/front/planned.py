"""The calendar of a program: what features say is on, comes, or is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import pgettext

from loyalty_oscar.program.hooks import SKIP, Hook
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.words import day

#: What ended longer ago is history, and stands in the lists alone.
REMEMBERED = timedelta(days=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Something with a beginning and an end, either of which may be open; `row` is what has a page in the admin."""

    kind: str | Promise
    row: Model
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_over(self, *, at: datetime) -> bool:
        """Return whether it has ended."""
        return self.ends_at is not None and self.ends_at <= at

    def comes(self, *, at: datetime) -> bool:
        """Return whether it has not begun."""
        return self.starts_at is not None and self.starts_at > at

    def dates(self, *, zone: str) -> str:
        """Return its dates in words; nothing where both ends are open. An end at midnight is the day before."""
        first = day(self.starts_at, zone=zone) if self.starts_at else ""
        last = day(self.ends_at - timedelta(microseconds=1), zone=zone) if self.ends_at else ""
        if first and last:
            return pgettext("loyalty", "%(first)s to %(last)s") % {"first": first, "last": last}
        if last:
            return pgettext("loyalty", "until %(day)s") % {"day": last}
        return pgettext("loyalty", "since %(day)s") % {"day": first} if first else ""


class PlannedList(Protocol):
    """Says on the front page of loyalty what a feature has in force, coming or over."""

    def __call__(self, *, program: Program, at: datetime) -> Iterable[Planned]:
        """Return what is switched on, whether it has begun or not; a few queries at most."""
        ...


planned_lists: Hook[PlannedList] = Hook("planned_lists", PlannedList, on_error=SKIP)


def calendar_of(*, program: Program, at: datetime) -> dict[str, list[Planned]]:
    """Return what is on `now`, comes `next` and was `over` lately, each in order of its dates."""
    found = [one for said in planned_lists.answers(program=program, at=at) for one in said]
    over = [one for one in found if one.is_over(at=at) and one.ends_at and one.ends_at > at - REMEMBERED]
    coming = [one for one in found if one.comes(at=at) and not one.is_over(at=at)]
    now = [one for one in found if not one.is_over(at=at) and not one.comes(at=at)]
    far = at + timedelta(days=36500)
    return {
        "now": sorted(now, key=lambda one: one.ends_at or far),
        "next": sorted(coming, key=lambda one: one.starts_at or far),
        "over": sorted(over, key=lambda one: one.ends_at or far, reverse=True),
    }
