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
from loyalty_oscar.program import clock
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
    Says which cut a feature has for a product and a visitor (None: nobody in particular) at a moment, and up to when
    that answer holds (None = no end). Asked once a visit, so its queries are bulk or remembered.
    """

    def __call__(self, *, product_id: int, visit: Visit | None, at: datetime) -> tuple[Cut | None, datetime | None]: ...


#: Where two take the same off, the first is told.
price_reductions: Hook[PriceReduction] = Hook("price_reductions", PriceReduction, on_error=RAISE)


def best_cut(*, product_id: int, visit: Visit | None) -> Cut | None:
    """Return what lowers the price of a product most for a visitor now: cuts do not add up."""
    at = clock.now()
    if visit is None:
        return _best(product_id, None, at)[0]
    key = ("cut", product_id, visit.user_key)
    return visit.until(key=key, at=at, load=partial(_best, product_id, visit, at))


def _best(product_id: int, visit: Visit | None, at: datetime) -> tuple[Cut | None, datetime | None]:
    told = list(price_reductions.answers(product_id=product_id, visit=visit, at=at))
    best = max((cut for cut, _ends in told if cut), key=lambda cut: cut.percent, default=None)
    return best, min((ends for _cut, ends in told if ends), default=None)


@gates.register("lower-price", order=10)
def lower_price(*, product: Any, info: Any, visit: Visit | None) -> Any:
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
    seen = seen_of(price=price)
    excl_tax, tax = lowered(
        excl_tax=price.excl_tax, incl_tax=seen if price.is_tax_known else None, percent=cut.percent,
        currency=price.currency,
    )  # fmt: skip
    if excl_tax + (tax or 0) >= seen:
        return price
    found = copy.copy(price)
    try:
        found.excl_tax = excl_tax
        if tax is not None:
            found.tax = tax
        found.loyalty_before, found.loyalty_cut = price, cut
        as_said = seen_of(price=found) == excl_tax + (tax or 0)
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
