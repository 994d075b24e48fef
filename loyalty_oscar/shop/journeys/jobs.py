"""The work of campaigns: what is found each night is planned, and what is due is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone
from django.utils.translation import pgettext_lazy

from loyalty_oscar.journeys.calendar import count_ahead
from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import JobRun
from loyalty_oscar.program.operations import keep_place

from ..upkeep import jobs
from .reviews import look_again

CAMPAIGNS = "campaigns"


def _campaigns(at: datetime) -> Iterator[int]:
    failed = None
    try:
        yield from _found(at)
    except LoyaltyError as error:  # What is planned already waits for nobody.
        failed = error
    yield from carry_out(at=at)
    if failed:
        raise failed


def _found(at: datetime) -> Iterator[int]:
    """
    Plan what is found, once a day for each campaign; goes on where it stood, and takes new campaigns at once.

    It plans and counts nothing yet: what is carried out is counted.
    """
    today = timezone.localtime(at).date().isoformat()
    run = JobRun.objects.using(write_db()).filter(name=CAMPAIGNS).first()
    place = (run and run.cursor) or {}
    last, failed = int(place["campaign"]) if place.get("day") == today else 0, None
    try:
        for campaign_id, _planned in find(at=at, after=last):
            if campaign_id != last and last:
                keep_place(name=CAMPAIGNS, cursor={"day": today, "campaign": last}, at=at)
            last = campaign_id
            yield 0
    except LoyaltyError as error:
        failed = error
    keep_place(name=CAMPAIGNS, cursor={"day": today, "campaign": last}, at=at)
    if failed:
        raise failed


def _calendar(at: datetime) -> Iterator[int]:
    yield from count_ahead(at=at)


def _reviews(at: datetime) -> Iterator[int]:
    yield from look_again(at=at)


jobs.add(
    job=jobs.Job(
        name=CAMPAIGNS,
        title=pgettext_lazy("loyalty", "Carries out campaigns"),
        what="members whom campaigns brought something",
        run=_campaigns,
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
jobs.add(
    job=jobs.Job(
        name="calendar",
        title=pgettext_lazy("loyalty", "Counts whom campaigns are to come to in the weeks ahead"),
        what="days of campaigns counted",
        run=_calendar,
        nightly=True,
    )
)
