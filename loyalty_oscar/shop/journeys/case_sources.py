"""What opens a case besides an answer: an unhappy review by somebody who bought the product, and a late parcel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.signals import post_save
from django.utils.translation import pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.journeys.cases import PARCEL, UNHAPPY, open_case
from loyalty_oscar.journeys.models import Case
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import begun_units, joined_members, one_with

from ..models import OrderSync
from ..orders.buyers import bought_by
from ..orders.facts import gather_orders
from ..orders.statuses import final_statuses, standing
from ..upkeep import jobs
from .reviews import Review, family_of

logger = logging.getLogger("loyalty_oscar")
#: So many stars, or fewer, are an unhappy review.
UNHAPPY_STARS = 2
#: For so long nights without a job are made up for: what came to nothing longer ago is no news.
LOOK_BACK = timedelta(days=14)
BATCH = 200


def look_at_review(*, review: Any, at: datetime) -> bool:
    """
    Open a case for a review of one or two stars, approved or not, by a member who bought the product; returns whether
    one was opened now.
    """
    if review.user_id is None or review.product_id is None or review.score > UNHAPPY_STARS:
        return False
    programs = {unit.pk: unit.program_id for unit in begun_units()}
    people = one_with(user_id=review.user_id, program_ids=programs.values())
    orders = get_model("order", "Order").objects.using(write_db())
    orders = orders.filter(lines__product_id__in=family_of(product_id=review.product_id))
    placed = [bought_by(orders=orders, user_id=user_id) for user_id in set().union(*people.values())]
    ids = {row["pk"] for rows in placed for row in rows}
    for order in sorted(gather_orders(order_ids=ids, set_codes=(), at=at), key=lambda one: -one.order_id):
        program_id = programs.get(order.unit_id or 0)
        member = _member(program_id, review.user_id) if program_id else None
        if member and order.user_id in people[program_id]:
            about = {"kind": UNHAPPY, "source": f"review:{review.pk}", "order_id": order.order_id}
            return open_case(member=member, **about, text=f"{review.title}\n{review.body}", at=at)[1]
    return False


@harmless(later="the next night finds the review")
def review_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    if instance.score <= UNHAPPY_STARS and instance.user_id is not None:
        at = clock.now()
        transaction.on_commit(lambda: look_at_review(review=instance, at=at), using=write_db(), robust=True)


post_save.connect(review_saved, sender=Review, dispatch_uid="loyalty_oscar.shop.journeys.unhappy_review")


def _reviews(at: datetime) -> Iterator[list[bool | None]]:
    """Look at the unhappy reviews of the last days that have no case; yields of each whether a case was opened."""
    found = Review.objects.using(write_db()).filter(score__lte=UNHAPPY_STARS, user__isnull=False)
    found = found.filter(date_created__gte=at - LOOK_BACK).order_by("pk")
    last = 0
    while rows := list(found.filter(pk__gt=last)[:BATCH]):
        last = rows[-1].pk
        sources = [f"review:{row.pk}" for row in rows]
        known = set(_cases().filter(source__in=sources).values_list("source", flat=True))
        new = [row for row in rows if f"review:{row.pk}" not in known]
        yield [_tried(f"review {row.pk}", partial(look_at_review, review=row, at=at)) for row in new]


def _parcels(at: datetime) -> Iterator[list[bool | None]]:
    """
    Look at the paid orders whose day came lately and that have not arrived; yields of each whether a case was opened.

    Nothing where no status of the shop says that an order arrived.
    """
    if not final_statuses():
        return
    until = at - timedelta(days=conf.LATE_PARCEL_DAYS)
    arrived = OrderSync.objects.using(write_db()).filter(order_id=OuterRef("pk"), final_at__isnull=False)
    known = _cases().filter(order_id=OuterRef("pk"), kind=PARCEL)
    orders = get_model("order", "Order").objects.using(write_db()).filter(~Exists(arrived), ~Exists(known))
    orders = standing(orders=orders.filter(date_placed__gt=until - LOOK_BACK, date_placed__lte=until))
    last = 0
    while ids := list(orders.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = ids[-1]
        yield _late(ids, at)


def _late(order_ids: Collection[int], at: datetime) -> list[bool | None]:
    """Open a case for each of these orders of members that is paid and has not arrived; returns of each whether."""
    orders = gather_orders(order_ids=order_ids, set_codes=(), at=at)
    return [_tried(f"order {order.order_id}", partial(_look_at_order, order, at)) for order in orders]


def _look_at_order(order: OrderFacts, at: datetime) -> bool:
    unit = next((unit for unit in begun_units() if unit.pk == order.unit_id), None)
    is_there = not order.dead and any(line.pieces_left for line in order.purchase.lines)
    waits = order.counts and is_there and order.final_at is None
    if unit is None or not waits or order.user_id is None:
        return False
    member = _member(unit.program_id, order.user_id)
    if member is None:
        return False
    about = {"kind": PARCEL, "source": f"parcel:{order.order_id}", "order_id": order.order_id}
    return open_case(member=member, **about, at=at)[1]


def _member(program_id: int, user_id: Any) -> Member | None:
    """Return the member as whom somebody goes on, who may have been merged into another."""
    joined = joined_members(program_id=program_id, user_ids=[user_id])
    return Member.objects.using(write_db()).get(pk=joined[user_id][0]) if user_id in joined else None


def _tried(about: str, look: Callable[[], bool]) -> bool | None:
    try:
        return look()
    except Exception:
        logger.exception("%s could not be looked at; the next night tries again", about)
        return None


def _cases() -> QuerySet[Case]:
    return Case.objects.using(write_db())


def _open(at: datetime) -> Iterator[int]:
    """Open the cases that are due; yields how many. One fault keeps no other waiting."""
    left = 0
    for done in chain(_parcels(at), _reviews(at)) if begun_units() else ():
        left += done.count(None)
        yield done.count(True)
    if left:
        raise LoyaltyError(f"orders and reviews that could not be looked at: {left}; the log says why")


jobs.add(
    job=jobs.Job(
        name="cases",
        title=pgettext_lazy("loyalty", "Finds late parcels and unhappy reviews"),
        what="cases opened",
        run=_open,
        nightly=True,
    )
)
