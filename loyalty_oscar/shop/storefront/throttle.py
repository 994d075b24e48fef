"""
How often somebody may try: counted in Django's cache, so that it holds for all processes that share one.

Where nothing can be counted, nobody may try what is guessed: whoever takes the cache away must not guess without end.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache

from loyalty_oscar.program import clock

logger = logging.getLogger("loyalty_oscar")
HOUR, DAY = 3600, 86400
#: The count may run out between the two lines that make and raise it, once.
TIMES = 2


def _key(name: str, seconds: int) -> str:
    return f"loyalty-tries:{name}:{seconds}:{int(clock.now().timestamp()) // seconds}"


def is_one_too_many(*, name: str, most: int, seconds: int, unknown: bool = True) -> bool:
    """
    Count a try, and return whether there were more than `most` in this hour (or day). Exact at the same time.

    `unknown` is the answer where nothing can be counted.
    """
    key = _key(name, seconds)
    try:
        for _time in range(TIMES):
            cache.add(key, 0, seconds)
            try:
                return cache.incr(key) > most
            except ValueError:
                continue
    except Exception:
        logger.exception("tries cannot be counted: the cache is away")
        return unknown
    logger.error("tries cannot be counted: the cache keeps nothing")
    return unknown


def forgive(*, name: str, seconds: int) -> None:
    """Take back a try that was right."""
    try:
        cache.decr(_key(name, seconds))
    except ValueError:
        pass  # The hour is over, and its count with it.
    except Exception:
        logger.exception("a try cannot be taken back: the cache is away")


def address_of(*, request: Any) -> str:
    """Return the network address of a request, as the web server tells it."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")
