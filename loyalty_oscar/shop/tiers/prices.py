"""Member prices, where Oscar decides prices: one on list, product page, basket, order and API."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.tiers.models import MemberPrice
from loyalty_oscar.tiers.queries import is_in_force, member_prices

from ..orders.product_sets import all_of
from ..pricing.reductions import Cut, price_reductions
from ..storefront.visit import Visit
from .levels import rank_of_visit


def covers(*, price: MemberPrice, product_id: int) -> bool:
    """Return whether a member price is for a product."""
    return price.product_set is None or product_id in all_of(code=price.product_set.code)


@price_reductions.register("member-price", order=10)
def member_price(*, product_id: int, visit: Visit | None, at: datetime) -> tuple[Cut | None, datetime | None]:
    """Lower the price for members of the right level. No query where no member price covers the product."""
    if visit is None or visit.unit is None:
        return None, None
    prices = member_prices(program_id=visit.unit.program_id)
    changes_at = min((day for row in prices for day in (row.starts_at, row.ends_at) if day and day > at), default=None)
    covering = [row for row in prices if is_in_force(price=row, at=at) and covers(price=row, product_id=product_id)]
    rank = rank_of_visit(visit=visit) if covering else 0
    mine = (row for row in covering if row.tier.rank <= rank)
    best = max(mine, key=lambda row: (row.percent, -row.pk), default=None)
    cut = best and Cut(kind="tier", percent=best.percent, starts_at=best.starts_at)
    return cut, changes_at
