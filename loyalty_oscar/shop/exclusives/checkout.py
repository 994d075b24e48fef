"""
Pieces of a sale are reserved before the order, because payment comes before it. For customers whom the shop knows that
is from the preview on; for others from the press of the button, so that nobody keeps a sale from all by looking at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.queries import any_sale
from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.paying import being_paid

from ..storefront.basket_holds import slot_of
from ..storefront.request_hooks import checkout_guards, response_hooks
from . import words
from .visitors import is_known, sales_of_visit, wanted, who_visits

#: Oscar's pages from which an order is placed.
LAST_STEPS = {"preview", "payment-details"}
#: What becomes of pieces that a fault of ours did not give back.
IN_TIME = "the pieces that are reserved go back by themselves in a quarter of an hour"


def reserve(*, basket: Any, visit: Any, is_paying: bool) -> str:
    """
    Reserve what a basket wants of sales that are counted; returns why that can't be, in words, or nothing.

    For somebody whom the shop does not know it only looks what is left, before they pay.
    """
    sales = sales_of_visit(visit=visit)
    if not sales or basket is None or basket.pk is None:
        return ""
    quantities = [(line.product_id, line.quantity) for line in basket.all_lines()]
    at, user = clock.now(), visit.user
    found = wanted(sales=sales, quantities=quantities, who=who_visits(visit=visit), at=at)
    if found.closed:
        return words.not_open(sale=found.closed, is_hidden=found.is_hidden)
    counted = {sale: sum(pieces.values()) for sale, pieces in found.pieces.items() if sale.is_counted}
    if counted:
        user_id = user.pk if user is not None and user.is_authenticated else None
        asked = {"wanted": counted, "user_id": user_id, "slot": slot_of(basket=basket), "at": at}
        try:
            if not is_paying and not is_known(visit=visit):
                operations.look(**asked)
            elif not operations.is_reserved(**asked):
                operations.reserve(**asked)
        except operations.SoldOut as error:
            return words.sold_out(error)
        if is_paying:
            visit.reserved_to_pay = slot_of(basket=basket)
    return ""


@checkout_guards.register("exclusives", order=10)
def checkpoint(*, request: Any) -> HttpResponse | None:
    """Before anything is paid: send the customer back to the basket where nothing is left, or a sale is closed."""
    if request.resolver_match.url_name not in LAST_STEPS:
        return None
    if refusal := reserve(basket=request.basket, visit=request.loyalty, is_paying=True):
        messages.error(request, refusal)
        return HttpResponseRedirect(reverse("basket:summary"))
    return None


class StrangersPieces:
    """Gives a stranger's pieces back at once, unless there is an order now or their payment is under way."""

    def is_due(self, *, request: Any) -> bool:
        """Return whether this request has reserved pieces to be paid for."""
        return request.loyalty.reserved_to_pay is not None

    def act(self, *, request: Any, response: Any) -> None:
        """Give them back, unless the shop knows their buyer: whoever has just ordered, too."""
        if is_known(visit=request.loyalty):
            return
        slot = request.loyalty.reserved_to_pay
        with transaction.atomic(using=write_db()):
            if not being_paid(slots=[slot]):
                operations.release(slot=slot)


response_hooks.register("exclusives")(StrangersPieces())


@contributions.register("checkout:place-order", "exclusives")
def previewed(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Reserve when the preview is shown to somebody whom the shop knows, and say there what can't be had."""
    refusal = reserve(basket=subject, visit=request.loyalty, is_paying=False)
    return ("loyalty/widgets/sold_out.html", {"text": refusal}) if refusal else None


@harmless(later=IN_TIME)
def basket_changed(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """Give back what a basket reserved that is changed now; its next preview reserves anew."""
    if not created and any_sale():
        operations.release(slot=f"basket:{instance.basket_id}")


@harmless(later=IN_TIME)
def basket_merged(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Give back what a basket reserved that went up in another, at login: its goods are that one's now."""
    if instance.status in (instance.MERGED, instance.SAVED) and any_sale():
        operations.release(slot=slot_of(basket=instance))


post_save.connect(
    basket_merged,
    sender=get_model("basket", "Basket"),
    weak=False,
    dispatch_uid="loyalty_oscar.shop.exclusives.basket_merged",
)
for _name, _signal in (("saved", post_save), ("deleted", post_delete)):
    _signal.connect(
        basket_changed,
        sender=get_model("basket", "Line"),
        weak=False,
        dispatch_uid=f"loyalty_oscar.shop.exclusives.basket_changed.{_name}",
    )
