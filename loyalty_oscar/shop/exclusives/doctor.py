"""What the doctor knows of sales: nobody gets in, products left public by mistake, sales that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.apps import apps
from django.conf import settings

from loyalty_oscar.exclusives import faults as doors
from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.operations import miscounted, oversold
from loyalty_oscar.exclusives.queries import dates_of
from loyalty_oscar.program.conf import conf

from ..orders import statuses
from ..upkeep.doctor import Finding, Level, doctor_checks
from ..upkeep.doctor.words import still_waiting
from . import faults

ABOUT = "sales"
#: So long after its end a sale is still looked at.
JUST_OVER = timedelta(days=30)
LOADER = "loyalty_oscar.shop.pricing.loading.class_loader"


@doctor_checks.register("sales", order=46)
def sales(*, at: datetime) -> Iterator[Finding]:
    """Every sale in force has products, a way in, and hides what it is to hide; nothing is said without sales."""
    found = list(Sale.objects.filter(is_on=True).select_related("program", "product_set").prefetch_related("doors"))
    counting = statuses.counting_statuses()
    running = [sale for sale in found if not rules.is_over(sale=dates_of(sale=sale), at=at)]
    for sale in running:
        for fault in (*doors.faults(sale=sale, at=at), *faults.faults(sale=sale, at=at)):
            level = Level.ERROR if fault.is_grave else Level.WARNING
            yield Finding(level=level, about=ABOUT, text=f"“{sale.name}”: {fault.text}", hint=fault.hint)
        if any(door.rank for door in sale.doors.all()) and counting and still_waiting(words=counting, at=at):
            text = f"“{sale.name}” lets in by level, and no order ever reached “{conf.COUNTS_FROM_STATUS}”"
            hint = "Set LOYALTY_COUNTS_FROM_STATUS to a status that orders reach."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    for sale in found:
        if sale.mode == Sale.Mode.HIDE and sale.ends_at and at - JUST_OVER < sale.ends_at <= at:
            for fault in faults.still_hidden(sale=sale):
                yield Finding(level=Level.NOTE, about=ABOUT, text=f"“{sale.name}”: {fault.text}", hint=fault.hint)
    if wrong := miscounted():
        text = f"the pieces taken of {len(wrong)} are not the sum of what baskets and orders hold"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint="The job sale-counts sets it right at night.")
    beyond = oversold()
    for sale in found:
        if sale.pk in beyond:
            text = f"“{sale.name}”: {beyond[sale.pk]} pieces are sold of {sale.quota}"
            hint = "What was sold elsewhere is refused by no limit: have as many in stock, or cancel some."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    if running and apps.is_installed("oscarapi") and getattr(settings, "OSCAR_DYNAMIC_CLASS_LOADER", "") != LOADER:
        text = "django-oscar-api tells the price and availability of closed products; it does not sell them"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=f"Set OSCAR_DYNAMIC_CLASS_LOADER to {LOADER}.")
    if apps.is_installed("oscarapi") and any(sale.mode == Sale.Mode.HIDE for sale in running):
        text = "django-oscar-api lists every product by title, those of hidden sales too"
        hint = "Override its ProductList and ProductDetail, or close their addresses to customers."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    if running:
        yield Finding(level=Level.OK, about=ABOUT, text=f"{len(running)} in force or to come")
