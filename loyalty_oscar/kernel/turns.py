"""Work through many things, of which one that fails keeps no other from its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .errors import LoyaltyError, in_short

logger = logging.getLogger("loyalty_oscar")
Thing = TypeVar("Thing")
Step = TypeVar("Step")


def in_turn(*, things: Iterable[Thing], work: Callable[[Thing], Iterable[Step]], what: str) -> Iterator[Step]:
    """
    Yield each step of the work on each thing.

    What goes wrong with one is logged, and ends its turn alone; raises `LoyaltyError` in the end, which says `what`
    failed, of which things, and why.
    """
    failed = []
    for thing in things:
        try:
            yield from work(thing)
        except Exception as error:
            logger.exception("%s: %s", what, thing)
            failed.append(f"{thing} ({in_short(error)})")
    if failed:
        raise LoyaltyError(f"{what}: {', '.join(failed)}")
