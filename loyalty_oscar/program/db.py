"""Where our tables are written: whatever decides a write reads there too, and not from a copy that lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import router, transaction

from .models import Member


def write_db() -> str:
    """Return the database that takes our writes; every read of a write path names it too."""
    return router.db_for_write(Member)


#: The database in which this piece of work writes what is taken back, if it does.
_taken_back_in: ContextVar[str] = ContextVar("loyalty_taken_back_in", default="")


class _ReadingWhatIsTakenBack:
    """A router before those of the shop: what is never committed is on no copy, so all reads go where it is written."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        db = _taken_back_in.get()
        return db if db and router.db_for_write(model) == db else None


_READING = _ReadingWhatIsTakenBack()


@contextmanager
def rolled_back() -> Iterator[None]:
    """
    Take back whatever is written within the block, and let go what was locked; nothing runs after its commit.

    Within it every read is of the database that is written, whoever asks.
    """
    db = write_db()
    if _READING not in router.routers:
        router.routers = [_READING, *router.routers]
    token = _taken_back_in.set(db)
    try:
        with transaction.atomic(using=db):
            try:
                yield
            finally:
                transaction.set_rollback(True, using=db)
    finally:
        _taken_back_in.reset(token)


def is_play() -> bool:
    """Return whether what is written now is taken back in the end, so that nothing of it counts for anybody."""
    return bool(_taken_back_in.get())
