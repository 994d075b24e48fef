"""What orders took of a sale's quota: the order effect `exclusives` gives pieces back with the goods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import read_versions

from .models import Reservation
from .operations import keep
from .queries import any_sale


class SaleEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """Bring the places of these orders in line with what is left of them. New orders cost nothing."""
        wanted = {order.order_id: order for order in orders if not order.is_new or order.has_gone}
        if not wanted:
            return
        read_versions()
        if not any_sale():
            return
        places = Reservation.objects.using(write_db()).filter(order_id__in=wanted)
        for place in places.order_by("sale_id", "pk"):
            if place.order_id is not None:
                keep(place=place, quantity=pieces_left(order=wanted[place.order_id], place=place), at=at)

    def set_codes(self) -> frozenset[str]:
        """Return none: what an order bought is written down with it."""
        return frozenset()


selling = SaleEffect()


def pieces_left(*, order: OrderFacts, place: Reservation) -> int:
    """
    Return how many pieces an order still has of what it bought in a sale, whatever is in the sale by now.

    Pieces that staff add to a line of it count like the others, as far as there are any.
    """
    if order.dead:
        return 0
    if not place.bought:
        return place.quantity
    left: Counter[str] = Counter()
    for line in order.purchase.lines:
        left[str(line.product_id)] += line.pieces_left
    return sum(left[product_id] for product_id in place.bought)
