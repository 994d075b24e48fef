"""Where our tables are written: whatever decides a write reads there too, and not from a copy that lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import router, transaction

from .models import Member

_is_play: ContextVar[bool] = ContextVar("loyalty_play", default=False)


def write_db() -> str:
    """Return the database that takes our writes; every read of a write path names it too."""
    return router.db_for_write(Member)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Take back whatever is written within the block, and let go what was locked; nothing runs after its commit."""
    db = write_db()
    with transaction.atomic(using=db):
        token = _is_play.set(True)
        try:
            yield
        finally:
            _is_play.reset(token)
            transaction.set_rollback(True, using=db)


def is_play() -> bool:
    """Return whether what is written now is taken back in the end, so that nothing of it counts for anybody."""
    return _is_play.get()
