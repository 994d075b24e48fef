"""Levels of the ready program, where somebody chose them: each gets more of what everybody gets."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Tier
from loyalty_oscar.tiers.operations import set_out
from loyalty_oscar.tiers.signals import ladder_saved

from ..upkeep.setup import SetupResult, coin, setup_steps


@setup_steps.register("tiers-levels", order=25)
def levels(*, ready: SetupResult, at: datetime) -> None:
    """Put up the levels of a program that has none, with what members from each on pay less."""
    if not ready.choices.levels:
        return
    if Ladder.objects.using(write_db()).filter(program=ready.program).exists():
        ready.there.append("Levels")
        return
    ladder, currency = Ladder.objects.using(write_db()).create(program=ready.program), ready.program.currency
    for rank, level in enumerate(ready.choices.levels, start=1):
        threshold = level.coins * coin(currency=currency)
        tier = Tier.objects.using(write_db()).create(
            ladder=ladder,
            rank=rank,
            code=level.name.lower(),
            name=level.name,
            names=dict(level.names),
            percent=level.percent,
            color=level.color,
            threshold=threshold,
        )
        more = f", {money.number(level.percent)} % of what Bronze gets" if level.percent > 100 else ""
        if level.off:
            MemberPrice.objects.using(write_db()).create(tier=tier, percent=level.off, starts_at=at)
            more += f", {money.number(level.off)} % off everything"
        ready.made.append(f"Level {level.name} from {money.in_words(minor=threshold, currency=currency)}{more}")
    set_out(ladder=ladder, at=at)
    ladder_saved.send(sender=Ladder, ladder=ladder)
