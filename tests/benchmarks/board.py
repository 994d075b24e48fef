"""Where a benchmark writes its figures, and what it promised."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Board:
    """A table of figures; `promise` remembers what was broken, `leave` ends the process accordingly."""

    def __init__(self, title: str) -> None:
        self.broken = 0
        print(f"\n{title}", flush=True)

    def say(self, what: str, figure: object) -> None:
        print(f"  {what:<58} {figure}", flush=True)

    def promise(self, what: str, *, kept: bool, figure: object = "") -> None:
        self.broken += not kept
        self.say(what, f"{figure} {'ok' if kept else 'BROKEN'}".strip())

    def leave(self) -> None:
        sys.exit(1 if self.broken else 0)


class Watch:
    """Seconds that a block took, once it is over."""

    seconds = 0.0


@contextmanager
def timed() -> Iterator[Watch]:
    watch, start = Watch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - start
