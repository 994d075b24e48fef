"""A range of products that a sale needs stays: without it, what the sale closes would be open to all."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q
from django.utils.translation import pgettext

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock

from ..orders.range_guard import ClosedSet, closings


@closings.register("sales", order=30)
def for_sale(*, set_ids: Collection[int], using: str) -> Iterator[ClosedSet]:
    """What is sold in sales in force that are not over."""
    sales = Sale.objects.using(using).filter(is_on=True, product_set__in=set_ids)
    text = pgettext(
        "loyalty",
        "“%(range)s” holds the products of “%(sale)s”: switch that sale off first, or give its set another.",
    )
    for sale in sales.filter(Q(ends_at=None) | Q(ends_at__gt=clock.now())).order_by("pk"):
        yield ClosedSet(row=sale, text=text, names={"sale": sale.name})
