"""What the doctor asks of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from celery import current_app
from kombu.exceptions import OperationalError

from loyalty_oscar.program.conf import conf
from loyalty_oscar.shop.upkeep.doctor import Finding, Level, doctor_checks

from .tasks import connection


@doctor_checks.register("queue", order=50)
def queue(*, at: datetime) -> Iterator[Finding]:
    """The broker answers, where the shop hands its work to a queue."""
    if conf.TASKS != "celery" or current_app.conf.task_always_eager:
        return
    try:
        with connection() as asked:
            asked.ensure_connection(max_retries=1, timeout=2)
    except OperationalError as error:
        text = f"the broker does not answer: {error}; orders wait for the next sweep"
        hint = "Look at CELERY_BROKER_URL, and whether the broker runs."
        yield Finding(level=Level.WARNING, about="queue", text=text, hint=hint)
    else:
        yield Finding(level=Level.OK, about="queue", text="the broker answers")
