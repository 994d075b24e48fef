"""What a member takes along of what campaigns brought, of goals, answers and cases, and what is forgotten of these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.journeys.models import Answer, Case, GoalStanding, GoalStep, Occurrence
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import data_exports, erasures
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


@data_exports.register("answers")
def answers(*, member: Member) -> list[dict[str, Any]]:
    """Return what a member answered to questions."""
    return [
        {
            "question": answer.question,
            "about": answer.source,
            "order": answer.order_id,
            "answer": answer.choice,
            "text": answer.text,
            "at": answer.at.isoformat(),
        }
        for answer in Answer.objects.filter(member=member).order_by("pk")
    ]


@data_exports.register("cases")
def cases(*, member: Member) -> list[dict[str, Any]]:
    """Return what went wrong for a member, and what became of it."""
    return [
        {
            "kind": case.kind,
            "about": case.source,
            "order": case.order_id,
            "text": case.text,
            "state": case.state,
            "points": case.points if case.state == Case.State.GIVEN else 0,
            "reward": case.reward.name if case.reward and case.state == Case.State.GIVEN else None,
            "reason": case.reason,
            "opened_at": case.opened_at.isoformat(),
            "decided_at": case.decided_at.isoformat() if case.decided_at else None,
        }
        for case in Case.objects.filter(member=member).select_related("reward").order_by("pk")
    ]


@erasures.register("answers")
def erase(*, member: Member, at: datetime) -> None:
    """
    Forget what a member wrote and what staff wrote about it, and close the cases that are open: nobody is there to be
    given anything. Which choice was made and what was given stays with the pseudonym.
    """
    Answer.objects.using(write_db()).filter(member=member).update(text="")
    mine = Case.objects.using(write_db()).filter(member=member)
    mine.update(text="", reason="")
    closed = {"state": Case.State.CLOSED, "points": 0, "reward": None, "decided_at": at, "decided_by": "system"}
    mine.filter(state=Case.State.OPEN).update(**closed)
