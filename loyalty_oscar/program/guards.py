"""What keeps faults of ours from reaching the shop: receivers on models that are not ours are wrapped in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import DatabaseError, connections

from .db import write_db

logger = logging.getLogger("loyalty_oscar")
TOLD = "something could not be noted (%s); %s"


def harmless(
    receiver: Callable[..., Any] | None = None,
    *,
    but: type[Exception] | tuple[type[Exception], ...] = (),
    later: str = "the next sweep finds it",
) -> Any:
    """
    Wrap a receiver so that whatever goes wrong in it is logged and left to a job, and nothing reaches who sent it.

    `but` are refusals, which are meant to reach them; `later` says in the log what makes the rest good. Rows that are
    loaded raw (`loaddata`) are passed over. What broke the sender's transaction is raised: nothing could be saved in it
    any more, and what comes next would hide why.
    """
    if receiver is None:
        return lambda found: harmless(found, but=but, later=later)

    @wraps(receiver)
    def guarded(sender: Any, raw: bool = False, **kwargs: Any) -> None:
        if raw:
            return
        try:
            receiver(sender=sender, **kwargs)
        except but:
            raise
        except DatabaseError:
            if _is_broken():
                raise
            logger.exception(TOLD, receiver.__name__, later)
        except Exception:
            logger.exception(TOLD, receiver.__name__, later)

    return guarded


def _is_broken() -> bool:
    """Return whether our database's transaction, if one runs, can only be rolled back."""
    connection = connections[write_db()]
    return connection.in_atomic_block and (connection.needs_rollback or not connection.is_usable())
