"""The one clock. Only doors (views, tasks, commands, receivers) read it; everything below is told the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_moved: ContextVar[datetime | None] = ContextVar("loyalty_clock", default=None)


def now() -> datetime:
    """Return the present instant (aware, UTC), or the one that `at` has set for this context."""
    return _moved.get() or timezone.now()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Set the clock to an aware instant within a `with` block (tests, seeding, imports of the past)."""
    if timezone.is_naive(moment):
        raise ValueError("the clock takes aware instants only; say which time zone is meant")
    token = _moved.set(moment)
    try:
        yield
    finally:
        _moved.reset(token)
