"""What staff read of a member's goals: how far each is, how often it was reached, and which orders count for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.journeys.goal_words import in_words, so_far
from loyalty_oscar.journeys.goals import Stamp
from loyalty_oscar.journeys.models import GoalStep
from loyalty_oscar.journeys.queries import counted_steps, goals_of
from loyalty_oscar.journeys.reaching import far
from loyalty_oscar.program import clock, contributions, money
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import metrics

from ..dashboard.permissions import may_look

Piece = tuple[str, Mapping[str, Any]]
#: So many of the newest orders that count for a goal are named.
NEWEST = 5


@contributions.register("dashboard:user", "goals", order=45)
def of_customer(*, subject: Any, request: Any) -> Piece | None:
    """Return the goals of a customer; nothing in a shop without goals. Four queries where there are any."""
    visit = getattr(request, "loyalty", None)
    unit = visit.unit if visit else None
    if unit is None or not may_look(request.user) or not goals_of(program_id=unit.program_id):
        return None
    rows = Member.objects.filter(user_id=subject.pk, program_id=unit.program_id).select_related("program__unit")
    member = rows.first()
    found = _rows(member) if member else []
    return ("loyalty/dashboard/goals.html", {"rows": found}) if found else None


@contributions.register("admin:member", "goals", order=27)
def of_member(*, subject: Any, request: Any) -> Piece | None:
    """Return the goals of a member; nothing in a shop without goals."""
    found = _rows(subject)
    return ("loyalty/admin/goals_of.html", {"rows": found}) if found else None


def _rows(member: Member) -> list[dict[str, Any]]:
    goals, at, unit = goals_of(program_id=member.program_id), clock.now(), member.program.unit_or_none
    if not goals:
        return []
    steps: dict[int, list[GoalStep]] = defaultdict(list)
    for step in counted_steps(goals=goals, member_ids=[member.merged_into_id or member.pk]):
        steps[step.goal_id].append(step)
    newest = {step.order_id for some in steps.values() for step in some[-NEWEST:]}
    orders = get_model("order", "Order").objects.filter(pk__in=newest)
    numbers = dict(orders.values_list("pk", "number"))
    rows = []
    for goal in goals:
        some = steps[goal.pk]
        if not some and not goal.is_on:
            continue
        found = far(goal=goal, steps=[Stamp(at=step.placed_at, value=step.value) for step in some], at=at)
        named = [_told(numbers.get(step.order_id), step, goal, unit) for step in reversed(some[-NEWEST:])]
        row = {"goal": goal, "so_far": so_far(goal=goal, found=found, unit=unit), "orders": named}
        rows.append({**row, "times": money.number(found.times), "more": max(0, len(some) - NEWEST)})
    return rows


def _told(number: str | None, step: GoalStep, goal: Any, unit: Any) -> str:
    metric = metrics.get(goal.metric) if goal.metric in metrics else None
    value = step.value.bit_count() if getattr(metric, "are_marks", False) else step.value
    told = {"number": number or step.order_id, "what": in_words(goal=goal, value=value, unit=unit)}
    return pgettext("loyalty", "Order %(number)s: %(what)s") % told
