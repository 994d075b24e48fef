"""Many people at the same instant, each with a connection of their own; and a ledger whose guards were taken away."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import islice

from django.db import connection, transaction
from django.db.models import Model

CROWD = 20
MANY = 200
PATIENCE = 60
#: `make crowds` does the races as often as the reliability plan says; every other run a fifth of it.
FULL = os.environ.get("LOYALTY_CROWDS") == "full"


def runs_of(full: int) -> int:
    """How often something slow is done: so often in full, else a fifth of it, three times at least."""
    return full if FULL else max(3, full // 5)


def broken_after(rounds: Iterable[bool]) -> int:
    """
    Return in which round something broke; 0 where nothing did in any, of `MANY` at most.

    For twins without their guard: whether a race is lost in some rounds is a matter of luck and of the machine, in
    one of many it is not.
    """
    for number, is_broken in enumerate(islice(rounds, MANY), start=1):
        if is_broken:
            return number
    return 0


class Crowd:
    """Some threads (twenty) that do something at once, again and again, each on a connection of its own."""

    def __init__(self, *, size: int = CROWD, outer: bool = False, search_path: str = "", isolation: str = ""):
        """
        `outer` wraps each in a transaction as ATOMIC_REQUESTS does; `search_path` is where tables are found;
        `isolation` is the level of their transactions (`repeatable read`), else the server's.
        """
        self.size, self.outer, self.search_path, self.isolation = size, outer, search_path, isolation
        self.pool = ThreadPoolExecutor(size)
        self.barrier = threading.Barrier(size, timeout=PATIENCE)

    def __enter__(self) -> Crowd:
        self.do(lambda number: self.look_elsewhere())
        return self

    def __exit__(self, *args) -> None:
        self.do(lambda number: connection.close(), outer=False)
        self.pool.shutdown()

    def look_elsewhere(self) -> None:
        """Connect, and find tables in another schema where one is named."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {self.search_path or 'public'}")
            if self.isolation:
                cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {self.isolation}")

    def do(self, what: Callable[[int], object], *, outer: bool | None = None) -> Counter[str]:
        """Let everybody do `what(number)` at once; returns how often it went well (`done`) or what went wrong."""
        return Counter(self.pool.map(lambda number: self.one(what, number, outer), range(self.size)))

    def one(self, what: Callable[[int], object], number: int, outer: bool | None) -> str:
        """Wait for the others, do it, and name what came of it."""
        self.barrier.wait()
        inside = self.outer if outer is None else outer
        try:
            with transaction.atomic() if inside else nullcontext():
                what(number)
        except Exception as error:  # noqa: BLE001 - the tests say which they expect
            return type(error).__name__
        return "done"


@contextmanager
def bare_copies(*models: type[Model]) -> Iterator[str]:
    """Copies of tables without any constraint, key or trigger; yields the search path that finds them first."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS twin CASCADE")
        cursor.execute("CREATE SCHEMA twin")
        for model in models:
            table = model._meta.db_table
            cursor.execute(f"CREATE TABLE twin.{table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING IDENTITY)")
        cursor.execute("SET search_path TO twin, public")
    try:
        yield "twin, public"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO public")
            cursor.execute("DROP SCHEMA twin CASCADE")
