"""How often somebody may try: counted in Django's cache, so that it holds for all processes that share one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.cache import cache

from loyalty_oscar.program import clock

HOUR, DAY = 3600, 86400


def _key(name: str, seconds: int) -> str:
    return f"loyalty-tries:{name}:{seconds}:{int(clock.now().timestamp()) // seconds}"


def is_one_too_many(*, name: str, most: int, seconds: int) -> bool:
    """Count a try, and return whether there were more than `most` in this hour (or day). Exact at the same time."""
    key = _key(name, seconds)
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key) > most
    except ValueError:  # It ran out between the two lines: this is the first of the next hour.
        return False


def forgive(*, name: str, seconds: int) -> None:
    """Take back a try that was right."""
    with suppress(ValueError):  # The hour is over, and its count with it.
        cache.decr(_key(name, seconds))


def address_of(*, request: Any) -> str:
    """Return the network address of a request, as the web server tells it."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")
