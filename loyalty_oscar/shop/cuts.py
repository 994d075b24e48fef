"""How a lower price is told: by its tag, with the lowest price of the 30 days before and the percentage from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, pgettext

from loyalty_oscar.kernel.rounding import full_steps
from loyalty_oscar.program import money

from . import past_prices
from .audiences import codes_of
from .lowered import best_cut, seen_of


def cut_of(*, product: Any, request: Any, beside: Callable[[], Iterable[Any]] = tuple) -> Mapping[str, Any] | None:
    """
    Return how the lower price of a product is told, or None where it is no lower.

    At most one query for all products of a list: `beside()` answers those that stand beside it.
    """
    price = _price(product, request)
    cut = getattr(price, "loyalty_cut", None)
    if cut is None:
        return None
    lowest = _lowest(product, request, price.currency, beside) if past_prices.is_told() else None
    before = money.in_words(minor=_minor(price.loyalty_before), currency=price.currency)
    lowest_in_words = money.in_words(minor=lowest, currency=price.currency) if lowest else ""
    now = _minor(price)
    percent = full_steps(amount=(lowest - now) * 100, step=lowest) if lowest and lowest > now else 0
    return _in_words(get_language(), cut.kind, percent, lowest_in_words, before)


@lru_cache(maxsize=10_000)
def _in_words(_language: str | None, kind: str, percent: int, lowest: str, before: str) -> Mapping[str, Any]:
    """Return what the widget is told; remembered, because a list says the same again and again."""
    is_sale, off = kind == "sale", f"−{percent} %" if percent else ""
    told = pgettext("loyalty", "Lowest price of the last 30 days: %(lowest)s") % {"lowest": lowest} if lowest else ""
    counted = pgettext("loyalty", "(the %(percent)s is counted from it)") % {"percent": off} if lowest and off else ""
    without = (
        pgettext("loyalty", "Without this sale: %(price)s")
        if is_sale
        else pgettext("loyalty", "Without the club: %(price)s")
    )
    return {
        "kind": kind,
        "tag": pgettext("loyalty", "Sale") if is_sale else pgettext("loyalty", "Member price"),
        "percent": off,
        "lowest": lowest,
        "told": f"{told} {counted}".strip(),
        "before": without % {"price": before},
    }


def _price(product: Any, request: Any) -> Any:
    """Return the price that the page has just been told, or ask for it."""
    if (found := request.loyalty.prices.get(product.pk)) is not None:
        return found
    ask = request.strategy.fetch_for_parent if product.is_parent else request.strategy.fetch_for_product
    return ask(product).price


def _minor(price: Any) -> int:
    return money.to_minor(amount=seen_of(price=price), currency=price.currency)


def _lowest(product: Any, request: Any, currency: str, beside: Callable[[], Iterable[Any]]) -> int | None:
    """Return the lowest price before this one; asked for the whole list at its first product."""
    told = request.loyalty.once(key=("lowest", currency), load=dict)
    if product.pk not in told:
        ids = {other.pk for other in (*beside(), product)}
        cuts = {pk: best_cut(product_id=pk, visit=request.loyalty) for pk in ids}
        wanted, audiences = {pk: cut.starts_at for pk, cut in cuts.items() if cut}, codes_of(visit=request.loyalty)
        told |= dict.fromkeys(ids) | past_prices.lowest_at(wanted=wanted, currency=currency, audiences=audiences)
    return told[product.pk]
