"""What is done for sales again and again: places given back, hidden products shown, members told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q
from django.utils.translation import pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.operations import recount, sweep
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import read_versions

from ..upkeep.jobs import Job, add
from .visitors import products_of


def published(*, at: datetime) -> Iterator[int]:
    """
    Show the products of hidden sales that everybody may buy by now, once a sale; yields how many.

    Saved one by one, so that a search index hears of each. What staff hide later stays hidden, and a sale that has
    ended publishes nothing any more.
    """
    read_versions()
    hiding = (
        Sale.objects.using(write_db())
        .filter(is_on=True, mode=Sale.Mode.HIDE, published_at=None)
        .select_related("product_set")
    )
    model = get_model("catalogue", "Product")
    shown = ["is_public", *(field.name for field in model._meta.fields if getattr(field, "auto_now", False))]
    open_now = hiding.filter(Q(ends_at=None) | Q(ends_at__gt=at), public_from__lte=at)
    for sale in open_now.order_by("pk"):
        products = products_of(sale=sale)
        for product in model.objects.using(write_db()).filter(pk__in=products, is_public=False):
            product.is_public = True
            # Nothing else: somebody may be editing it.
            product.save(update_fields=shown)
            yield 1
        if products:
            Sale.objects.using(write_db()).filter(pk=sale.pk).update(published_at=at)


def _places(at: datetime) -> Iterator[int]:
    yield from sweep(at=at)


def _counts(at: datetime) -> Iterator[int]:
    yield from recount()


def _opened(at: datetime) -> Iterator[int]:
    yield from published(at=at)


def _reminders(at: datetime) -> Iterator[int]:
    reminders.clear(at=at)
    yield from reminders.tell(at=at)


add(
    job=Job(
        name="places",
        title=pgettext_lazy("loyalty", "Gives back pieces of sales that nobody paid for"),
        what="pieces of sales given back",
        run=_places,
    )
)
add(
    job=Job(
        name="sale-counts",
        title=pgettext_lazy("loyalty", "Counts the pieces of sales again"),
        what="counts of sales set right",
        run=_counts,
        nightly=True,
    )
)
add(
    job=Job(
        name="sales",
        title=pgettext_lazy("loyalty", "Shows the products of sales that opened"),
        what="products shown",
        run=_opened,
    )
)
add(
    job=Job(
        name="reminders",
        title=pgettext_lazy("loyalty", "Reminds members of sales that opened"),
        what="members told of a sale",
        run=_reminders,
    )
)
