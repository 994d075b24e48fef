"""The metric `points`: what orders brought, as the entries say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics

from .models import Counter, Entry
from .operations.recording import looking_ahead


class Points:
    """The points that the order brought, less what a return took back; using or losing them counts nothing."""

    label, is_money = pgettext_lazy("loyalty", "what orders brought"), False

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        """Return what each order issued so far, or would have by then where somebody looks ahead. One query."""
        net = F("d_available") + F("d_pending") + F("d_reserved") - F("d_debt")
        entries = Entry.objects.using(write_db()).filter(
            account__member_id__in=list(members.values()),
            counter=Counter.ISSUANCE,
            because__p__order__in=[order.order_id for order in orders],
        )
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        there = list(entries.order_by().annotate(points=net).values_list("because", "points"))
        for because, points in (*there, *_foreseen(orders, members)):
            found[because["p"]["order"]].append((points, because["p"].get("forgiven", 0)))
        return {order.order_id: max(0, _standing(order, found[order.order_id])) for order in orders}

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return "200 paws"."""
        return words.points(unit=unit, points=value) if unit else money.number(value)


def _foreseen(orders: Sequence[OrderFacts], members: Mapping[Any, int]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Yield what orders would issue, in a look ahead; nothing else."""
    ahead, ids, owners = looking_ahead.get(), {order.order_id for order in orders}, set(members.values())
    for entry in ahead.entries if ahead else ():
        is_theirs = entry.counter == Counter.ISSUANCE and entry.account.member_id in owners
        if is_theirs and entry.because.get("p", {}).get("order") in ids:
            yield entry.because, entry.net


def _standing(order: OrderFacts, entries: Sequence[tuple[int, int]]) -> int:
    """Return the points that stand. What a return did not get back, because it was forgiven, stands no more either."""
    forgiven = sum(points for _net, points in entries) if order.has_gone else 0
    return sum(net for net, _points in entries) - forgiven


metrics.register("points")(Points())
