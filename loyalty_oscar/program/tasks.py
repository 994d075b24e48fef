"""
The task port: work that follows a commit, done in the request (`inline`) or by a queue.

A task is a function registered by name with plain arguments; `enqueue` hands it to the backend that
`LOYALTY_TASKS` names. Another backend is one more entry in `backends` (Celery's stands in `jobs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from loyalty_oscar.kernel.registry import Registry

from .conf import conf

logger = logging.getLogger("loyalty_oscar")

Task = Callable[..., Any]


class Backend(Protocol):
    """Hands a task to a queue, or does it."""

    def __call__(self, name: str, arguments: dict[str, Any], /) -> None: ...


registry: Registry[Task] = Registry("task")
backends: Registry[Backend] = Registry("task backend", Backend)


def task(name: str) -> Callable[[Task], Task]:
    """Register a function as the task `name`; its arguments must be plain values (ids, not objects)."""
    return registry.register(name)


def run(name: str, **kwargs: Any) -> Any:
    """Run a task now, in this process."""
    return registry.get(name)(**kwargs)


def enqueue(name: str, **kwargs: Any) -> None:
    """
    Hand a task to the backend. Never raises: what is lost here is found by the sweep.

    Call it after commit only.
    """
    try:
        backends.get(conf.TASKS)(name, kwargs)
    except Exception:
        logger.exception("loyalty task %s could not be queued; the next sweep does its work", name)


@backends.register("inline")
def _inline(name: str, kwargs: dict[str, Any]) -> None:
    run(name, **kwargs)
