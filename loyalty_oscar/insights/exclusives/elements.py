"""What each sale did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce, Least
from django.utils.translation import pgettext_lazy

from loyalty_oscar.exclusives.models import Reservation, Sale
from loyalty_oscar.program.db import write_db

from ..elements import ElementYear, YearOfUnit, elements


class SaleParts:
    """
    Sales that were open in the year. Who bought is known of those that count their pieces; what a lower price took off
    is written down nowhere.
    """

    title = pgettext_lazy("loyalty", "Sale")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        shown = Q(is_on=True) | Q(published_at__isnull=False)
        sales = (
            Sale.objects.using(write_db())
            .filter(shown, program=year.unit.program_id)
            .annotate(opens=Least("public_from", Coalesce(Min("doors__buys_from"), "public_from")))
        )
        sales = sales.filter(opens__lt=year.until)
        places = Reservation.objects.using(write_db()).filter(
            sale__in=sales.values("pk"), order_id__isnull=False, quantity__gt=0
        )
        bought = dict(places.order_by().values_list("sale").annotate(Count("user_id", distinct=True)))
        found = sales.filter(Q(ends_at=None) | Q(ends_at__gt=year.since)).order_by("pk")
        return [
            ElementYear(
                item=str(sale.pk),
                name=sale.name,
                since=year.day(sale.opens),
                cost=None if sale.percent else 0,
                uptake=bought.get(sale.pk, 0) if sale.quota or sale.per_member else None,
                could=None,
            )
            for sale in found
        ]


elements.register("sales", order=60)(SaleParts())
