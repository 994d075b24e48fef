"""Member prices, where Oscar decides prices: one on list, product page, basket, order and API."""

from __future__ import annotations

from functools import partial

from loyalty_oscar.tiers.models import MemberPrice
from loyalty_oscar.tiers.queries import prices_in_force

from ..orders.product_sets import all_of
from ..pricing.reductions import Cut, price_reductions
from ..storefront.visit import Visit
from .levels import rank_of_visit


def prices_of_visit(*, visit: Visit) -> list[MemberPrice]:
    """Return the member prices that count in this request."""
    if visit.unit is None:
        return []
    prices = visit.prices
    load = partial(prices_in_force, program_id=visit.unit.program_id, at=prices.at)
    return prices.once(key="member prices", load=load)


def covers(*, price: MemberPrice, product_id: int) -> bool:
    """Return whether a member price is for a product."""
    return price.product_set is None or product_id in all_of(code=price.product_set.code)


@price_reductions.register("member-price", order=10)
def member_price(*, product_id: int, visit: Visit) -> Cut | None:
    """Lower the price for members of the right level. No query where no member price covers the product."""
    covering = [row for row in prices_of_visit(visit=visit) if covers(price=row, product_id=product_id)]
    rank = rank_of_visit(visit=visit) if covering else 0
    mine = (row for row in covering if row.tier.rank <= rank)
    best = max(mine, key=lambda row: (row.percent, -row.pk), default=None)
    return best and Cut(kind="tier", percent=best.percent, starts_at=best.starts_at)
