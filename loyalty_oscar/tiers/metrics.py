"""What can count on a ladder. A store registers its own through `extend.tier_metrics`; a code is for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.db.models import F
from django.utils.translation import npgettext, pgettext_lazy

from loyalty_oscar.kernel.facts import LineFacts, OrderFacts
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.models import Counter, Entry
from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit


class TierMetric(Protocol):
    """
    Something that orders count on a ladder.

    `label` says what counts, within a sentence ("the number of orders"); with `is_money` the numbers are amounts in
    minor units of the program's currency, typed and read as money.
    """

    label: Any
    is_money: bool

    def values(self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int]) -> Mapping[int, int]:
        """Return what each order counts, a whole number that is not negative, by its id; `members` by their user."""
        ...


class CountsInWords(Protocol):
    """Of a metric whose numbers have a word: "3 orders" in place of "3"."""

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return the number with its word; `unit` is the program's kind of points, where it has one."""
        ...


metrics: Registry[TierMetric] = Registry("tier metric", TierMetric, also=[CountsInWords])


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


class Points:
    """The points that the order brought, less what a return took back; using or losing them counts nothing."""

    label, is_money = pgettext_lazy("loyalty", "points that orders brought"), False

    def values(self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int]) -> Mapping[int, int]:
        """Return what each order issued so far. One query."""
        net = F("d_available") + F("d_pending") + F("d_reserved") - F("d_debt")
        entries = Entry.objects.using(write_db()).filter(
            account__member_id__in=list(members.values()),
            counter=Counter.ISSUANCE,
            because__p__order__in=[order.order_id for order in orders],
        )
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for because, points in entries.order_by().annotate(points=net).values_list("because", "points"):
            found[because["p"]["order"]].append((points, because["p"].get("forgiven", 0)))
        return {order.order_id: max(0, _standing(order, found[order.order_id])) for order in orders}

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "200 paws"."""
        return words.points(unit=unit, points=value) if unit else money.number(value)


def _standing(order: OrderFacts, entries: Sequence[tuple[int, int]]) -> int:
    """Return the points that stand. What a return did not get back, because it was forgiven, stands no more either."""
    forgiven = sum(points for _net, points in entries) if order.has_gone else 0
    return sum(net for net, _points in entries) - forgiven


def _left(line: LineFacts) -> int:
    return line.paid_minor - taken_back(points=line.paid_minor, gone=line.gone, quantity=line.quantity)


metrics.register("spend")(Spend())
metrics.register("orders")(Orders())
metrics.register("points")(Points())
