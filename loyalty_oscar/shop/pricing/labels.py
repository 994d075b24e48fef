"""How a lower price is told: by its tag, with the lowest price of the 30 days before and the percentage from it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.utils.html import conditional_escape
from django.utils.translation import get_language, pgettext

from loyalty_oscar.kernel.rounding import full_steps
from loyalty_oscar.program import money

from . import history
from .audiences import codes_of
from .reductions import best_cut, seen_of


def cut_of(*, product: Any, request: Any) -> Mapping[str, Any] | None:
    """Return how the lower price of a product is told, or None where it is no lower. One query for a whole list."""
    price = price_of(product=product, request=request)
    cut = getattr(price, "loyalty_cut", None)
    if cut is None:
        return None
    lowest, seen, before = _lowest(product, request, price.currency), seen_of(price=price), price.loyalty_before
    return _in_words(get_language(), cut.kind, price.currency, seen, seen_of(price=before), lowest)


def kind_of(*, price: Any) -> str:
    """Return what lowered a price: "tier", "sale", or "" for the price that everybody pays."""
    cut = getattr(price, "loyalty_cut", None)
    return cut.kind if cut else ""


def kind_of_line(*, line: Any) -> str:
    """Return the same of a line of a basket; "gift" where a reward pays for it."""
    info = line.purchase_info
    return "gift" if getattr(info.availability, "loyalty_gift", False) else kind_of(price=info.price)


def tag_of(*, kind: str) -> str:
    """Return the tag of a lower price in words."""
    if kind == "gift":
        return pgettext("loyalty", "Free with your reward")
    return pgettext("loyalty", "Sale") if kind == "sale" else pgettext("loyalty", "Member price")


@lru_cache(maxsize=10_000)
def _in_words(
    _language: str | None, kind: str, currency: str, seen: Decimal, seen_before: Decimal, minor: int | None
) -> Mapping[str, Any]:
    """Return what the widget is told; remembered, because a list says the same again and again."""
    now, without = (money.to_minor(amount=amount, currency=currency) for amount in (seen, seen_before))
    before = money.in_words(minor=without, currency=currency)
    lowest = money.in_words(minor=minor, currency=currency) if minor else ""
    percent = full_steps(amount=(minor - now) * 100, step=minor) if minor and minor > now else 0
    is_sale, off = kind == "sale", f"−{percent} %" if percent else ""
    told = pgettext("loyalty", "Lowest price of the last 30 days: %(lowest)s")
    if off:
        told = pgettext("loyalty", "Lowest price of the last 30 days: %(lowest)s. The %(percent)s is counted from it.")
    instead = (
        pgettext("loyalty", "Without this sale: %(price)s")
        if is_sale
        else pgettext("loyalty", "Without the club: %(price)s")
    )
    said = {
        "kind": kind,
        "tag": tag_of(kind=kind),
        "percent": off,
        "lowest": lowest,
        "told": told % {"lowest": lowest, "percent": off} if lowest else "",
        # The same amount is not said twice.
        "before": "" if minor == without else instead % {"price": before},
    }
    # Escaped here, once: the widget is rendered for each product of a list, on every page.
    return {name: conditional_escape(text) for name, text in said.items()}


def price_of(*, product: Any, request: Any) -> Any:
    """Return the price that the page has just been told, or ask for it."""
    return told_of(product=product, request=request).price


def told_of(*, product: Any, request: Any) -> Any:
    """Return what the page has just been told of a product (price and availability), or ask for it."""
    if (found := request.loyalty.prices.told.get(product.pk)) is not None:
        return found
    ask = request.strategy.fetch_for_parent if product.is_parent else request.strategy.fetch_for_product
    return ask(product)


def _lowest(product: Any, request: Any, currency: str) -> int | None:
    """Return the lowest price before this one; asked for the whole list at its first product."""
    visit, prices = request.loyalty, request.loyalty.prices
    told = prices.once(key=("lowest", currency), load=dict)
    if product.pk not in told:
        ids = {other.pk for other in (*prices.beside(), product)}
        told |= dict.fromkeys(ids)
        if history.is_told():
            cuts = {pk: best_cut(product_id=pk, visit=visit) for pk in ids}
            wanted, audiences = {pk: cut.starts_at for pk, cut in cuts.items() if cut}, codes_of(visit=visit)
            told |= history.lowest_at(wanted=wanted, currency=currency, audiences=audiences)
    return told[product.pk]
