"""The nightly work of campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.journeys.operations import give_birthdays

from ..upkeep import jobs
from .reviews import look_again


def _birthdays(at: datetime) -> Iterator[int]:
    yield from give_birthdays(at=at)


def _reviews(at: datetime) -> Iterator[int]:
    yield from look_again(at=at)


jobs.add(
    job=jobs.Job(
        name="birthdays",
        title=pgettext_lazy("loyalty", "Gives birthday presents"),
        what="birthday gifts given",
        run=_birthdays,
        nightly=True,
    )
)
jobs.add(
    job=jobs.Job(
        name="reviews",
        title=pgettext_lazy("loyalty", "Looks at reviews that bring a gift"),
        what="reviews looked at",
        run=_reviews,
        nightly=True,
    )
)
