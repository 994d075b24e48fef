"""Member prices, where Oscar decides prices: one on list, product page, basket, order and API."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.program import clock
from loyalty_oscar.tiers.models import MemberPrice
from loyalty_oscar.tiers.queries import prices_in_force

from ..gate import gates
from ..lowered import Cut, lower_of
from ..product_sets import all_of
from ..visit import Visit
from .levels import rank_of_visit


@gates.register("10-member-price")
def member_price(*, product: Any, info: Any, visit: Visit | None) -> Any:
    """Lower the price for members of the right level; strangers and products without a price pass as they are."""
    if visit is None or not info.price.exists or visit.unit is None:
        return info
    best = best_for(product=product, visit=visit)
    if best is None:
        return info
    cut = Cut(kind="tier", percent=best.percent, starts_at=best.starts_at)
    return info._replace(price=lower_of(price=info.price, cut=cut))


def best_for(*, product: Any, visit: Visit) -> MemberPrice | None:
    """Return the best member price of a product for a visitor. No query where none is in force."""
    offered = prices_in_force(program_id=visit.unit.program_id, at=clock.now())
    covering = [row for row in offered if row.product_set is None or product.pk in all_of(code=row.product_set.code)]
    rank = rank_of_visit(visit=visit) if covering else 0
    return max((row for row in covering if row.tier.rank <= rank), key=lambda row: (row.percent, -row.pk), default=None)
