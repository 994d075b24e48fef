"""The occasion `warranty`: goods of a product set were ordered so many months ago, and were kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import WARRANTY, Occasion, days_between, months_before, occasions
from loyalty_oscar.kernel import periods
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import ProductSet, Program

from ..orders.facts import gather_orders

BATCH = 200


def ending(
    *, program: Program, campaign: Campaign, since: datetime, until: datetime
) -> Iterator[tuple[int, str, datetime]]:
    """Yield each product set of an order once, on the day so many months after it was placed."""
    sets = dict(ProductSet.objects.filter(code__in=campaign.params.get("sets", ())).values_list("code", "pk"))
    months, zone = int(campaign.params.get("months", 0)), program.time_zone
    for day in days_between(since=since, until=until, zone=zone) if sets and months else ():
        moment = periods.start_of_day(day=day, zone=zone)
        for order_id, member_id, code in _kept(_placed(program, day, months), sets, until):
            yield member_id, f"{WARRANTY}:{order_id}:{sets[code]}", moment


def _placed(program: Program, day: date, months: int) -> dict[int, int]:
    """Return the orders of members that were placed so many months before a day, with whose they are."""
    zone = program.time_zone
    days = months_before(day=day, months=months)
    ranges = [
        Q(
            placed_at__gte=periods.start_of_day(day=one, zone=zone),
            placed_at__lt=periods.start_of_day(day=one + timedelta(days=1), zone=zone),
        )
        for one in days
    ]
    if not ranges:
        return {}
    rows = Receipt.objects.using(write_db()).filter(reduce(or_, ranges), program=program, is_gone=False)
    return dict(rows.filter(member__isnull=False).values_list("order_id", "member_id"))


def _kept(orders: dict[int, int], sets: dict[str, int], at: datetime) -> Iterator[tuple[int, int, str]]:
    """Yield order, member and product set of goods that were kept."""
    ids = sorted(orders)
    for start in range(0, len(ids), BATCH):
        for order in gather_orders(order_ids=ids[start : start + BATCH], set_codes=sets, at=at):
            kept = [line for line in order.purchase.lines if line.gone < line.quantity and not order.dead]
            for code in sorted(set().union(*(line.sets for line in kept)).intersection(sets)):
                yield order.order_id, orders[order.order_id], code


occasions.register(WARRANTY)(Occasion(due=ending, params=("sets", "months")))
