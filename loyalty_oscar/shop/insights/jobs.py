"""The figures are counted all the time, and compared with the accounts each night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.insights.operations import check, count

from ..upkeep import jobs


def _rollups(at: datetime) -> Iterator[int]:
    yield from count(at=at)


def _check(at: datetime) -> Iterator[int]:
    yield from check(at=at)


jobs.add(
    job=jobs.Job(
        name="rollups",
        title=pgettext_lazy("loyalty", "Counts the figures"),
        what="changes of points counted",
        run=_rollups,
    )
)
jobs.add(
    job=jobs.Job(
        name="rollups-check",
        title=pgettext_lazy("loyalty", "Compares the figures with the accounts"),
        what="programs counted anew",
        run=_check,
        nightly=True,
    )
)
