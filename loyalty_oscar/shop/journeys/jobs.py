"""The work of campaigns: what is found each night is planned, and what is due is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext_lazy

from loyalty_oscar.journeys.calendar import count_ahead
from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import JobRun, Program
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
    Plan what is found, once a day for each campaign, by the calendar of its program; goes on where it stood, and takes
    new campaigns at once.

    It plans and counts nothing yet: what is carried out is counted.
    """
    places, before, failed = _places(at), None, None
    try:
        for campaign, _planned in find(at=at, after={int(pk): place["campaign"] for pk, place in places.items()}):
            if before and campaign != before:
                _keep(places, before, at)
            before = campaign
            yield 0
    except LoyaltyError as error:
        failed = error
    if before:
        _keep(places, before, at)
    if failed:
        raise failed


def _places(at: datetime) -> dict[str, dict[str, Any]]:
    """Return by program, as JSON has keys, the last campaign that was looked at today."""
    run = JobRun.objects.using(write_db()).filter(name=CAMPAIGNS).first()
    known = (run and run.cursor) or {}
    zones = {str(pk): zone for pk, zone in Program.objects.using(write_db()).values_list("pk", "time_zone")}
    days = {pk: periods.local_day(at=at, zone=zone).isoformat() for pk, zone in zones.items()}
    return {pk: known[pk] for pk, day in days.items() if pk in known and known[pk]["day"] == day}


def _keep(places: dict[str, dict[str, Any]], campaign: Campaign, at: datetime) -> None:
    """Write down that the campaigns of a program were looked at today up to this one."""
    today = periods.local_day(at=at, zone=campaign.program.time_zone)
    places[str(campaign.program_id)] = {"day": today.isoformat(), "campaign": campaign.pk}
    keep_place(name=CAMPAIGNS, cursor=places, at=at)


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
