"""The task port's queue: one Celery task that runs any task of the house by name."""

from __future__ import annotations

from typing import Any

from celery import current_app, shared_task
from kombu import Connection
from kombu.pools import producers

from loyalty_oscar.program import tasks

#: A broker that is away is asked once and for a second: a customer waits, and the sweep does the work anyway.
AT_ONCE = {"max_retries": 0}
SECONDS = {"socket_connect_timeout": 1, "socket_timeout": 5}


@shared_task(name="loyalty_oscar.run", acks_late=True, ignore_result=True)
def run(name: str, arguments: dict[str, Any]) -> None:
    """Run a task of the house. Delivered at least once, which is why each of them may run twice."""
    tasks.run(name, **arguments)


def connection() -> Connection:
    """Return an unopened connection to the broker that gives up at once."""
    options = {**SECONDS, **current_app.conf.broker_transport_options, **AT_ONCE}
    return current_app.connection_for_write(transport_options=options)


def hand_over(name: str, arguments: dict[str, Any]) -> None:
    """Put a task on the queue, without waiting for a broker that is away; raises what kombu raises then."""
    with producers[connection()].acquire(block=True, timeout=1) as producer:
        run.apply_async((name, arguments), retry=False, producer=producer)
