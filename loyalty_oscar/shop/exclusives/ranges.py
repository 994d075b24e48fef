"""A range of products that a sale needs is not deleted: without it, what the sale closes would be open to all."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.db.models.signals import pre_delete
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock

from ..product_sets import InUse


def keep(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
    """Refuse while a sale in force that is not over sells the products of the range."""
    sales = Sale.objects.using(using).filter(is_on=True, product_set__tie__range=instance.pk)
    sale = sales.filter(Q(ends_at=None) | Q(ends_at__gt=clock.now())).order_by("pk").first()
    if sale:
        text = pgettext(
            "loyalty",
            "“%(range)s” holds the products of “%(sale)s”: switch that sale off first, or give its set another.",
        )
        raise InUse(text % {"range": instance, "sale": sale.name}, {sale})


pre_delete.connect(
    keep, sender=get_model("offer", "Range"), weak=False, dispatch_uid="loyalty_oscar.shop.exclusives.ranges"
)
