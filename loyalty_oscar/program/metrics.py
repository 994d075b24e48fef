"""What orders count by themselves. A store registers its own metric through `extend.metrics`; a code is for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.utils.translation import npgettext, pgettext_lazy

from loyalty_oscar.kernel.facts import LineFacts, OrderFacts

from . import money
from .models import Unit
from .registries import metrics


class Spend:
    """What stays paid for goods, in minor units of the program's currency; orders in others count nothing."""

    label, is_money = pgettext_lazy("loyalty", "what is paid for goods"), True

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
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

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        """Return 1 for an order that stands, else 0."""
        return {order.order_id: int(any(map(_left, order.purchase.lines))) for order in orders}

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "3 orders"."""
        text = npgettext("loyalty", "%(number)s order", "%(number)s orders", value)
        return text % {"number": money.number(value)}


class Pieces:
    """The pieces that somebody paid for and kept, of the product sets that are asked for, or of whatever there is."""

    label, is_money = pgettext_lazy("loyalty", "the number of pieces bought"), False
    least_sets, are_marks = 0, False

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        """Return how many pieces are left of each order. One that cost nothing, such as a gift, is none of them."""
        sets = frozenset(params.get("sets") or ())
        return {order.order_id: sum(map(partial(_pieces, sets), order.purchase.lines)) for order in orders}

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "10 pieces"."""
        text = npgettext("loyalty", "%(number)s piece", "%(number)s pieces", value)
        return text % {"number": money.number(value)}


class Sets:
    """Of how many of several product sets somebody bought a piece and kept it."""

    label, is_money = pgettext_lazy("loyalty", "how many of several product sets were bought from"), False
    least_sets, are_marks = 2, True

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        """Return for each order a bit for each of the product sets, in their order, of which a piece is left."""
        sets = [frozenset([code]) for code in params.get("sets") or ()]
        return {
            order.order_id: sum(
                1 << place for place, one in enumerate(sets) if any(map(partial(_pieces, one), order.purchase.lines))
            )
            for order in orders
        }

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "3 kinds of goods"."""
        text = npgettext("loyalty", "%(number)s kind of goods", "%(number)s kinds of goods", value)
        return text % {"number": money.number(value)}


def _pieces(sets: frozenset[str], line: LineFacts) -> int:
    """Return how many paid pieces are left of a line that is in one of these sets; of any, where there are none."""
    counts = line.paid_minor > 0 and (not sets or bool(sets & line.sets))
    return line.pieces_left if counts else 0


def _left(line: LineFacts) -> int:
    return line.left_of(amount=line.paid_minor)


metrics.register("spend")(Spend())
metrics.register("orders")(Orders())
metrics.register("pieces")(Pieces())
metrics.register("sets")(Sets())
