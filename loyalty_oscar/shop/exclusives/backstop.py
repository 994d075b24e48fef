"""
The last guard: no order line comes into being that its buyer may not have, whichever way the order was placed.

At the first new line of an order all counts of its basket are locked in one statement, in the order's transaction;
a line that no basket knows is looked at alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models.signals import pre_save
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import sales_in_force
from loyalty_oscar.program import clock
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.queries import shown_unit

from ..orders.elsewhere import is_sold_elsewhere
from ..orders.facts import placed_products
from ..orders.receivers import is_just_written
from ..storefront.basket_holds import slot_of
from ..storefront.offer_hooks import NotPlaced
from . import words
from .visitors import sales_with, sold_elsewhere, wanted, who_buys

#: An order that was placed longer ago is history that is brought in: its buyer was admitted by another shop.
HISTORY = timedelta(days=1)


class NotForSale(NotPlaced):
    """Something in this order is not for sale to its buyer now, or no piece of it is left."""


# The constraint on the count of a sale refuses too: an order must not have a piece that is not there.
@harmless(but=(NotForSale, IntegrityError), later="the order is placed without a look at who may have it")
def new_line(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Refuse the new line of an order whose buyer is not admitted, or for whom nothing is left."""
    if not instance._state.adding or instance.product_id is None:
        return
    order = instance.order
    unit = shown_unit(site_id=order.site_id)
    sales = sales_in_force(program_id=unit.program_id) if unit else []
    at = clock.now()
    if not sales or (order.date_placed and order.date_placed < at - HISTORY):
        return
    known = getattr(order, "_loyalty_sold", frozenset())
    if instance.product_id in known:
        return
    quantities = _quantities(order)
    is_alone = instance.product_id not in dict(quantities)
    if is_alone:
        quantities = [(instance.product_id, instance.quantity)]
    else:
        order._loyalty_sold = known | dict(quantities).keys()
    _sell(order, instance.product_id, quantities, sales, unit.program_id, at, is_alone)


def _quantities(order: Any) -> list[tuple[int, int]]:
    """Return what the whole basket of an order holds; nothing where it has none."""
    basket = order.basket if order.basket_id else None
    return [(row.product_id, row.quantity) for row in basket.all_lines()] if basket else []


def _sell(
    order: Any,
    product_id: int,
    quantities: list[tuple[int, int]],
    sales: list[Sale],
    program_id: int,
    at: Any,
    is_alone: bool,
) -> None:
    if not any(sales_with(sales=sales, product_id=product_id) for product_id, _quantity in quantities):
        return
    if not is_just_written(order=order) and product_id in placed_products(order_id=order.pk):
        return  # Staff split a line, or enter it again: the order has the product.
    if is_sold_elsewhere(order=order):
        _count(order, sold_elsewhere(sales=sales, quantities=quantities, at=at), at, is_alone, is_sold=True)
        return
    who = who_buys(
        program_id=program_id, user_id=order.user_id, at=at, basket=order.basket if order.basket_id else None
    )
    found = wanted(sales=sales, quantities=quantities, who=who, at=at)
    if found.closed:
        raise NotForSale(words.not_open(sale=found.closed, is_hidden=found.is_hidden))
    try:
        _count(order, found.pieces, at, is_alone)
    except operations.SoldOut as error:
        raise NotForSale(words.sold_out(error)) from error


def _count(
    order: Any, pieces: Mapping[Sale, Mapping[int, int]], at: Any, is_alone: bool, is_sold: bool = False
) -> None:
    if pieces:
        slot = slot_of(basket=order.basket) if order.basket_id else f"order:{order.pk}"
        told = {"user_id": order.user_id, "slot": slot, "order_id": order.pk, "at": at}
        operations.buy(wanted=pieces, **told, is_more=is_alone, is_sold=is_sold)


pre_save.connect(
    new_line, sender=get_model("order", "Line"), weak=False, dispatch_uid="loyalty_oscar.shop.exclusives.new_line"
)
