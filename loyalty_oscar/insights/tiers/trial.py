"""Levels climbed and left in a trial, by the rules of today, with nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import terms_now
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.tiers import rules
from loyalty_oscar.tiers.queries import ladder_of, rules_of, tier_fact, tier_of_rank

from ..laws import climbing


class LevelsOfNow:
    """The levels of a program that are in force; without them nobody climbs."""

    def __init__(self, *, unit: Unit, at: datetime) -> None:
        self.ladder = ladder_of(program_id=unit.program_id)
        self.terms = terms_now(program=unit.program)
        # Nothing is from before the levels: they are tried as if they had always been there.
        self.law = replace(rules_of(ladder=self.ladder), set_at=None) if self.ladder else None

    def __bool__(self) -> bool:
        return self.ladder is not None

    def __call__(self) -> StandingTried:
        """Return where one customer stands, who has ordered nothing yet."""
        return StandingTried(self)


class StandingTried:
    """One customer on the levels, from order to order."""

    def __init__(self, levels: LevelsOfNow) -> None:
        assert levels.ladder is not None and levels.law is not None
        self.levels, self.ladder, self.law = levels, levels.ladder, levels.law
        self.now = rules.Now()
        self.counted: dict[int, rules.Counted] = {}

    def facts(self, *, at: datetime) -> Mapping[str, Any]:
        """Return the level at a moment, after those that ended by then, each after its grace."""
        if self.law.since is None:
            self.law = replace(self.law, since=local_day(at=at, zone=self.law.zone))
        grace = timedelta(days=self.law.grace_days)
        while self.now.rank and self.now.kept_until and (over := self.now.kept_until + grace) <= at:
            if not self._step(over, announced=True):
                break
        tier = tier_of_rank(ladder=self.ladder, rank=max(self.now.rank, self.law.base))
        return {"tier": tier_fact(tier=tier), "tier_rank": tier.rank} if tier else {}

    def count(self, *, order: OrderFacts, points: int, at: datetime) -> None:
        """Count what an order counts for the levels, and take the step that follows."""
        asked = replace(order, terms=self.levels.terms)
        value = points
        if self.ladder.metric != "points":
            told = metrics.get(self.ladder.metric).values(orders=[asked], members={order.user_id: 0}, params={})
            value = told[order.order_id]
        self.counted[order.order_id] = rules.Counted(at=order.placed_at, value=0 if order.dead else value)
        self._step(at)

    def _step(self, at: datetime, *, announced: bool = False) -> bool:
        counted = list(self.counted.values())
        step = rules.decide(now=self.now, counted=counted, ladder=self.law, at=at, announced=announced)
        if step is None:
            return False
        self.now = rules.Now(
            rank=step.rank,
            since=self.now.since if step.why == "kept" else at,
            kept_until=step.kept_until,
            is_counted=step.is_counted or not step.rank,
        )
        return True


climbing.register("levels")(LevelsOfNow)
