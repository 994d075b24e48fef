"""
What campaigns brought and orders count for goals, when two members become one: it goes along, and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Goal, GoalStanding, GoalStep, Occurrence
from .reaching import settle


class OccurrencesMove:
    """What a campaign brought a member once it does not bring again."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many go along."""
        if count := Occurrence.objects.filter(member=member).count():
            text = npgettext(
                "loyalty",
                "What %(count)s campaign brought moves, and does not come again.",
                "What campaigns brought %(count)s times moves, and does not come again.",
                count,
            )
            yield text % {"count": money.number(count)}

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Move what the other member did not have too; returns it."""
        rows = Occurrence.objects.using(write_db())
        same = rows.filter(member=into, campaign=OuterRef("campaign"), source=OuterRef("source"))
        moved = list(rows.filter(~Exists(same), member=member).values_list("pk", flat=True))
        rows.filter(pk__in=moved).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back."""
        Occurrence.objects.using(write_db()).filter(pk__in=moved, member=into).update(member=member)


merge_parts.register("campaigns", order=60)(OccurrencesMove())


class GoalsMove:
    """
    Orders of both count together, and may reach a goal that neither had reached.

    Points that both had are there twice. A reward that both had stays with each of them, so that of the other is still
    to come.
    """

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say that orders count together."""
        if GoalStep.objects.filter(member=member, value__gt=0).exists():
            yield pgettext("loyalty", "Orders of both count together for goals.")

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, Any]:
        """Move what counts, and give what both reach together; returns what was and how often either reached what."""
        steps = GoalStep.objects.using(write_db()).filter(member=member)
        moved: dict[str, Any] = {
            "steps": list(steps.values_list("pk", flat=True)),
            "gone": _reached(member),
            "kept": _reached(into),
        }
        steps.update(member=into)
        GoalStanding.objects.using(write_db()).filter(member=member).delete()
        goals = list(Goal.objects.using(write_db()).filter(program_id=into.program_id).select_related("reward"))
        for goal in goals:
            if both := [moved[who][goal.pk] for who in ("gone", "kept") if goal.pk in moved[who]]:
                _reach(into, goal.pk, max(both) if goal.reward else sum(both))
        settle(goals=goals, member_ids=[into.pk], at=at)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Let each count alone again; the next order of either settles what came since."""
        GoalStep.objects.using(write_db()).filter(pk__in=moved["steps"], member=into).update(member=member)
        for who, reached in ((member, moved["gone"]), (into, moved["kept"])):
            for goal_id, times in reached.items():
                _reach(who, int(goal_id), times)


def _reached(member: Member) -> dict[int, int]:
    rows = GoalStanding.objects.using(write_db()).filter(member=member)
    return dict(rows.values_list("goal_id", "reached"))


def _reach(member: Member, goal_id: int, times: int) -> None:
    rows = GoalStanding.objects.using(write_db())
    rows.update_or_create(goal_id=goal_id, member=member, defaults={"reached": times})


merge_parts.register("goals", order=65)(GoalsMove())
