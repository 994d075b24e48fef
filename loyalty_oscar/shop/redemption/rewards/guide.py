"""What members can have for their points, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.models import Unit

from .storefront import cards


@contributions.register("how-it-works:parts", "rewards", order=17)
def what_there_is(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rewards that can be had now, each with its price."""
    rows = [f"{card.reward.name}: {card.price}" for card in cards(visit=request.loyalty, at=clock.now())]
    if not rows:
        return None
    title = pgettext("loyalty", "Rewards")
    return "loyalty/widgets/guide.html", {"id": "rewards", "title": title, "lines": rows}
