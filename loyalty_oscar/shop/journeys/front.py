"""The campaigns and goals on the front page of loyalty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.queries import goals_of
from loyalty_oscar.program.models import Program

from ..front.planned import Planned, planned_lists


@planned_lists.register("campaigns", order=20)
def campaigns(*, program: Program, at: datetime) -> Iterator[Planned]:
    """Yield the campaigns that are switched on."""
    for campaign in Campaign.objects.filter(program=program, is_on=True).order_by("code"):
        yield Planned(
            kind=pgettext_lazy("loyalty", "Campaign"),
            row=campaign,
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
        )


@planned_lists.register("goals", order=22)
def goals(*, program: Program, at: datetime) -> Iterator[Planned]:
    """Yield the goals that are switched on."""
    kind = pgettext_lazy("loyalty", "Goal")
    for goal in goals_of(program_id=program.pk):
        if goal.is_on:
            yield Planned(kind=kind, row=goal, starts_at=goal.starts_at, ends_at=goal.ends_at)
