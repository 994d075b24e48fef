"""What orders took of a sale's quota: the order effect `exclusives` gives pieces back with the goods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.queries import remembered

from .models import Place, Sale
from .operations import keep


def any_sale() -> bool:
    """Return whether there is any sale at all (remembered for a minute); without one nothing is asked."""
    return remembered(key="any-sale", load=lambda: Sale.objects.exists())


class Selling:
    """The order effect of this floor."""

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Bring the places of these orders in line with what is left of them. New orders cost nothing."""
        wanted = {order.order_id: order for order in orders if not order.is_new or order.has_gone}
        if not wanted or not any_sale():
            return
        places = Place.objects.using(write_db()).filter(order_id__in=wanted).select_related("sale__product_set")
        for place in places.order_by("sale_id", "pk"):
            keep(place=place, quantity=pieces_left(order=wanted[place.order_id], sale=place.sale), at=at)

    def set_codes(self) -> frozenset[str]:
        """Return the product sets of sales that count pieces."""
        if not any_sale():
            return frozenset()
        return frozenset(
            Sale.objects.filter(places__order_id__isnull=False).values_list("product_set__code", flat=True)
        )


selling = Selling()


def pieces_left(*, order: OrderFacts, sale: Sale) -> int:
    """Return how many pieces of a sale's products an order still has."""
    if order.dead:
        return 0
    code = sale.product_set.code
    return sum(line.quantity - line.gone for line in order.purchase.lines if code in line.sets)
