"""Levels of the ready program, where somebody chose them: each gets more of what everybody gets."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.program import money
from loyalty_oscar.tiers.models import Ladder, Tier
from loyalty_oscar.tiers.operations import set_out
from loyalty_oscar.tiers.signals import ladder_saved

from ..upkeep.setup import SetupResult, coin, setup_steps

#: Name, names in other languages, from how many coins in a calendar year, percent of what everybody gets, and color.
LEVELS = (
    ("Bronze", {"pl": "Brązowy", "ru": "Бронза"}, 0, 100, "#94470A"),
    ("Silver", {"de": "Silber", "pl": "Srebrny", "ru": "Серебро"}, 250, 150, "#55636A"),
    ("Gold", {"pl": "Złoty", "ru": "Золото"}, 1000, 250, "#8A6100"),
)


@setup_steps.register("tiers-levels", order=25)
def levels(*, ready: SetupResult, at: datetime) -> None:
    """Put up the levels of a program that has none: 2 % for Bronze are 3 % for Silver, 5 % for Gold."""
    if not ready.choices.has_levels:
        return
    if Ladder.objects.filter(program=ready.program).exists():
        ready.there.append("Levels")
        return
    ladder, currency = Ladder.objects.create(program=ready.program), ready.program.currency
    for rank, (name, names, coins, percent, color) in enumerate(LEVELS, start=1):
        threshold = coins * coin(currency=currency)
        told = {"name": name, "names": names, "percent": percent, "color": color, "threshold": threshold}
        Tier.objects.create(ladder=ladder, rank=rank, code=name.lower(), **told)
        more = f", {money.number(percent)} % of what Bronze gets" if rank > 1 else ""
        ready.made.append(f"Level {name} from {money.in_words(minor=threshold, currency=currency)}{more}")
    set_out(ladder=ladder, at=at)
    ladder_saved.send(sender=Ladder, ladder=ladder)
