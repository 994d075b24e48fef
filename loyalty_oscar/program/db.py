"""Where our tables are written: whatever decides a write reads there too, and not from a copy that lags behind."""

from __future__ import annotations

from django.db import router

from .models import Member


def write_db() -> str:
    """Return the database that takes our writes; every read of a write path names it too."""
    return router.db_for_write(Member)
