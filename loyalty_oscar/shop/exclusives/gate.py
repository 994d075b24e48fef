"""Where Oscar decides prices and availability: sale prices for those admitted, and a lock for everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from oscar.core.loading import get_class

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale

from ..pricing.gate import gates
from ..pricing.reductions import Cut, price_reductions
from ..storefront.visit import Visit
from . import words
from .visitors import sales_for, who_visits

NoPrice = get_class("partner.prices", "Unavailable")
Unavailable = get_class("partner.availability", "Unavailable")


class SaleClosed(Unavailable):
    """A product whose sale is not open for this visitor; `sale` says which, and the visitor is told if they see it."""

    code = "closed"

    def __init__(self, *, sale: Sale, is_hidden: bool) -> None:
        self.sale, self.is_hidden = sale, is_hidden

    @property
    def message(self) -> str:
        """Who gets in, and when."""
        return words.opening(sale=self.sale, is_hidden=self.is_hidden)

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, str]:
        """Refuse, in the words of the sale."""
        return False, words.not_open(sale=self.sale, is_hidden=self.is_hidden)


class Withheld(NoPrice):
    """No price for those to whom a sale is closed; `loyalty_kept` is for what is in a basket already."""

    def __init__(self, *, kept: Any) -> None:
        self.loyalty_kept = kept


@price_reductions.register("sale", order=20)
def sale_price(*, product_id: int, visit: Visit) -> Cut | None:
    """Lower the price to that of the best open sale."""
    return deal_of(product_id=product_id, visit=visit).cut


@gates.register("closed", order=90)
def closed(*, product: Any, info: Any, visit: Visit) -> Any:
    """Close what is sold to others only, for now; it shows no price."""
    deal = deal_of(product_id=product.pk, visit=visit)
    if deal.closing is None:
        return info
    availability = SaleClosed(sale=deal.closing, is_hidden=deal.is_hidden)
    return info._replace(price=Withheld(kept=info.price), availability=availability)


def closing(*, product_id: int, visit: Visit) -> Sale | None:
    """Return the sale that keeps a product from a visitor now, or None. No query for strangers."""
    return deal_of(product_id=product_id, visit=visit).closing


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """
    What all sales of a product come to for a visitor: the one that keeps it `closing`, whether a hidden one keeps it
    from their eyes too, and its best price `cut`.
    """

    closing: Sale | None = None
    is_hidden: bool = False
    cut: Cut | None = None


class Deals(dict[int, Deal]):
    """What sales make of each product for a visitor, worked out when it is first asked for: a list asks many times."""

    def __init__(self, *, visit: Visit) -> None:
        self.visit = visit

    def __missing__(self, product_id: int) -> Deal:
        """Products that are in the same sales share their deal."""
        visit, prices = self.visit, self.visit.prices
        found = {sale.dates.id: sale for sale in sales_for(visit=visit, product_id=product_id)}
        load = partial(_reckoned, found, visit, prices.at)
        deal: Deal = prices.once(key=("deal of", *found), load=load)
        self[product_id] = deal
        return deal


def deal_of(*, product_id: int, visit: Visit) -> Deal:
    """Return what sales make of a product for a visitor, worked out once a visit."""
    deals: Deals = visit.prices.once(key="deals", load=partial(Deals, visit=visit))
    return deals[product_id]


def _reckoned(found: Mapping[int, Sale], visit: Visit, at: datetime) -> Deal:
    if not found:
        return Deal()
    who, dates = who_visits(visit=visit), [sale.dates for sale in found.values()]
    shut, best = rules.closed_by(sales=dates, who=who, at=at), rules.best_sale(sales=dates, who=who, at=at)
    cut = None
    if best:
        opened = rules.admission(sale=best, who=who, at=at).opens_at
        cut = Cut(kind="sale", percent=best.percent, starts_at=opened)
    is_hidden = rules.is_hidden(sales=dates, who=who, at=at)
    return Deal(closing=found[shut.id] if shut else None, is_hidden=is_hidden, cut=cut)


def not_kept_by_others(*, sale: Sale, product_id: int, visit: Visit) -> bool:
    """Return whether no other sale closes a product to a visitor, nor hides it from them."""
    shut = closing(product_id=product_id, visit=visit)
    if shut is None:
        return True
    who, at = who_visits(visit=visit), visit.prices.at
    others = [other.dates for other in sales_for(visit=visit, product_id=product_id)]
    return shut.pk == sale.pk and all(
        rules.admission(sale=other, who=who, at=at).sees for other in others if not rules.is_over(sale=other, at=at)
    )
