"""Where Oscar decides prices and availability: sale prices for those admitted, and a lock for everybody else."""

from __future__ import annotations

from typing import Any

from oscar.core.loading import get_class

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock

from ..gate import gates
from ..lowered import Cut, lower_of
from ..visit import Visit
from . import words
from .visitors import sales_for, who_visits

NoPrice = get_class("partner.prices", "Unavailable")
Unavailable = get_class("partner.availability", "Unavailable")


class Closed(Unavailable):
    """A product whose sale is not open for this visitor; `sale` says which."""

    code = "closed"

    def __init__(self, *, sale: Sale) -> None:
        self.sale = sale

    @property
    def message(self) -> str:
        """Who gets in, and when."""
        return words.opening(sale=self.sale)

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, str]:
        """Refuse, in the words of the sale."""
        return False, words.not_open(self.sale)


class Withheld(NoPrice):
    """No price for those to whom a sale is closed; `loyalty_kept` is for what is in a basket already."""

    def __init__(self, *, kept: Any) -> None:
        self.loyalty_kept = kept


@gates.register("20-sale-price")
def sale_price(*, product: Any, info: Any, visit: Visit | None) -> Any:
    """Lower the price to that of the best open sale; with a member price the lower of both counts."""
    visit = visit or Visit(None)
    found = {sale.pk: sale for sale in sales_for(visit=visit, product_id=product.pk)}
    if not found or not info.price.exists:
        return info
    who, at = who_visits(visit=visit), clock.now()
    best = rules.best_sale(sales=[sale.dates for sale in found.values()], who=who, at=at)
    if best is None:
        return info
    opened = rules.admission(sale=best, who=who, at=at).opens_at
    cut = Cut(kind="sale", percent=best.percent, starts_at=opened)
    return info._replace(price=lower_of(price=info.price, cut=cut))


@gates.register("90-closed")
def closed(*, product: Any, info: Any, visit: Visit | None) -> Any:
    """Close what is sold to others only, for now; it shows no price."""
    sale = closing(product_id=product.pk, visit=visit or Visit(None))
    return info._replace(price=Withheld(kept=info.price), availability=Closed(sale=sale)) if sale else info


def closing(*, product_id: int, visit: Visit) -> Sale | None:
    """Return the sale that keeps a product from a visitor now, or None. No query for strangers."""
    found = {sale.pk: sale for sale in sales_for(visit=visit, product_id=product_id)}
    if not found:
        return None
    dates = [sale.dates for sale in found.values()]
    shut = rules.closed_by(sales=dates, who=who_visits(visit=visit), at=clock.now())
    return found[shut.id] if shut else None


def not_kept_by_others(*, sale: Sale, product_id: int, visit: Visit) -> bool:
    """Return whether no other sale closes a product to a visitor, nor hides it from them."""
    shut = closing(product_id=product_id, visit=visit)
    if shut is None:
        return True
    who, at = who_visits(visit=visit), clock.now()
    others = [other.dates for other in sales_for(visit=visit, product_id=product_id)]
    return shut.pk == sale.pk and all(
        rules.admission(sale=other, who=who, at=at).sees for other in others if not rules.is_over(sale=other, at=at)
    )
