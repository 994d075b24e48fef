"""The nightly work on how people buy: receipts that are missing, then those whose receipts changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.people.buyers import count_changed

from ..upkeep import jobs
from .filling import JOB, fill


def _receipts(at: datetime) -> Iterator[int]:
    yield from fill(at=at)


def _buyers(at: datetime, since: datetime | None) -> Iterator[int]:
    yield from count_changed(since=since, at=at)


jobs.add(
    job=jobs.Job(
        name=JOB,
        title=pgettext_lazy("loyalty", "Writes down what older orders were"),
        what="receipts written",
        run=_receipts,
        nightly=True,
    )
)
jobs.add(
    job=jobs.Job(
        name="buyers",
        title=pgettext_lazy("loyalty", "Counts how members buy"),
        what="members counted",
        run=_buyers,
        nightly=True,
        asks_since=True,
    )
)
