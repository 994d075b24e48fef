"""How near a basket brings its owner to the next level: "10.00 € more and you are Gold"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.program import clock, contributions
from loyalty_oscar.tiers.models import Ladder
from loyalty_oscar.tiers.queries import ladder_of, tier_name
from loyalty_oscar.tiers.words import counted

from ..orders.facts import gather_basket
from ..storefront.visit import Visit, takes_part
from .levels import rank_of_visit, value_of_purchase
from .storefront import progress_of_visit

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("basket:earns", "tiers", order=60)
def nudge(*, subject: Any, request: Any) -> Piece | None:
    """
    Return what is missing to the next level with this basket, where that is no more than the basket itself: further
    off it helps nobody. One query, and none for strangers, for the highest level, or for an empty basket.
    """
    visit = request.loyalty
    ladder = ladder_of(program_id=visit.unit.program_id)
    if ladder is None or subject is None or subject.is_empty or not visit.is_earning or not takes_part(visit=visit):
        return None
    above = [tier for tier in ladder.known_tiers[rank_of_visit(visit=visit) :] if tier.threshold is not None]
    value = _value(ladder, subject, visit) if above else 0
    if not value:
        return None
    have = progress_of_visit(visit=visit, ladder=ladder).value + value
    reached = [tier for tier in above if tier.threshold <= have]
    following = next((tier for tier in above if tier.threshold > have), None)
    said: dict[str, Any] = {"reached": tier_name(tier=reached[-1]) if reached else ""}
    if not reached and following and following.threshold - have <= value:
        missing = following.threshold - have
        said |= {
            "value": missing,
            "missing": counted(ladder=ladder, value=missing, unit=visit.unit),
            "next_name": tier_name(tier=following),
        }
    return ("loyalty/widgets/level_nudge.html", said) if reached or "missing" in said else None


def _value(ladder: Ladder, basket: Any, visit: Visit) -> int:
    purchase = gather_basket(basket=basket, set_codes=(), at=clock.now(), is_first=False)
    return value_of_purchase(ladder=ladder, purchase=purchase, visit=visit)
