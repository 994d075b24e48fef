"""
Giving what goals give: as often as the orders of a member reach one, and taken back from the last when they do not.

The account is locked first, so that two orders at once reach a goal once. Each time has a key of its own, so what was
used stays used and does not come a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Outcome
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import open_account
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.queries import read_versions
from loyalty_oscar.program.registries import metrics, promise_of

from .giving import withdraw, would_withdraw
from .goals import Progress, Stamp, achieved, progress
from .models import Goal, GoalStanding, GoalStep
from .occasions import GOAL
from .planning import tell
from .queries import campaigns_about, counted_steps

#: So often somebody reaches one goal at most, whatever was typed and bought.
MOST_TIMES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A member reaches a goal `now` so often, and did so `before`; `moments` are those of its orders, where known."""

    goal: Goal
    member_id: int
    before: int
    now: int
    moments: Sequence[datetime] = ()


def settle(*, goals: Collection[Goal], member_ids: Collection[int], at: datetime) -> None:
    """Give or take back what these members' orders reach of these goals by now. Called again it changes nothing."""
    reach(found=list(changes(goals=goals, member_ids=member_ids)), at=at)


def reach(*, found: Sequence[Reached], at: datetime) -> None:
    """Give or take back what members reach of goals from now on, and what campaigns bring for it; write it down."""
    for one in found:
        give_or_take(reached=one, at=at)
        rows = GoalStanding.objects.using(write_db())
        rows.update_or_create(goal=one.goal, member_id=one.member_id, defaults={"reached": one.now})
    if found:
        _tell(found, at)


def lock_accounts(*, unit: Unit, member_ids: Collection[int]) -> None:
    """Lock the accounts of these members, opened where one is missing."""
    rows = Account.objects.using(write_db()).select_for_update().filter(unit=unit, member_id__in=member_ids)
    found = set(rows.order_by("pk").values_list("member_id", flat=True))
    if missing := set(member_ids) - found:
        for member in Member.objects.using(write_db()).filter(pk__in=missing).order_by("pk"):
            open_account(member=member, unit=unit)
        list(rows.order_by("pk").values_list("pk"))


def changes(
    *, goals: Collection[Goal], member_ids: Collection[int], instead: Iterable[GoalStep] = ()
) -> Iterator[Reached]:
    """Yield who reaches which goal more or less often than before; of some orders by what they would count instead."""
    other = {(step.goal_id, step.order_id): step for step in instead}
    steps: dict[tuple[int, int], list[Stamp]] = defaultdict(list)
    there = [
        step for step in counted_steps(goals=goals, member_ids=member_ids) if (step.goal_id, step.order_id) not in other
    ]
    for step in (*there, *other.values()):
        steps[step.goal_id, step.member_id].append(Stamp(at=step.placed_at, value=step.value))
    rows = GoalStanding.objects.using(write_db()).filter(goal__in=[goal.pk for goal in goals])
    known = rows.filter(member_id__in=member_ids).values_list("goal_id", "member_id", "reached")
    before = {(goal_id, member_id): reached for goal_id, member_id, reached in known}
    for goal in goals:
        for member_id in sorted(member_ids):
            moments, had = _moments(goal, steps[goal.pk, member_id]), before.get((goal.pk, member_id), 0)
            if len(moments) != had:
                yield Reached(goal=goal, member_id=member_id, before=had, now=len(moments), moments=moments)


def times(*, goal: Goal, steps: Iterable[Stamp]) -> int:
    """Return how often these steps reach a goal."""
    return len(_moments(goal, steps))


def _moments(goal: Goal, steps: Iterable[Stamp]) -> list[datetime]:
    return achieved(steps=steps, **_terms(goal))[:MOST_TIMES]


def far(*, goal: Goal, steps: Iterable[Stamp], at: datetime) -> Progress:
    """Return how often these steps reach a goal, and how far it is to the next time at a moment."""
    return progress(steps=steps, **_terms(goal), at=at)


def _terms(goal: Goal) -> dict[str, Any]:
    """Return what a goal asks for. One whose metric has left counts numbers, as most do."""
    metric = metrics.get(goal.metric) if goal.metric in metrics else None
    are_marks = bool(getattr(metric, "are_marks", False))
    told = {"target": goal.target, "window_days": goal.window_days, "repeats": goal.repeats}
    return {**told, "are_marks": are_marks}


def give_or_take(*, reached: Reached, at: datetime) -> list[Outcome]:
    """Give what a member reached since, or take back what no longer is, the last first; returns what came of each."""
    goal, found, moments = reached.goal, [], dict(enumerate(reached.moments, 1))
    to: dict[str, Any] = {"member_id": reached.member_id, "promise": promise_of(row=goal), "at": at}
    for number in range(reached.before + 1, reached.now + 1):
        because, happened_at = Because("goal_reached", name=goal.name), moments.get(number)
        key = key_of(goal=goal, number=number)
        found.append(program_operations.give(key=key, because=because, happened_at=happened_at, **to))
    for number in range(reached.before, reached.now, -1):
        because = Because("goal_missed", name=goal.name)
        found.append(program_operations.take_back(key=key_of(goal=goal, number=number), because=because, **to))
    return found


def foresee(*, reached: Reached, at: datetime) -> list[Outcome]:
    """Do the same in a look ahead, and take back what campaigns brought for what no longer would be reached."""
    found = give_or_take(reached=reached, at=at)
    would_withdraw(missed=_missed([reached]), at=at)
    return found


def _tell(reached: Sequence[Reached], at: datetime) -> None:
    """Plan what campaigns bring for what was reached, and withdraw what they do for what no longer is."""
    for one in reached:
        told: dict[str, Any] = {"program_id": one.goal.program_id, "member_id": one.member_id, "occasion": GOAL}
        moments = dict(enumerate(one.moments, 1))
        for number in range(one.before + 1, one.now + 1):
            detail, moment = f"{one.goal.pk}:{number}", moments.get(number)
            tell(**told, detail=detail, happened_at=at, caused_at=moment, at=at)
    withdraw(missed=_missed(reached), at=at)


def _missed(reached: Sequence[Reached]) -> dict[tuple[int, str], Because]:
    """Return what is no longer reached of goals about which there are campaigns: the member and the source, and why."""
    read_versions()
    return {
        (one.member_id, f"{GOAL}:{one.goal.pk}:{number}"): Because("goal_missed", name=one.goal.name)
        for one in reached
        if campaigns_about(program_id=one.goal.program_id, occasion=GOAL)
        for number in range(one.now + 1, one.before + 1)
    }


def key_of(*, goal: Goal, number: int) -> str:
    """Return the key of what a member gets as a goal is reached for the so-many-th time."""
    return f"goal:{goal.pk}:{number}"
