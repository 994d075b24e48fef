"""Points are counted all the time, and compared with the accounts each night; so are the months of orders counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.insights.elements import count_elements
from loyalty_oscar.insights.monthly import count_months
from loyalty_oscar.insights.operations import check, count

from ..upkeep import jobs
from . import trials

logger = logging.getLogger("loyalty_oscar")


def _rollups(at: datetime) -> Iterator[int]:
    yield from count(at=at)


def _check(at: datetime) -> Iterator[int]:
    yield from check(at=at)


def _months(at: datetime) -> Iterator[int]:
    yield from count_months(at=at)


def _elements(at: datetime) -> Iterator[int]:
    yield from count_elements(at=at)


def _trials(at: datetime) -> Iterator[int]:
    """Go on with all trials; raises `NotAllDone` in the end with those that fail, and no other waits for them."""
    failed = []
    for trial_id in trials.unfinished():
        try:
            yield from trials.work(trial_id=trial_id, at=at)
        except Exception:
            logger.exception("the trial %s cannot go on", trial_id)
            failed.append(trial_id)
    if failed:
        raise jobs.NotAllDone(f"trials that cannot go on: {', '.join(map(str, failed))}; the log says why")


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
jobs.add(
    job=jobs.Job(
        name="rollups-months",
        title=pgettext_lazy("loyalty", "Counts who buys and who stays"),
        what="figures of months written",
        run=_months,
        nightly=True,
    )
)
jobs.add(
    job=jobs.Job(
        name="rollups-parts",
        title=pgettext_lazy("loyalty", "Counts what each part of a program did in a year"),
        what="parts of programs counted",
        run=_elements,
        nightly=True,
    )
)
jobs.add(
    job=jobs.Job(
        name="trials",
        title=pgettext_lazy("loyalty", "Tries programs on earlier orders"),
        what="orders tried",
        run=_trials,
    )
)
