"""Where a visitor stands, asked once a visit, for prices, offers and the badge; and what a purchase counts for it."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.kernel.facts import OrderFacts, Purchase
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import terms_now
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.tiers.models import Ladder, Standing, Tier
from loyalty_oscar.tiers.queries import ladder_of, standing_of, tier_fact, tier_name

from ..storefront.offer_hooks import basket_levels
from ..storefront.visit import Visit, visit_facts


def standing_of_visit(*, visit: Visit) -> Standing | None:
    """Return where a visitor stands, with the level; None, and no query, for strangers and programs without levels."""
    if visit.unit is None or ladder_of(program_id=visit.unit.program_id) is None or visit.member is None:
        return None
    member_id = visit.member.pk
    return visit.once(key="standing", load=lambda: standing_of(member_id=member_id, at=clock.now()))


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
            rows = Standing.objects.filter(member__user_id=basket.owner_id, is_current=True, member__merged_into=None)
            rows = rows.filter(tier__ladder__is_on=True).exclude(is_strict=True, kept_until__lte=clock.now())
            basket._loyalty_rank = rows.order_by("-rank").values_list("rank", flat=True).first() or 0
        return basket._loyalty_rank

    def name_of(self, *, rank: int) -> str:
        """Return what the level of a rank is called, of the first program that has one."""
        tier = Tier.objects.filter(rank=rank, ladder__is_on=True).order_by("pk").first()
        return tier_name(tier=tier) if tier else ""


basket_levels.register("tiers")(OwnersLevels())


def value_of_purchase(*, ladder: Ladder, purchase: Purchase, visit: Visit) -> int:
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
        unit_id=visit.unit.pk,
        terms=terms_now(program=ladder.program),
        is_new=True,
    )
    members = {visit.user.pk: visit.member.pk} if visit.member else {}
    return metrics.get(ladder.metric).values(orders=[order], members=members).get(0, 0)
