"""What each sale did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, OuterRef, Prefetch, Q, Subquery
from django.utils.translation import pgettext_lazy

from loyalty_oscar.exclusives.models import Door, Reservation, Sale
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db

from ..elements import ElementYear, YearOfUnit, elements
from ..monthly import WHO


class SaleParts:
    """
    Sales that were open in the year, or will be. Who bought is known of those that count their pieces; what a lower
    price took off is written down nowhere.
    """

    title = pgettext_lazy("loyalty", "Sale")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        shown = Q(is_on=True) | Q(published_at__isnull=False)
        sales = Sale.objects.using(write_db()).filter(shown, program=year.unit.program_id)
        sales = sales.filter(Q(ends_at=None) | Q(ends_at__gt=year.since))
        orders = Receipt.objects.using(write_db()).filter(
            order_id=OuterRef("order_id"), placed_at__gte=year.since, placed_at__lt=year.until
        )
        places = Reservation.objects.using(write_db()).filter(sale__in=sales.values("pk"), quantity__gt=0)
        buyers = places.annotate(who=Subquery(orders.annotate(of=WHO).values("of"))).order_by()
        bought = dict(buyers.values_list("sale").annotate(Count("who", distinct=True)))
        return [
            ElementYear(
                item=str(sale.pk),
                name=sale.name,
                since=year.begin(sale.opens_at),
                cost=None if sale.percent else 0,
                uptake=bought.get(sale.pk, 0) if sale.is_counted else None,
                could=None,
            )
            for sale in sales.prefetch_related(Prefetch("doors", Door.objects.using(write_db()))).order_by("pk")
            if sale.opens_at
        ]


elements.register("sales", order=60)(SaleParts())
