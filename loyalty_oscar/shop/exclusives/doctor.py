"""What the doctor knows of sales: products left public by mistake, sets without products, sales nobody can enter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.conf import settings
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import dates_of
from loyalty_oscar.program.registries import checks

from ..doctor import Finding, Level
from .visitors import products_of

ABOUT = "sales"
LOADER = "loyalty_oscar.shop.loading.class_loader"


@checks.register("doctor:46-sales")
def sales(*, at: datetime) -> Iterator[Finding]:
    """Every sale in force has products, a way in, and hides what it is to hide; nothing is said without sales."""
    found = list(Sale.objects.filter(is_on=True).select_related("program", "product_set").prefetch_related("doors"))
    running = [sale for sale in found if not rules.is_over(sale=dates_of(sale=sale), at=at)]
    for sale in running:
        yield from _of_sale(sale, at)
    if running and apps.is_installed("oscarapi") and getattr(settings, "OSCAR_DYNAMIC_CLASS_LOADER", "") != LOADER:
        text = "django-oscar-api tells the price and availability of closed products; it does not sell them"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=f"Set OSCAR_DYNAMIC_CLASS_LOADER to {LOADER}.")
    if running:
        yield Finding(level=Level.OK, about=ABOUT, text=f"{len(running)} in force or to come")


def _of_sale(sale: Sale, at: datetime) -> Iterator[Finding]:
    products, doors = products_of(sale=sale), list(sale.doors.all())
    if not products:
        text = f"“{sale.name}” has no products: its set “{sale.product_set.name}” has no range, or an empty one"
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint="Tie the set to a range of products.")
    if not doors and sale.public_from is None:
        text = f"“{sale.name}” opens to nobody"
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint="Say who gets in, or when it is for everybody.")
    last = sale.ends_at or sale.public_from
    late = [door for door in doors if last and door.buys_from >= last]
    if late:
        text = f"“{sale.name}” lets some in only when it is over or open to everybody anyway"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint="Look at the dates of its doors.")
    if sale.mode == Sale.Mode.HIDE and not rules.is_public(sale=dates_of(sale=sale), at=at):
        shown = get_model("catalogue", "Product").objects.filter(pk__in=products, is_public=True)
        if titles := [product.get_title() for product in shown[:5]]:
            text = f"“{sale.name}” is to be hidden, but these products are public: {', '.join(titles)}"
            hint = "Take “is public” away in the catalogue; the sale gives it back when it opens to everybody."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
