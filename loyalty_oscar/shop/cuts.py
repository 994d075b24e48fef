"""How a lower price is told: by its tag, with the lowest price of the 30 days before and the percentage from it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.rounding import full_steps
from loyalty_oscar.program import money

from . import past_prices
from .audiences import codes_of
from .lowered import seen_of


def cut_of(*, product: Any, request: Any, beside: Iterable[Any] = ()) -> dict[str, Any] | None:
    """
    Return how the lower price of a product is told, or None where it is no lower.

    At most one query for all products of a list that stand `beside` it.
    """
    price = _price(product, request.strategy)
    cut = getattr(price, "loyalty_cut", None)
    if cut is None:
        return None
    now, before = _minor(price), _minor(price.loyalty_before)
    lowest = _lowest(product, request, price.currency, beside) if past_prices.is_told() else None
    percent = full_steps(amount=(lowest - now) * 100, step=lowest) if lowest and lowest > now else 0
    before_in_words = money.in_words(minor=before, currency=price.currency)
    return {
        "kind": cut.kind,
        "tag": pgettext("loyalty", "Sale") if cut.kind == "sale" else pgettext("loyalty", "Member price"),
        "percent": f"−{percent} %" if percent else "",
        "lowest": money.in_words(minor=lowest, currency=price.currency) if lowest else "",
        "before": pgettext("loyalty", "Without this sale: %(price)s") % {"price": before_in_words}
        if cut.kind == "sale"
        else pgettext("loyalty", "Without the club: %(price)s") % {"price": before_in_words},
    }


def _price(product: Any, strategy: Any) -> Any:
    info = strategy.fetch_for_parent(product) if product.is_parent else strategy.fetch_for_product(product)
    return info.price


def _minor(price: Any) -> int:
    return money.to_minor(amount=seen_of(price=price), currency=price.currency)


def _lowest(product: Any, request: Any, currency: str, beside: Iterable[Any]) -> int | None:
    ids = frozenset(other.pk for other in beside) if product in beside else frozenset({product.pk})
    products = list(beside) if product.pk in ids and len(ids) > 1 else [product]
    told = request.loyalty.once(key=("lowest", ids, currency), load=partial(_load, products, request, currency))
    return told.get(product.pk)


def _load(products: Iterable[Any], request: Any, currency: str) -> dict[int, int]:
    cuts = {product.pk: getattr(_price(product, request.strategy), "loyalty_cut", None) for product in products}
    wanted = {pk: cut.starts_at for pk, cut in cuts.items() if cut}
    return past_prices.lowest_at(wanted=wanted, currency=currency, audiences=codes_of(visit=request.loyalty))
