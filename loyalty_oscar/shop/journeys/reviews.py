"""
Reviews that bring points: approved ones by people who bought the product and kept it, the same for any stars.

State-based: whatever happened to a review, looking at it again gives or takes back what is due. Signals look at
once; what sends none (`update()`, a return) the nightly job finds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from oscar.core.loading import get_model

from loyalty_oscar.journeys import operations
from loyalty_oscar.journeys.occasions import REVIEW
from loyalty_oscar.journeys.queries import given_for, has_campaign, people_given
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.facts import LineFacts
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Lot
from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import begun_units, one_with, read_versions

from ..orders.facts import gather_orders

logger = logging.getLogger("loyalty_oscar")
Review = get_model("reviews", "ProductReview")
#: Reviews of so many days are looked at again each night: as long as goods may come back, and longer.
LOOK_BACK = timedelta(days=90)
#: Of how many orders of the product, the newest first, the buyer's own is looked for.
ORDERS = 50
BATCH = 200


def look_at(*, review: Any, at: datetime) -> None:
    """Give or take back what a review, with others of the same thing by the same person, should have brought by now."""
    if review.user_id is not None and review.product_id is not None:
        settle(user_id=review.user_id, family=family_of(product_id=review.product_id), at=at)


def family_of(*, product_id: Any) -> list[Any]:
    """Return the ids of what is one thing: a product with its variants, the product itself first."""
    products = get_model("catalogue", "Product").objects.using(write_db())
    thing = products.filter(pk=product_id).values_list("parent_id", flat=True).first() or product_id
    return [thing, *products.filter(parent_id=thing).order_by("pk").values_list("pk", flat=True)]


def settle(*, user_id: Any, family: Sequence[Any], at: datetime) -> None:
    """
    Bring what somebody's reviews of one thing brought in line with those that stand: once, in one program, however many
    it was bought in, and whichever of its addresses was reviewed. Who was merged is one with the member who stays, in
    the program of both.
    """
    details = [str(pk) for pk in family]
    people = one_with(user_id=user_id, program_ids=[unit.program_id for unit in begun_units()])
    shown = Review.objects.using(write_db()).filter(product_id__in=family, status=Review.APPROVED)
    shown = shown.filter(user_id__in=set().union(*people.values())).select_related("product")
    written = list(shown.order_by("date_created", "pk"))
    # The first one of each program in which one of these people wrote any.
    reviews = {pk: one for pk, ids in people.items() for one in reversed(written) if one.user_id in ids}
    bought = bought_in(people=people, family=family, at=at) if reviews else []
    programs = [program for program in bought if program.pk in reviews]
    known = given_for(user_id=user_id, sources=[f"{REVIEW}:{detail}" for detail in details]) if programs else []
    # Where it has brought points it stays, whatever is bought elsewhere, and so does the address it was given for.
    order = [program_id for program_id, _source in known]
    programs.sort(key=lambda one: order.index(one.pk) if one.pk in order else len(order))
    program = programs[0] if programs else None
    source = next((source for program_id, source in known if program and program_id == program.pk), "")
    for other in details:
        operations.undo_act(user_id=user_id, occasion=REVIEW, detail=other, at=at, but=program)
    if program:
        detail = source.partition(":")[2] or details[0]
        review = reviews[program.pk]
        about = {"product": review.product.get_title()}
        what = {"occasion": REVIEW, "detail": detail, "about": about, "happened_at": review.date_created}
        operations.act(program=program, user_id=review.user_id, **what, at=at)


def bought_in(*, people: Mapping[int, Collection[Any]], family: Sequence[Any], at: datetime) -> list[Program]:
    """
    Return the programs of orders with which somebody bought a thing, and kept it; `people` are the logins of one, by
    program.

    An order is whose it was when it was placed, and one that was deleted after its return period has been kept.
    """
    logins = set().union(*people.values())
    lines = get_model("order", "Line").objects.using(write_db()).filter(product_id__in=family)
    rows = list(lines.filter(order__user_id__in=logins).order_by("-pk").values_list("order_id", "pk")[:ORDERS])
    kept: dict[str, Any] = {"products": set(family), "people": people, "at": at}
    return _kept({order_id for order_id, _line in rows}, lines={line for _order, line in rows}, **kept) or _kept(
        _out_of_sight(logins), lines=(), **kept
    )


def _out_of_sight(people: Collection[Any]) -> set[int]:
    """Return the orders that brought somebody points and that are not theirs by now: moved, or deleted."""
    lots = Lot.objects.using(write_db()).filter(account__member__user_id__in=people, source__startswith="order:")
    numbers = (number_of(name=source, kind="order") for source in lots.values_list("source", flat=True))
    brought = {number for number in numbers if number is not None}
    if not brought:
        return set()
    theirs = get_model("order", "Order").objects.using(write_db()).filter(user_id__in=people)
    left = brought.difference(theirs.values_list("pk", flat=True))
    return set(sorted(left, reverse=True)[:ORDERS])


def _kept(
    order_ids: Collection[int],
    *,
    lines: Container[int],
    products: Container[int],
    people: Mapping[int, Collection[Any]],
    at: datetime,
) -> list[Program]:
    """Return the programs of those of these orders that are somebody's and of which one of these products is left."""
    units = {unit.pk: unit for unit in begun_units()} if order_ids else {}
    found: dict[int, Program] = {}
    theirs = {(program_id, str(user_id)) for program_id, ids in people.items() for user_id in ids}
    for order in gather_orders(order_ids=order_ids, set_codes=(), at=at) if order_ids else ():
        kept = any(
            line.gone < line.quantity and (line.product_id in products or _is_on(line, lines))
            for line in order.purchase.lines
        )
        unit = units.get(order.unit_id)
        is_theirs = unit is not None and (unit.program_id, str(order.user_id)) in theirs
        if unit and is_theirs and kept and order.final_at and not order.dead:
            found.setdefault(unit.program_id, unit.program)
    return list(found.values())


def _is_on(line: LineFacts, rows: Container[int]) -> bool:
    """Return whether a piece of this part stands on one of these order lines."""
    return any(row in rows for row, _pieces in line.rows)


def look_again(*, at: datetime) -> Iterator[int]:
    """Look at the reviews of the last days again; yields how many were looked at. One fault keeps no other waiting."""
    read_versions()
    if not has_campaign(occasion=REVIEW):
        return
    found = Review.objects.using(write_db()).filter(date_created__gte=at - LOOK_BACK, user__isnull=False)
    last, left = 0, 0
    while rows := list(found.filter(pk__gt=last).select_related("product").order_by("pk")[:BATCH]):
        last = rows[-1].pk
        left += sum(not _looked(row, at) for row in rows)
        yield len(rows)
    if left:
        raise LoyaltyError(f"reviews that could not be looked at: {left}; the log says why")


def _looked(review: Any, at: datetime) -> bool:
    return _settled(review, lambda: look_at(review=review, at=at))


def _settled(review: Any, look: Callable[[], None]) -> bool:
    try:
        look()
    except Exception:
        logger.exception("review %s could not be looked at; the next night tries again", review.pk)
        return False
    return True


def _counts(review: Any) -> bool:
    return bool(review.user_id and review.product_id and has_campaign(occasion=REVIEW))


@harmless(later="the next night finds the review")
def review_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    if _counts(instance):
        at = clock.now()
        transaction.on_commit(lambda: _looked(instance, at), using=write_db(), robust=True)


@harmless(later="the next night finds the review")
def review_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    if _counts(instance):
        # The product may go with its review, and then nobody knows what was one thing with it.
        told = {"user_id": instance.user_id, "family": family_of(product_id=instance.product_id)}
        settled = partial(settle, **told, at=clock.now())
        transaction.on_commit(lambda: _settled(instance, settled), using=write_db(), robust=True)


post_save.connect(review_saved, sender=Review, dispatch_uid="loyalty_oscar.shop.journeys.review_saved")
post_delete.connect(review_deleted, sender=Review, dispatch_uid="loyalty_oscar.shop.journeys.review_deleted")


@contributions.register("product:review", "journeys", order=20)
def rewarded(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the words beside a review that brought its writer points. One query for all reviews of a product."""
    if subject is None or subject.user_id is None or not has_campaign(occasion=REVIEW):
        return None

    def load() -> set[Any]:
        thing = subject.product.parent_id or subject.product_id
        return people_given(sources={f"{REVIEW}:{pk}" for pk in (thing, subject.product_id)})

    people = request.loyalty.once(key=("reviewed", subject.product_id), load=load)
    return ("loyalty/widgets/review.html", {}) if subject.user_id in people else None
