"""Where a visitor stands, asked once a visit, for prices, offers and the badge; and what a purchase counts for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import FilteredRelation, Q

from loyalty_oscar.kernel.facts import Purchase
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.tiers.models import Ladder, Standing, Tier
from loyalty_oscar.tiers.queries import (
    at_least_base,
    bases,
    ladder_of,
    standing_of,
    tier_fact,
    tier_name,
    tiers_on,
)
from loyalty_oscar.tiers.rules import is_over

from ..orders.facts import if_placed
from ..storefront.offer_hooks import basket_levels
from ..storefront.visit import Visit, takes_part, visit_facts


def standing_of_visit(*, visit: Visit) -> Standing | None:
    """
    Return where a visitor stands, with the level; None, and no query, for strangers and programs without levels.

    Who joins by doing stands on everybody's level before the first order: with that order they will.
    """
    ladder = ladder_of(program_id=visit.unit.program_id) if visit.unit else None
    if ladder is None:
        return None
    if visit.member is None:
        return at_least_base(ladder=ladder, standing=None) if takes_part(visit=visit) else None
    member_id = visit.member.pk
    load = partial(standing_of, ladder=ladder, member_id=member_id, at=clock.now())
    return visit.once(key="standing", load=load)


def rank_of_visit(*, visit: Visit) -> int:
    """Return the rank of a visitor's level; 0 is none."""
    standing = standing_of_visit(visit=visit)
    return standing.rank if standing else 0


@visit_facts.register("tier")
def tier_of_visit(*, visit: Visit) -> dict[str, Any] | None:
    """Answer the fact `tier` of a visitor from the standing that the visit knows."""
    standing = standing_of_visit(visit=visit)
    return tier_fact(tier=standing.tier) if standing and standing.tier else None


@visit_facts.register("tier_rank")
def tier_rank_of_visit(*, visit: Visit) -> int | None:
    """Answer the fact `tier_rank` of a visitor; None without a level."""
    return rank_of_visit(visit=visit) or None


class OwnersLevels:
    """Levels of the owners of baskets, for Oscar's own offers."""

    def rank_of(self, *, basket: Any) -> int:
        """Return the rank of the level of a basket's owner; one query for each basket that was loaded."""
        visit = getattr(getattr(basket.strategy, "request", None), "loyalty", None)
        if visit is not None and visit.user is not None and visit.user.pk == basket.owner_id:
            return rank_of_visit(visit=visit)
        if not hasattr(basket, "_loyalty_rank"):
            basket._loyalty_rank = max(self._ranks(basket.owner_id), default=0)
        return basket._loyalty_rank

    def _ranks(self, user_id: Any) -> Iterator[int]:
        """Yield the ranks of somebody's memberships, everybody's level too. One query."""
        tiers, first, at = tiers_on(), bases(), clock.now()
        members = Member.objects.filter(user_id=user_id, merged_into=None, program__ladder__is_on=True)
        members = members.annotate(current=FilteredRelation("standings", condition=Q(standings__is_current=True)))
        names = ("program_id", "current__tier_id", "current__is_strict", "current__kept_until")
        for program_id, tier_id, is_strict, kept_until in members.values_list(*names):
            if program_id in first:
                yield first[program_id].rank
            if tier_id in tiers and not is_over(is_strict=is_strict, kept_until=kept_until, at=at):
                yield tiers[tier_id].rank

    def name_of(self, *, rank: int) -> str:
        """Return what the level of a rank is called, of the first program that has one."""
        tier = Tier.objects.filter(rank=rank, ladder__is_on=True).order_by("pk").first()
        return tier_name(tier=tier) if tier else ""


basket_levels.register("tiers")(OwnersLevels())


def value_of_purchase(*, ladder: Ladder, purchase: Purchase, visit: Visit) -> int:
    """Return what the purchase would count on a ladder, by the ladder's own metric."""
    if ladder.metric not in metrics:
        return 0
    order = if_placed(purchase=purchase, user_id=visit.user.pk, unit=visit.unit)
    members = {visit.user.pk: visit.member.pk} if visit.member else {}
    return metrics.get(ladder.metric).values(orders=[order], members=members, params={}).get(0, 0)
