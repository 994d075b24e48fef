"""What brings points besides buying, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.journeys.occasions import in_time
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.models import Unit

from .goals import cards
from .ways import best_of, brings, promised_to


@contributions.register("how-it-works:parts", "journeys", order=25)
def more_ways(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what the campaigns in force bring, a line for each occasion."""
    at = clock.now()
    open_now = [one for one in promised_to(visit=request.loyalty, at=at) if one.has_left and in_time(dated=one, at=at)]
    lines = [brings(campaign=one, points=words.promised(unit=subject, row=one)) for one in best_of(campaigns=open_now)]
    if not lines:
        return None
    return "loyalty/widgets/guide.html", {"id": "more", "title": pgettext("loyalty", "Earn more"), "lines": lines}


@contributions.register("how-it-works:parts", "goals", order=27)
def goals(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what members can reach by their orders, and what they get for it."""
    rows = [f"{card.goal.name}: {card.asked}. {card.gift}" for card in cards(visit=request.loyalty, at=clock.now())]
    if not rows:
        return None
    return "loyalty/widgets/guide.html", {"id": "goals", "title": pgettext("loyalty", "Goals"), "lines": rows}
