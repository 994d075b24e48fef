"""
What campaigns brought and orders count for goals, when two members become one: it goes along, and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member, Merge
from loyalty_oscar.program.queries import merged_at

from . import giving
from .models import Answer, Case, Goal, GoalStanding, GoalStep, Occurrence
from .occasions import GOAL, LEVEL
from .planning import stand_again
from .reaching import Reached, reach, settle


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
        """
        Move it back; what was given meanwhile stays with its gift at the one who stays. What was given for a level or a
        goal goes with that, unless it was used, and comes to the member instead.
        """
        rows = Occurrence.objects.using(write_db()).filter(pk__in=moved, member=into)
        gifts = Q(points__gt=0) | Q(campaign__reward__isnull=False)
        given = rows.filter(gifts, state=Occurrence.State.DONE, at__gte=merged_at(member=member, into=into))
        meanwhile = {row.pk: row for row in given.select_related("campaign").order_by("pk")}
        again = [row for row in meanwhile.values() if _is_reached(row) and _take_back(row, at)]
        staying = meanwhile.keys() - {row.pk for row in again}
        rows.exclude(pk__in=staying).update(member=member)
        for row in again:
            stand_again(occurrence=row, at=at)


def _is_reached(row: Occurrence) -> bool:
    """Return whether it is for a level or a goal that was reached."""
    return row.source.partition(":")[0] in (LEVEL, GOAL)


def _take_back(row: Occurrence, at: datetime) -> bool:
    """Take back what an occurrence gave; returns whether it went back and was not used."""
    giving.undo(occurrence_id=row.pk, because=Because("campaign_withdrawn"), at=at)
    row.refresh_from_db(using=write_db(), fields=["state", "because", "is_kept"])
    return not row.is_kept


# Before levels and goals, which take back of each what a level or a goal that is lost had brought.
merge_parts.register("campaigns", order=28)(OccurrencesMove())


class AnswersMove:
    """What a member answered, and what went wrong for a member, is the other's from then on."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say how many open cases go along."""
        if count := Case.objects.filter(member=member, state=Case.State.OPEN).count():
            text = npgettext("loyalty", "%(count)s open case moves.", "%(count)s open cases move.", count)
            yield text % {"count": money.number(count)}

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, list[int]]:
        """Move what the other member has not answered, or is not a case of the other's, too; returns it."""
        answers, cases = Answer.objects.using(write_db()), Case.objects.using(write_db())
        same = answers.filter(member=into, question=OuterRef("question"), source=OuterRef("source"))
        moved = {
            "answers": list(answers.filter(~Exists(same), member=member).values_list("pk", flat=True)),
            "cases": list(
                cases.filter(~Exists(cases.filter(member=into, source=OuterRef("source"))), member=member).values_list(
                    "pk", flat=True
                )
            ),
        }
        answers.filter(pk__in=moved["answers"]).update(member=into)
        cases.filter(pk__in=moved["cases"]).update(member=into)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back; a case that was made good meanwhile stays with its gift at the one who stays."""
        Answer.objects.using(write_db()).filter(pk__in=moved["answers"], member=into).update(member=member)
        cases = Case.objects.using(write_db()).filter(pk__in=moved["cases"], member=into)
        meanwhile = Q(state=Case.State.GIVEN, decided_at__gte=merged_at(member=member, into=into))
        cases.exclude(meanwhile).update(member=member)


merge_parts.register("answers", order=62)(AnswersMove())


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
        goals = _goals(into)
        for goal in goals:
            if goal.pk in moved["gone"] or goal.pk in moved["kept"]:
                _stand(into, goal.pk, _of_both(goal, moved))
        settle(goals=goals, member_ids=[into.pk], at=at)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Take back what only both together reached, and let each count alone again, with what came since."""
        gone, kept = _by_goal(moved["gone"]), _by_goal(moved["kept"])
        goals, reached = _goals(into), _reached(into)
        # What others brought along since stays.
        since = Merge.objects.using(write_db()).filter(into=into, undone_at=None).exclude(member=member)
        for row in since.filter(at__gte=merged_at(member=member, into=into)).order_by("pk"):
            theirs = _by_goal(row.moved["parts"].get("goals", {}).get("gone", {}))
            now = {goal.pk: _of_both(goal, {"gone": theirs, "kept": kept}) for goal in goals}
            kept = {pk: times for pk, times in now.items() if times}
        # What is given has a number. Those that the member brought along are not among the other one's.
        both = ((goal, reached.get(goal.pk, 0), kept.get(goal.pk, 0)) for goal in goals)
        found = [Reached(goal=goal, member_id=into.pk, before=had, now=has) for goal, had, has in both if had != has]
        reach(found=found, at=at)
        GoalStep.objects.using(write_db()).filter(pk__in=moved["steps"], member=into).update(member=member)
        GoalStanding.objects.using(write_db()).filter(member=into).delete()
        for who, times_of in ((member, gone), (into, kept)):
            for goal_id, times in times_of.items():
                _stand(who, goal_id, times)
        settle(goals=goals, member_ids=[member.pk, into.pk], at=at)


def _goals(member: Member) -> list[Goal]:
    rows = Goal.objects.using(write_db()).filter(program_id=member.program_id)
    return list(rows.select_related("reward").order_by("pk"))


def _by_goal(stored: Mapping[str, int]) -> dict[int, int]:
    return {int(pk): times for pk, times in stored.items()}


def _of_both(goal: Goal, moved: Any) -> int:
    """Return for how often two members together have what a goal gives, by how often each had reached it."""
    both = [moved[who].get(goal.pk, 0) for who in ("gone", "kept")]
    return max(both) if goal.reward else sum(both)


def _reached(member: Member) -> dict[int, int]:
    rows = GoalStanding.objects.using(write_db()).filter(member=member)
    return dict(rows.values_list("goal_id", "reached"))


def _stand(member: Member, goal_id: int, times: int) -> None:
    rows = GoalStanding.objects.using(write_db())
    rows.update_or_create(goal_id=goal_id, member=member, defaults={"reached": times})


merge_parts.register("goals", order=65)(GoalsMove())
