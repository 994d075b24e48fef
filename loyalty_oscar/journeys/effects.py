"""
What orders count for goals: the order effect `goals` writes it down for each order and settles what members reach.

State-based: what is left of an order is what it counts, so a return takes along what was reached by it. Whether an
order counts for a goal at all is decided once, by what was true when it was placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.promise import Outcome
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import begun_units, earns_at, joined_members
from loyalty_oscar.program.registries import values_of
from loyalty_oscar.program.rows import write_rows

from .models import Goal, GoalStep
from .occasions import in_time
from .queries import goals_of, meant_then
from .reaching import Reached, changes, foresee, lock_accounts, settle


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """The steps that orders of one program make by now (unsaved)."""

    unit: Unit
    goals: list[Goal]
    steps: list[GoalStep]

    @property
    def member_ids(self) -> set[int]:
        return {step.member_id for step in self.steps}


class GoalEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Write down what these orders count by now, and give or take back what their customers reach."""
        for walk in self.walks(orders):
            lock_accounts(unit=walk.unit, member_ids=walk.member_ids)
            write_rows(rows=walk.steps, over=["placed_at", "value"])
            settle(goals=walk.goals, member_ids=walk.member_ids, at=at)

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> list[str]:
        """Give or take what these orders would bring or lose, and say which rewards move; writes nothing of its own."""
        said: list[str] = []
        for walk in self.walks(orders):
            for one in changes(goals=walk.goals, member_ids=walk.member_ids, instead=walk.steps):
                said += _in_words(one, foresee(reached=one, at=at))
        return said

    def set_codes(self) -> frozenset[str]:
        """Return the product sets that goals count in."""
        found = (goal for unit in begun_units() for goal in goals_of(program_id=unit.program_id))
        return frozenset(code for goal in found for code in goal.set_codes)

    def walks(self, orders: Sequence[OrderFacts]) -> Iterator[_Walk]:
        """Yield what these orders count for goals, program by program; nothing is asked where there is no goal."""
        for unit, goals, own in self.by_unit(orders):
            before = self.known(own)
            joined = joined_members(program_id=unit.program_id, user_ids=[order.user_id for order in own])
            steps = {goal.pk: self.steps(goal, own, before, joined, unit.program) for goal in goals}
            met = [goal for goal in goals if steps[goal.pk]]
            if met:
                yield _Walk(unit=unit, goals=met, steps=[step for goal in met for step in steps[goal.pk]])

    def by_unit(self, orders: Sequence[OrderFacts]) -> list[tuple[Unit, list[Goal], list[OrderFacts]]]:
        """Return the orders of customers by the unit of the program that they were placed in, where it has goals."""
        wanted = [order for order in orders if order.user_id is not None and order.purchase.lines]
        units = {unit.pk: unit for unit in begun_units()} if wanted else {}
        found: dict[int, tuple[Unit, list[Goal], list[OrderFacts]]] = {}
        for order in wanted:
            unit = units.get(order.unit_id or 0)
            if unit and (goals := goals_of(program_id=unit.program_id)):
                found.setdefault(unit.pk, (unit, goals, []))[2].append(order)
        return list(found.values())

    def known(self, orders: Sequence[OrderFacts]) -> dict[tuple[int, int], GoalStep]:
        """Return what these orders count already, by goal and order. One query."""
        rows = GoalStep.objects.using(write_db()).filter(order_id__in=[order.order_id for order in orders])
        return {(row.goal_id, row.order_id): row for row in rows}

    def steps(
        self,
        goal: Goal,
        orders: Sequence[OrderFacts],
        before: Mapping[tuple[int, int], GoalStep],
        joined: Mapping[Any, tuple[int, datetime]],
        program: Program,
    ) -> list[GoalStep]:
        """Return what orders count for a goal: those that count already, and those that begin to."""
        mine = [
            order
            for order in orders
            if (goal.pk, order.order_id) in before
            or (order.user_id in joined and begins(goal, order, program, joined[order.user_id][1]))
        ]
        known = {order.order_id: before.get((goal.pk, order.order_id)) for order in mine}
        owners = {
            order.order_id: step.member_id if (step := known[order.order_id]) else joined[order.user_id][0]
            for order in mine
        }
        values = values_of(metric=goal.metric, orders=mine, owners=owners, params=goal.params)
        found = []
        for order in mine:
            there = known[order.order_id]
            value = values[order.order_id] if order.counts and not order.dead else 0
            if there or value:
                told: dict[str, Any] = {"order_id": order.order_id, "placed_at": order.placed_at, "value": value}
                told |= {"goal_id": goal.pk, "member_id": owners[order.order_id]}
                found.append(GoalStep(pk=there.pk if there else None, **told))
        meant = meant_then(row=goal, asked={(step.member_id, step.placed_at) for step in found if step.pk is None})
        return [step for step in found if step.pk is not None or (step.member_id, step.placed_at) in meant]


def begins(goal: Goal, order: OrderFacts, program: Program, joined_at: datetime) -> bool:
    """Return whether an order may begin to count: placed within the dates of a goal that was switched on then."""
    has_joined = program.enrolment != Program.Enrolment.OPT_IN or order.placed_at >= joined_at
    was_on = goal.pk in order.then.get("goals", ()) and in_time(dated=goal, at=order.placed_at)
    return was_on and has_joined and earns_at(phases=program.known_phases, at=order.placed_at)


def _in_words(reached: Reached, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Say which rewards come, or stay though used; those that go are named with what goes, as points are."""
    reward = reached.goal.reward
    told = {"reward": reward.name, "goal": reached.goal.name} if reward else {}
    for outcome in outcomes if reward else ():
        if outcome == Outcome.KEPT:
            text = pgettext("loyalty", "“%(goal)s” is no longer reached, but “%(reward)s” is used already and stays.")
            yield text % told
        elif outcome in (Outcome.GIVEN, Outcome.AGAIN):
            yield pgettext("loyalty", "“%(goal)s” is reached, and brings the reward “%(reward)s”.") % told


reaching = GoalEffect()
