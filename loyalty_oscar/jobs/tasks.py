"""The task port's queue: one Celery task that runs any task of the house by name."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from loyalty_oscar.program import tasks


@shared_task(name="loyalty_oscar.run", acks_late=True, ignore_result=True)
def run(name: str, arguments: dict[str, Any]) -> None:
    """Run a task of the house. Delivered at least once, which is why each of them may run twice."""
    tasks.run(name, **arguments)


def hand_over(name: str, arguments: dict[str, Any]) -> None:
    """Put a task on the queue, without waiting for a broker that is away."""
    run.apply_async((name, arguments), retry=False)
