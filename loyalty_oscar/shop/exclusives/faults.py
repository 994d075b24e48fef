"""What is wrong with a sale and its products: none there, some left public by mistake, some in another sale as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.faults import Fault, clashing, sale_warnings
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import dates_of, sales_in_force
from loyalty_oscar.program import money

from .visitors import products_of

#: So many products are named; a set may hold thousands.
NAMED = 20


def faults(*, sale: Sale, at: datetime) -> Iterator[Fault]:
    """Yield what is wrong with the products of a sale; nothing once it is over."""
    dates, products = dates_of(sale=sale), products_of(sale=sale)
    if rules.is_over(sale=dates, at=at):
        return
    if not products:
        text = pgettext("loyalty", "It has no products: its set “%(set)s” has no range, or an empty one.")
        hint = pgettext("loyalty", "Tie the set to a range of products.")
        yield Fault(text=text % {"set": sale.product_set.name}, hint=hint, is_grave=True)
    if sale.mode == Sale.Mode.HIDE and not rules.is_public(sale=dates, at=at):
        yield from _left_public(products)
    for other in sales_in_force(program_id=sale.program_id):
        if other.pk != sale.pk and products & products_of(sale=other):
            yield from clashing(one=sale, other=other, at=at)


def still_hidden(*, sale: Sale) -> Iterator[Fault]:
    """Name the products that a sale kept hidden and that nobody finds now that it is over."""
    hidden = get_model("catalogue", "Product").objects.filter(pk__in=products_of(sale=sale), is_public=False)
    if told := _named(hidden):
        text = pgettext("loyalty", "It is over, but these products are still hidden: %(products)s.")
        hint = pgettext("loyalty", "Give “is public” back in the catalogue, or take them out of its set.")
        yield Fault(text=text % {"products": told}, hint=hint)


def _left_public(products: frozenset[int]) -> Iterator[Fault]:
    """Name the products of a hidden sale that everybody finds."""
    shown = get_model("catalogue", "Product").objects.filter(pk__in=products, is_public=True)
    if told := _named(shown):
        text = pgettext("loyalty", "It is to be hidden, but these products are public: %(products)s.")
        hint = pgettext(
            "loyalty", "Take “is public” away in the catalogue; the sale gives it back when it opens to all."
        )
        yield Fault(text=text % {"products": told}, hint=hint)


def _named(products: Any) -> str:
    """Return the titles and numbers of products, one by one, as far as there is room; empty for none."""
    named, more = list(products.order_by("pk")[:NAMED]), max(0, products.count() - NAMED)
    told = ", ".join(f"{product.get_title()} ({product.pk})" for product in named)
    if not more:
        return told
    text = npgettext("loyalty", "%(products)s and %(count)s more", "%(products)s and %(count)s more", more)
    return text % {"products": told, "count": money.number(more)}


@sale_warnings.register("products", order=20)
def warnings(*, sale: Sale, at: datetime) -> Iterator[str]:
    """Say it on the page of the sale."""
    for fault in faults(sale=sale, at=at):
        yield f"{fault.text} {fault.hint}"
