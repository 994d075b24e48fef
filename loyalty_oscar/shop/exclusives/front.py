"""The sales on the front page of loyalty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext_lazy

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program.models import Program

from ..front.planned import Planned, planned_lists


@planned_lists.register("sales", order=30)
def sales(*, program: Program, at: datetime) -> Iterator[Planned]:
    """Yield the sales that are switched on, from the day on which the first may buy."""
    for sale in Sale.objects.filter(program=program, is_on=True).prefetch_related("doors").order_by("pk"):
        yield Planned(
            kind=pgettext_lazy("loyalty", "Sale"),
            row=sale,
            starts_at=sale.opens_at,
            ends_at=sale.ends_at,
        )
