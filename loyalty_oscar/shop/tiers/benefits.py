"""What each level brings, in words: points, gift, member prices, the shop's own offers for it, and lines of text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import remembered, versions
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.tiers.models import Ladder, Tier
from loyalty_oscar.tiers.queries import prices_in_force
from loyalty_oscar.tiers.words import more

from .conditions import PROXY


def benefits(*, ladder: Ladder, tier: Tier, unit: Unit, at: datetime, reached: bool = False) -> list[str]:
    """
    Return what a level brings, a line each; its gift is left out for somebody who has `reached` it.

    Member prices and offers are at most a minute old.
    """
    found = [
        *own(tier=tier, unit=unit, reached=reached),
        *_prices(ladder, tier, at),
        *(offer.name for offer in _offers(at) if int(offer.condition.value or 1) <= tier.rank),
    ]
    return [line.replace(" %", f"{words.NBSP}%") for line in found]  # A number never parts from its unit.


def own(*, tier: Tier, unit: Unit, reached: bool = False) -> list[str]:
    """Return what stands on the level itself: more points, a gift, and lines of text."""
    found = []
    if tier.percent > 100:
        found.append(more(percent=tier.percent, unit=unit))
    promise = Promise() if reached else promise_of(row=tier)
    if promise.reward_id is not None:
        text = pgettext("loyalty", "A gift when you first reach it: %(reward)s")
        found.append(text % {"reward": words.promised(unit=unit, row=tier)})
    elif promise:
        text = pgettext("loyalty", "A gift of %(points)s when you first reach it")
        found.append(text % {"points": words.points(unit=unit, points=tier.points)})
    return found + [line.strip() for line in tier.text.splitlines() if line.strip()]


def _prices(ladder: Ladder, tier: Tier, at: datetime) -> list[str]:
    """The best member price of each product set that is better than that of everything, which comes last."""
    best: dict[str, int] = {}
    for price in prices_in_force(program_id=ladder.program_id, at=at):
        if price.tier.rank <= tier.rank:
            name = price.product_set.name if price.product_set else ""
            best[name] = max(best.get(name, 0), price.percent)
    best = {name: percent for name, percent in best.items() if not name or percent > best.get("", 0)}
    named = pgettext("loyalty", "Member price: %(percent)s %% off %(products)s")
    everything = pgettext("loyalty", "Member price: %(percent)s %% off everything")
    return [
        (named if name else everything) % {"percent": money.number(percent), "products": name}
        for name, percent in sorted(best.items(), key=lambda one: (not one[0], one[0]))
    ]


def _offers(at: datetime) -> list[Any]:
    """Oscar's offers that are open to levels now."""
    model = get_model("offer", "ConditionalOffer")
    rows = model.objects.filter(condition__proxy_class=PROXY, offer_type=model.SITE, status=model.OPEN)
    rows = rows.filter(Q(end_datetime=None) | Q(end_datetime__gt=at)).select_related("condition")
    found = remembered(key="tier-offers", version=versions(), load=lambda: list(rows.order_by("-priority", "pk")))
    return [
        offer
        for offer in found
        if (offer.start_datetime is None or offer.start_datetime <= at)
        and (offer.end_datetime is None or at < offer.end_datetime)
    ]
