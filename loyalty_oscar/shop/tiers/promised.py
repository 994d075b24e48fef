"""The welcome gift of a level that an order is about to reach: told before it as it comes afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import pgettext

from loyalty_oscar.kernel.facts import Purchase
from loyalty_oscar.program import words
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.tiers.ahead import gifts_ahead, gifts_since
from loyalty_oscar.tiers.models import Tier
from loyalty_oscar.tiers.moves import gifts_had
from loyalty_oscar.tiers.queries import ladder_of, tier_name

from ..orders import statuses
from ..storefront.promised import PromisedPart, purchase_gifts
from ..storefront.visit import Visit, takes_part
from .levels import standing_of_visit, value_of_purchase


class LevelGift:
    """The welcome gifts of the levels that an order reaches, as parts of what it is about to bring."""

    def coming(self, *, purchase: Purchase | None, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """Return the gift of each level that this purchase would reach. No query where no level above brings any."""
        ladder = ladder_of(program_id=visit.unit.program_id)
        is_in = takes_part(visit=visit)
        # A stranger could keep the order as a guest: then it is the first of a new account.
        is_out = visit.user.is_authenticated and not is_in
        if purchase is None or ladder is None or is_out or not _counts_at_once():
            return ()
        standing = standing_of_visit(visit=visit)
        rank = standing.rank if standing else 0
        if not any(promise_of(row=tier) for tier in ladder.known_tiers[rank:]):
            return ()
        reached = gifts_ahead(
            ladder=ladder,
            member_id=visit.member.pk if visit.member else None,
            joined_at=visit.member.joined_at if visit.member else None,
            standing=standing,
            value=value_of_purchase(ladder=ladder, purchase=purchase, visit=visit),
            at=at,
        )
        return [_part(tier, tier.points, words.promised(unit=visit.unit, row=tier), is_sure=is_in) for tier in reached]

    def came(self, *, order: Any, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """Return the gifts that came since this order was placed. One query where levels bring any."""
        ladder = ladder_of(program_id=visit.unit.program_id)
        if ladder is None or visit.account is None or not any(promise_of(row=tier) for tier in ladder.known_tiers):
            return ()
        since = order.date_placed
        given = gifts_since(ladder=ladder, account_id=visit.account.pk, since=since)
        had = gifts_had(ladder=ladder, member_id=visit.account.member_id, since=since)
        return [
            *(_part(tier, points, words.points(unit=visit.unit, points=points)) for tier, points in given),
            *(_part(tier, 0, words.given(unit=visit.unit, gift=gift)) for tier, gift in had if gift.reward),
        ]


purchase_gifts.register("tiers", order=30)(LevelGift())


def _part(tier: Tier, points: int, gift: str, is_sure: bool = True) -> PromisedPart:
    text = pgettext("loyalty", "Plus %(points)s for reaching %(tier)s")
    told = {"points": gift, "tier": tier_name(tier=tier)}
    return PromisedPart(points=points, text=text % told, is_sure=is_sure)


def _counts_at_once() -> bool:
    """Return whether an order counts for levels from when it is placed."""
    return statuses.counts(status=getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "") or "")
