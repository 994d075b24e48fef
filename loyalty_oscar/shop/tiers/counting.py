"""
Orders of before count too: when a ladder is saved, those that it may count are looked at again by the sweep.

Before that some of them say how many would stand where.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import begun_units
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.tiers.models import Ladder, Score, Tier
from loyalty_oscar.tiers.preview import buyer_samples
from loyalty_oscar.tiers.rules import Counted, carrying
from loyalty_oscar.tiers.signals import ladder_saved

from ..models import OrderSync
from ..orders import changes
from ..orders.facts import gather_orders
from ..orders.sync import LOOK_AGAIN

#: So many buyers a preview looks at: drawn by chance, so that a page is back in seconds however many there are.
SAMPLE = 500


def count_past(*, ladder: Ladder, is_back: bool = False, **_signal: Any) -> int:
    """
    Mark the orders that a ladder may count and has not counted yet; returns how many.

    Where the ladder `is_back` it missed returns, too, so all are marked, with those that it counts and that are gone.
    """
    if ladder.program.earns_from is None or not ladder.is_on:
        return 0
    orders = Q(order_id__in=_orders(ladder.program, ladder.window, clock.now()).values("pk"))
    scores = Score.objects.using(write_db()).values("order_id")
    own = Q(order_id__in=scores.filter(member__program=ladder.program_id))
    marks = OrderSync.objects.using(write_db())
    marks = marks.filter(orders | own) if is_back else marks.filter(orders).exclude(order_id__in=scores)
    return marks.update(is_dirty=True, dirty_since=clock.now(), fingerprint=LOOK_AGAIN)


def _orders(program: Program, window: str, at: datetime) -> QuerySet[Any]:
    """
    Return the orders of customers that may count at a moment: those of the last period too, and those that are nobody's
    now and count for whoever placed them.
    """
    start, _end, _until = carrying(window=window, at=at, zone=program.time_zone)[-1]
    since = max(filter(None, (start, program.earns_from)))
    moved = OrderSync.objects.using(write_db()).filter(order_id=OuterRef("pk")).exclude(moved_from="")
    orders = get_model("order", "Order").objects.using(write_db()).filter(date_placed__gte=since)
    return orders.filter(Q(user__isnull=False) | Exists(moved))


@buyer_samples.register("orders")
def draw(*, program: Program, metric: str, window: str, at: datetime) -> tuple[int, Mapping[Any, list[Counted]]]:
    """Return how many bought, and of some of them, drawn by chance, what their orders would count."""
    if program.earns_from is None or metric not in metrics:
        return 0, {}
    orders = _orders(program, window, at)
    buyers = get_user_model().objects.using(write_db()).filter(pk__in=orders.values("user_id"))
    drawn = list(buyers.order_by("?").values_list("pk", flat=True)[:SAMPLE])
    ids = orders.filter(user_id__in=drawn).values_list("pk", flat=True)
    counted: dict[Any, list[Counted]] = {user_id: [] for user_id in drawn}
    units = {unit.pk for unit in begun_units() if unit.program_id == program.pk}
    found = [
        one
        for one in gather_orders(order_ids=ids, set_codes=(), at=at)
        # One that staff moved counts for whoever placed it.
        if one.purchase.lines and one.unit_id in units and one.user_id in counted
    ]
    members = dict(
        Member.objects.using(write_db()).filter(program=program, user_id__in=drawn).values_list("user_id", "pk")
    )
    values = metrics.get(metric).values(orders=found, members=members, params={})
    for one in found:
        counted[one.user_id].append(
            Counted(at=one.placed_at, value=values[one.order_id] if one.counts and not one.dead else 0)
        )
    return buyers.count(), counted


# What a level brings in percent is written down with an order.
changes.connect(sender=Tier)
ladder_saved.connect(count_past, dispatch_uid="loyalty-tier-count-past")
