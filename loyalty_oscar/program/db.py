"""Where our tables are written: whatever decides a write reads there too, and not from a copy that lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import router, transaction

from .models import Member


def write_db() -> str:
    """Return the database that takes our writes; every read of a write path names it too."""
    return router.db_for_write(Member)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Take back whatever is written within the block, and let go what was locked; nothing runs after its commit."""
    db = write_db()
    with transaction.atomic(using=db):
        try:
            yield
        finally:
            transaction.set_rollback(True, using=db)
