"""What closes for whom when a sale is in force: said before it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.faults import sale_consequences
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import sales_in_force
from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import level_counts
from loyalty_oscar.program.models import Member, Segment

from .visitors import NOBODY, products_of, sales_with

DAY = timedelta(days=1)


@sale_consequences.register("closing")
def closing(*, sale: Sale, dates: rules.SaleTerms, at: datetime) -> Iterator[str]:
    """Say how many products that anybody can buy now close, to how many of the customers, and for how long."""
    if not rules.closes(sale=dates, at=at):
        return
    products = on_sale_now(sale=sale, at=at)
    if not products:
        return
    yield _what(products, closed_percent(sale=sale, dates=dates), rules.shut_until(sale=dates), at)
    first = min((door.buys_from for door in dates.doors), default=None)
    if first and first > at:
        text = pgettext("loyalty", "Until %(moment)s nobody can buy them.")
        yield text % {"moment": words.moment(first, zone=sale.program.time_zone)}


def _what(products: int, percent: int, until: datetime | None, at: datetime) -> str:
    said = {"products": money.number(products), "percent": money.number(percent)}
    if until is None:
        text = npgettext(
            "loyalty",
            "%(products)s product that is on sale now will be closed to %(percent)s %% of your customers for good.",
            "%(products)s products that are on sale now will be closed to %(percent)s %% of your customers for good.",
            products,
        )
        return text % said
    days = -((at - until) // DAY)
    said["days"] = npgettext("loyalty", "%(number)s day", "%(number)s days", days) % {"number": money.number(days)}
    text = npgettext(
        "loyalty",
        "%(products)s product that is on sale now will be closed to %(percent)s %% of your customers for %(days)s.",
        "%(products)s products that are on sale now will be closed to %(percent)s %% of your customers for %(days)s.",
        products,
    )
    return text % said


def on_sale_now(*, sale: Sale, at: datetime) -> int:
    """Return how many of a sale's products anybody can buy at a moment, as sales are stored."""
    model = get_model("catalogue", "Product").objects.using(write_db())
    known = products_of(sale=sale)
    shown = model.filter(pk__in=known, is_public=True, stockrecords__isnull=False).distinct()
    others = sales_in_force(program_id=sale.program_id)
    return sum(
        rules.closed_by(sales=[one.dates for one in sales_with(sales=others, product_id=pk)], who=NOBODY, at=at) is None
        for pk in shown.values_list("pk", flat=True)
    )


def closed_percent(*, sale: Sale, dates: rules.SaleTerms) -> int:
    """
    Return how many of a hundred customers no door lets in: 100 only where it is nobody. Customers are the accounts that
    may sign in, without staff.

    Who is in a group and on a level is counted twice, so it may be more.
    """
    customers = get_user_model().objects.using(write_db()).filter(is_active=True, is_staff=False).count()
    admitted = min(customers, _admitted(sale, dates))
    return 100 * (customers - admitted) // customers if customers else 100


def _admitted(sale: Sale, dates: rules.SaleTerms) -> int:
    open_to_levels = [door.rank for door in dates.doors if door.segment_id is None]
    lists = {door.segment_id for door in dates.doors if door.segment_id is not None}
    found = sum(Segment.objects.using(write_db()).filter(pk__in=lists).values_list("counted", flat=True))
    if not open_to_levels:
        return found
    lowest = min(open_to_levels)
    if lowest == 0:
        members = Member.objects.using(write_db()).filter(program_id=sale.program_id, merged_into=None)
        return found + members.filter(user__is_active=True, user__is_staff=False).count()
    counts = level_counts.answers(program_id=sale.program_id)
    return found + sum(number for one in counts for rank, number in one.items() if rank >= lowest)
