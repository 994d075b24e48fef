"""What is done for sales again and again: places given back, hidden products shown, members told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.operations import recount, sweep

from ..jobs import Job, add
from . import reminding
from .visitors import products_of


def published(*, at: datetime) -> Iterator[int]:
    """
    Show the products of hidden sales that everybody may buy by now; yields how many.

    Saved one by one, so that a search index hears of each. A sale that has ended publishes nothing any more.
    """
    open_now = Sale.objects.filter(is_on=True, mode=Sale.Mode.HIDE, public_from__lte=at).select_related("product_set")
    for sale in open_now.filter(Q(ends_at=None) | Q(ends_at__gt=at)).order_by("pk"):
        hidden = get_model("catalogue", "Product").objects.filter(pk__in=products_of(sale=sale), is_public=False)
        for product in hidden:
            product.is_public = True
            product.save()
            yield 1


def _places(at: datetime) -> Iterator[int]:
    yield from sweep(at=at)


def _counts(at: datetime) -> Iterator[int]:
    yield from recount()


def _opened(at: datetime) -> Iterator[int]:
    yield from published(at=at)


def _reminders(at: datetime) -> Iterator[int]:
    reminders.clear(at=at)
    yield from reminding.tell(at=at)


add(job=Job(name="places", what="pieces of sales given back", run=_places))
add(job=Job(name="sale-counts", what="counts of sales set right", run=_counts, nightly=True))
add(job=Job(name="sales", what="products shown", run=_opened))
add(job=Job(name="reminders", what="members told of a sale", run=_reminders))
