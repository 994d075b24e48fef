"""The pieces of the shop's pages that speak of sales: the lock, and the ways to the sale and to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.operations import SoldOut
from loyalty_oscar.program import clock, contributions

from . import words
from .gate import deal_of
from .visitors import sales_of_visit, sold_out, who_visits

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("product:price", "exclusives")
def lock(*, subject: Any, request: Any) -> Piece | None:
    """Return the lock that stands in the place of a product's price. No query for strangers."""
    deal = deal_of(product_id=subject.pk, visit=request.loyalty)
    if deal.closing is None:
        return None
    opening = words.opening(sale=deal.closing, is_hidden=deal.is_hidden)
    who = who_visits(visit=request.loyalty)
    opens_at = rules.admission(sale=deal.closing.dates, who=who, at=request.loyalty.prices.at).opens_at
    if who.is_member and opens_at and not deal.is_hidden:
        opening = words.for_you(sale=deal.closing, at=opens_at)
    return "loyalty/widgets/lock.html", {"code": "" if deal.is_hidden else deal.closing.code, "opening": opening}


@contributions.register("product:buy", "exclusives", order=10)
def see_the_sale(*, subject: Any, request: Any) -> Piece | None:
    """Return what stands in the place of a closed product's basket button."""
    deal = deal_of(product_id=subject.pk, visit=request.loyalty)
    if deal.closing is None:
        return None
    return "loyalty/widgets/see_sale.html", {"sale": deal.closing, "is_shown": not deal.is_hidden}


@contributions.register("product:buy", "sold-out", order=20)
def nothing_left(*, subject: Any, request: Any) -> Piece | None:
    """Return what stands in the place of the basket button of a product whose sale has no piece left."""
    sale = sold_out(product_id=subject.pk, visit=request.loyalty)
    if sale is None:
        return None
    return "loyalty/widgets/nothing_left.html", {"text": words.sold_out(SoldOut(sale=sale, left=0))}


@contributions.register("footer:links", "sales")
def footer(*, subject: Any, request: Any) -> Piece | None:
    """Return the way to the sales, where there is one that everybody may know of. No query for strangers."""
    at = clock.now()
    known = (sale.dates for sale in sales_of_visit(visit=request.loyalty))
    is_there = any(not dates.is_hidden and not rules.is_over(sale=dates, at=at) for dates in known)
    return ("loyalty/widgets/footer_sales.html", {}) if is_there else None


@contributions.register("account:tab", "sales", order=20)
def tab(*, subject: Any, request: Any) -> Piece | None:
    """Return the entry of the account navigation, where there are sales."""
    return ("loyalty/widgets/sales_tab.html", {}) if sales_of_visit(visit=request.loyalty) else None
