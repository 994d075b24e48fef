"""The metric `points`: what orders brought, as the entries say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics

from .models import Counter, Entry


class Points:
    """The points that the order brought, less what a return took back; using or losing them counts nothing."""

    label, is_money = pgettext_lazy("loyalty", "points that orders brought"), False

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
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


metrics.register("points")(Points())
