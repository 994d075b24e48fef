"""What orders count by themselves. A store registers its own metric through `extend.metrics`; a code is for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import npgettext, pgettext_lazy

from loyalty_oscar.kernel.facts import LineFacts, OrderFacts
from loyalty_oscar.kernel.rounding import taken_back

from . import money
from .models import Unit
from .registries import metrics


class Spend:
    """What stays paid for goods, in minor units of the program's currency; orders in others count nothing."""

    label, is_money = pgettext_lazy("loyalty", "what is paid for goods"), True

    def values(self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int]) -> Mapping[int, int]:
        """Return what is left of each order's goods."""
        return {
            order.order_id: sum(map(_left, order.purchase.lines))
            if order.purchase.currency == order.terms.get("currency")
            else 0
            for order in orders
        }


class Orders:
    """One for each order of which something stays paid."""

    label, is_money = pgettext_lazy("loyalty", "the number of orders"), False

    def values(self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int]) -> Mapping[int, int]:
        """Return 1 for an order that stands, else 0."""
        return {order.order_id: int(any(map(_left, order.purchase.lines))) for order in orders}

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "3 orders"."""
        text = npgettext("loyalty", "%(number)s order", "%(number)s orders", value)
        return text % {"number": money.number(value)}


def _left(line: LineFacts) -> int:
    return line.paid_minor - taken_back(points=line.paid_minor, gone=line.gone, quantity=line.quantity)


metrics.register("spend")(Spend())
metrics.register("orders")(Orders())
