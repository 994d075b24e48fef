"""The pieces of the shop's pages that speak of sales: the lock, and the ways to the sale and to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.operations import SoldOut
from loyalty_oscar.program.registries import panels

from . import words
from .gate import closing
from .visitors import sales_of_visit, sold_out

Piece = tuple[str, Mapping[str, Any]]


@panels.register("lock:exclusives")
def lock(*, subject: Any, request: Any) -> Piece | None:
    """Return the lock that stands in the place of a product's price. No query for strangers."""
    sale = closing(product_id=subject.pk, visit=request.loyalty)
    return ("loyalty/widgets/lock.html", {"sale": sale, "opening": words.opening(sale=sale)}) if sale else None


@panels.register("instead-of-buying:exclusives")
def see_the_sale(*, subject: Any, request: Any) -> Piece | None:
    """Return what stands in the place of a closed product's basket button."""
    sale = closing(product_id=subject.pk, visit=request.loyalty)
    if sale is None:
        return None
    return "loyalty/widgets/see_sale.html", {"sale": sale, "is_shown": sale.mode == Sale.Mode.LOCK}


@panels.register("instead-of-buying:sold-out")
def nothing_left(*, subject: Any, request: Any) -> Piece | None:
    """Return what stands in the place of the basket button of a product whose sale has no piece left."""
    sale = sold_out(product_id=subject.pk, visit=request.loyalty)
    if sale is None:
        return None
    return "loyalty/widgets/nothing_left.html", {"text": words.sold_out(SoldOut(sale=sale, left=0))}


@panels.register("tab:sales")
def tab(*, subject: Any, request: Any) -> Piece | None:
    """Return the entry of the account navigation, where there are sales."""
    return ("loyalty/widgets/sales_tab.html", {}) if sales_of_visit(visit=request.loyalty) else None
