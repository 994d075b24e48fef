"""The welcome gift of a level that an order is about to reach: told before it as it comes afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import pgettext

from loyalty_oscar.kernel.facts import OrderFacts, Purchase
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import terms_now
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.tiers.ahead import gifts_ahead, gifts_since
from loyalty_oscar.tiers.models import Ladder, Tier
from loyalty_oscar.tiers.queries import ladder_of, tier_name

from ..orders import statuses
from ..storefront.promised import PromisedPart, purchase_gifts
from ..storefront.visit import Visit, takes_part
from .levels import standing_of_visit


class LevelGift:
    """The welcome gifts of the levels that an order reaches, as parts of what it is about to bring."""

    def coming(self, *, purchase: Purchase | None, request: Any, at: datetime) -> Sequence[PromisedPart]:
        """Return the gift of each level that this purchase would reach. No query where no level above brings any."""
        visit = request.loyalty
        ladder = ladder_of(program_id=visit.unit.program_id)
        if purchase is None or ladder is None or not takes_part(visit=visit) or not _counts_at_once():
            return ()
        standing = standing_of_visit(visit=visit)
        rank = standing.rank if standing else 0
        if not any(tier.points for tier in ladder.known_tiers[rank:]):
            return ()
        reached = gifts_ahead(
            ladder=ladder,
            member_id=visit.member.pk if visit.member else None,
            standing=standing,
            value=_value(ladder, purchase, visit),
            at=at,
        )
        return [_part(tier, visit.unit, tier.points) for tier in reached]

    def came(self, *, order: Any, request: Any, at: datetime) -> Sequence[PromisedPart]:
        """Return the gifts that came since this order was placed. One query where levels bring any."""
        visit = request.loyalty
        ladder = ladder_of(program_id=visit.unit.program_id)
        if ladder is None or visit.account is None or not any(tier.points for tier in ladder.known_tiers):
            return ()
        given = gifts_since(ladder=ladder, account_id=visit.account.pk, since=order.date_placed)
        return [_part(tier, visit.unit, points) for tier, points in given]


purchase_gifts.register("tiers", order=30)(LevelGift())


def _part(tier: Tier, unit: Unit, points: int) -> PromisedPart:
    text = pgettext("loyalty", "Plus %(points)s for reaching %(tier)s")
    told = {"points": words.points(unit=unit, points=points), "tier": tier_name(tier=tier)}
    return PromisedPart(points=points, text=text % told)


def _counts_at_once() -> bool:
    """Return whether an order counts for levels from when it is placed."""
    return statuses.counts(status=getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "") or "")


def _value(ladder: Ladder, purchase: Purchase, visit: Visit) -> int:
    """Return what the purchase would count on a ladder, by the ladder's own metric."""
    if ladder.metric not in metrics:
        return 0
    order = OrderFacts(
        order_id=0,
        number="",
        site_id=None,
        user_id=visit.user.pk,
        status="",
        dead=False,
        final_at=None,
        purchase=purchase,
        unit_id=visit.unit.pk if visit.unit else None,
        terms=terms_now(program=ladder.program),
        is_new=True,
    )
    members = {visit.user.pk: visit.member.pk} if visit.member else {}
    return metrics.get(ladder.metric).values(orders=[order], members=members).get(0, 0)
