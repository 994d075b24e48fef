"""What a member takes along of what campaigns brought, and of goals."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.journeys.models import GoalStanding, GoalStep, Occurrence
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member


@data_exports.register("campaigns")
def occurrences(*, member: Member) -> list[dict[str, Any]]:
    """
    Return every occurrence that brought points or did so once.

    They stay with the pseudonym when the member is forgotten, so that one mailbox has one sign-up bonus for ever.
    """
    found = Occurrence.objects.filter(member=member).select_related("campaign__reward").order_by("pk")
    return [
        {
            "campaign": occurrence.campaign.name,
            "source": occurrence.source,
            "points": occurrence.points,
            "reward": None if occurrence.points or not occurrence.campaign.reward else occurrence.campaign.reward.name,
            "given": occurrence.state == Occurrence.State.DONE,
            "at": occurrence.at.isoformat(),
        }
        for occurrence in found
    ]


@data_exports.register("goals")
def goals(*, member: Member) -> list[dict[str, Any]]:
    """
    Return what each order counts for each goal, and how often it was reached.

    They stay with the pseudonym when the member is forgotten: numbers, and no word of anybody's.
    """
    reached = dict(GoalStanding.objects.filter(member=member).values_list("goal_id", "reached"))
    found: dict[int, dict[str, Any]] = {}
    for step in GoalStep.objects.filter(member=member).select_related("goal").order_by("goal__code", "placed_at", "pk"):
        told = {"goal": step.goal.name, "reached": reached.get(step.goal_id, 0), "orders": []}
        one = {"order": step.order_id, "placed_at": step.placed_at.isoformat(), "counts": step.value}
        found.setdefault(step.goal_id, told)["orders"].append(one)
    return list(found.values())
