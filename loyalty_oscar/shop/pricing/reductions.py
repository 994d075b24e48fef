"""A price so many percent lower, whatever class of Oscar's it is: rounded once, with tax where the shop knows it."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache, partial
from typing import Any, Protocol

from loyalty_oscar.kernel.rounding import to_major, to_minor
from loyalty_oscar.program.hooks import RAISE, Hook

from ..storefront.visit import Visit
from .amounts import decimals
from .gate import gates

logger = logging.getLogger("loyalty_oscar")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """
    Why a price is lower, for those who show it: `kind` ("tier", "sale"), `percent` off the price without, since when.
    """

    kind: str
    percent: int
    starts_at: datetime


class PriceReduction(Protocol):
    """
    Says which cut a feature has for a product and a visitor at the moment of the visit's prices, or None. Asked once a
    visit for each product, so its queries are bulk or remembered.
    """

    def __call__(self, *, product_id: int, visit: Visit) -> Cut | None: ...


#: Where two take the same off, the first is told.
price_reductions: Hook[PriceReduction] = Hook("price_reductions", PriceReduction, on_error=RAISE)


def best_cut(*, product_id: int, visit: Visit) -> Cut | None:
    """Return what lowers the price of a product most for a visitor: cuts do not add up."""
    return visit.prices.once(key=("cut", product_id), load=partial(_best, product_id, visit))


def _best(product_id: int, visit: Visit) -> Cut | None:
    cuts = price_reductions.answers(product_id=product_id, visit=visit)
    return max((cut for cut in cuts if cut), key=lambda cut: cut.percent, default=None)


@gates.register("lower-price", order=10)
def lower_price(*, product: Any, info: Any, visit: Visit) -> Any:
    """Lower the price for whom a feature has a cut; products without a price pass as they are."""
    if not info.price.exists:
        return info
    cut = best_cut(product_id=product.pk, visit=visit)
    return info._replace(price=lower_of(price=info.price, cut=cut)) if cut else info


def lower_of(*, price: Any, cut: Cut) -> Any:
    """
    Return a copy of a price that is lower by a cut, or the price where that rounds to nothing.

    On the copy `loyalty_cut` says which cut it was, and `loyalty_before` is the price without.
    """
    incl_tax = price.incl_tax if price.is_tax_known else None
    before = price.excl_tax if incl_tax is None else incl_tax
    excl_tax, tax = lowered(excl_tax=price.excl_tax, incl_tax=incl_tax, percent=cut.percent, currency=price.currency)
    seen = excl_tax + (tax or 0)
    if seen >= before:
        return price
    found = copy.copy(price)
    try:
        found.excl_tax = excl_tax
        if tax is not None:
            found.tax = tax
        found.loyalty_before, found.loyalty_cut = price, cut
        as_said = seen_of(price=found) == seen
    except Exception:
        # A store's own class of prices; its page is worth more than our lower price.
        logger.debug("a price cannot be lowered", exc_info=True)
        as_said = False
    if not as_said:
        _told(type(price))
    return found if as_said else price


@lru_cache(maxsize=100)
def _told(prices: type) -> None:
    """Log once that prices of this class cannot be lowered."""
    logger.error(
        "prices of %s.%s cannot be lowered: they do not say what they are told", prices.__module__, prices.__qualname__
    )


def seen_of(*, price: Any) -> Any:
    """Return the amount that customers see: with tax where the shop knows it."""
    return price.incl_tax if price.is_tax_known else price.excl_tax


def seen_with(*, price: Any, cut: Cut) -> Decimal | None:
    """Return the amount that customers would see with another cut in place of a price's own; None for no less."""
    taken = getattr(price, "loyalty_cut", None)
    if taken is not None and taken.percent >= cut.percent:
        return None
    seen: Decimal = seen_of(price=lower_of(price=getattr(price, "loyalty_before", price), cut=cut))
    return seen if seen < seen_of(price=price) else None


@lru_cache(maxsize=10_000)
def lowered(
    *, excl_tax: Decimal, incl_tax: Decimal | None, percent: int, currency: str
) -> tuple[Decimal, Decimal | None]:
    """
    Return a price without tax that is `percent` lower, and its tax, None where the shop does not know it.

    What the customer sees is rounded half up to what the shop can write; the part without tax keeps its share of it.
    """
    seen, places = excl_tax if incl_tax is None else incl_tax, decimals(currency=currency)
    now = to_major(minor=to_minor(amount=Decimal(seen) * (100 - percent) / 100, exponent=places), exponent=places)
    if incl_tax is None:
        return now, None
    share = Decimal(excl_tax) / Decimal(incl_tax) if incl_tax else Decimal(1)
    without = (now * share).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return without, now - without
