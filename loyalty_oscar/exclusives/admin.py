"""Sales in the admin: what is sold to whom from when, read back in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import clock
from loyalty_oscar.program.admin import STYLES, BehindFront, DeletesUnused, TellsMore
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import segment_uses, set_uses
from loyalty_oscar.program.in_force import InForce, InForceFilter, TellsInForce, in_force_at
from loyalty_oscar.program.models import ProductSet, Segment
from loyalty_oscar.program.numbers import NumbersInWords
from loyalty_oscar.program.references import link_of, referents, row_of
from loyalty_oscar.program.zones import InProgramZone, NamesZone

from .faults import sale_warnings
from .forms import DoorForm, DoorFormSet, SaleForm
from .models import Door, Sale, pieces_of
from .sentences import sentence


class DoorInline(NamesZone, NumbersInWords, admin.TabularInline):
    model = Door
    form = DoorForm
    formset = DoorFormSet
    extra = 1
    fields = ("rank", "segment", "seen_from", "buys_from")


@admin.register(Sale)
class SaleAdmin(BehindFront, TellsInForce, TellsMore, TellsChanges, DeletesUnused, InProgramZone, admin.ModelAdmin):
    """A sale that opens to some before others; switched off, and deleted only as long as nobody bought in it."""

    change_form_template = "loyalty/admin/sale.html"
    form = SaleForm
    list_display = ("name", "program", "state", "says", "taken")
    list_filter = ("program", InForceFilter)
    search_fields = ("name", "code")
    inlines = (DoorInline,)
    readonly_fields = ("taken", "page")
    fieldsets = (
        (None, {"fields": ("program", "name", "code", "is_on", "is_meant")}),
        (pgettext_lazy("loyalty", "What it offers"), {"fields": ("product_set", "percent", "text", "picture")}),
        (pgettext_lazy("loyalty", "When"), {"fields": ("mode", "public_from", "ends_at")}),
        (pgettext_lazy("loyalty", "How many"), {"fields": ("quota", "per_member", "taken")}),
        (pgettext_lazy("loyalty", "How it looks"), {"fields": ("page",)}),
    )

    class Media:
        css = STYLES

    def is_used(self, obj: Sale) -> bool:
        return obj.is_on or pieces_of(sale_id=obj.pk) > 0 or obj.reminders.exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sale]:
        found = super().get_queryset(request).select_related("program", "product_set", "count")
        return found.prefetch_related("doors__segment")

    def get_readonly_fields(self, request: HttpRequest, obj: Sale | None = None) -> tuple[str, ...]:
        # Its address may have been given to members.
        return (*self.readonly_fields, "program", "code") if obj else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: Sale | None = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name",)}

    def told(self, request: HttpRequest, obj: Sale) -> dict[str, Any]:
        return {"sentence": sentence(sale=obj), "warnings": warnings_of(obj)}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say at once what is wrong with the sale that was saved."""
        super().save_related(request, form, formsets, change)
        for warning in warnings_of(Sale.objects.get(pk=form.instance.pk)):
            messages.warning(request, warning, fail_silently=True)

    def in_force(self, obj: Sale, at: datetime) -> InForce:
        is_spent = obj.quota is not None and obj.count.taken >= obj.quota
        return in_force_at(at=at, is_on=obj.is_on, starts_at=obj.opens_at, ends_at=obj.ends_at, is_spent=is_spent)

    @admin.display(description=pgettext_lazy("loyalty", "the sale"))
    def says(self, sale: Sale) -> str:
        return sentence(sale=sale)

    @admin.display(description=pgettext_lazy("loyalty", "pieces taken"))
    def taken(self, sale: Sale) -> str:
        return str(sale.count.taken) if sale.pk and sale.is_counted else "-"

    @admin.display(description=pgettext_lazy("loyalty", "its page"))
    def page(self, sale: Sale) -> str:
        """Link the page of the sale; staff see it before it is in force."""
        try:
            url = reverse("loyalty:sale", kwargs={"code": sale.code})
        except NoReverseMatch:
            return "-"
        return format_html('<a href="{}">{}</a>', url, pgettext("loyalty", "Look at the page of this sale"))


referents.register("sale")(row_of(Sale))


@segment_uses.register("sales")
def sales_for(*, segment: Segment) -> Iterable[str]:
    """Name the sales that let a segment in before others."""
    return [link_of(sale) for sale in Sale.objects.filter(doors__segment=segment).distinct().order_by("pk")]


@set_uses.register("sales")
def sets_of_sales(*, product_set: ProductSet) -> Iterable[str]:
    """Name the sales of its products."""
    return Sale.objects.filter(product_set=product_set).values_list("name", flat=True)


def warnings_of(sale: Sale) -> list[str]:
    """Return what is wrong with a sale that is not over, as all features see it."""
    return [text for said in sale_warnings.answers(sale=sale, at=clock.now()) for text in said]
