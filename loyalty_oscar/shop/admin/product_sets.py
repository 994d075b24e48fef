"""Product sets with the Oscar range that holds their products; and what staff must know of both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.admin import DeletesUnused, ReadsAnyAddress
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.forms import Rows
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import program_warnings, set_uses
from loyalty_oscar.program.models import ProductSet, Program

from ..models import ProductSetRange
from ..orders import statuses
from ..orders.range_guard import closed_by, refusal_of


class RangeForm(forms.ModelForm):
    """The range of a product set, which one that closes something keeps."""

    class Meta:
        model = ProductSetRange
        fields = ("range",)

    def clean_range(self) -> Any:
        """Refuse to clear the range of a set that closes something; another range will do."""
        before, chosen = self.initial.get("range"), self.cleaned_data["range"]
        if before and chosen is None:
            told = {"set_ids": [self.instance.product_set_id], "using": write_db()}
            if refused := refusal_of(range_name=self.instance.range, **told):
                raise forms.ValidationError(refused[0])
        return chosen


class RangeInline(admin.TabularInline):
    model = ProductSetRange
    form = RangeForm
    formset = Rows
    can_delete = False
    min_num = 1
    verbose_name_plural = pgettext_lazy("loyalty", "The range whose products it holds")


def is_named(product_set: ProductSet) -> bool:
    """Return whether anything uses a set of products."""
    return any(name for names in set_uses.answers(product_set=product_set) for name in names)


@admin.register(ProductSet)
class ProductSetAdmin(ReadsAnyAddress, TellsChanges, DeletesUnused, admin.ModelAdmin):
    """A set of products that rules speak of. Without a range it suspends the rules that name it."""

    instead = pgettext_lazy("loyalty", "Take it out of what names it first.")
    list_display = ("name", "code", "range")
    search_fields = ("name", "code")
    inlines = (RangeInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tie__range")

    def get_readonly_fields(self, request: HttpRequest, obj: ProductSet | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: ProductSet | None = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name",)}

    def is_used(self, obj: ProductSet) -> bool:
        return is_named(obj)

    @admin.display(description=pgettext_lazy("loyalty", "range of products"))
    def range(self, product_set: ProductSet) -> str:
        tie = getattr(product_set, "tie", None)
        return str(tie.range) if tie and tie.range else pgettext("loyalty", "none: its rules are suspended")


@program_warnings.register("shop", order=40)
def unclear(*, program: Program, at: datetime) -> Iterator[str]:
    """Say that nobody knows when points become ready, and which sets have no products."""
    if statuses.is_ready_unclear():
        ends = ", ".join(statuses.candidates()) or pgettext("loyalty", "none")
        text = pgettext(
            "loyalty",
            "It is not clear after which order status the return period starts (open ends: %(ends)s). "
            "Have LOYALTY_READY_STATUS set; until then everything stays on the way.",
        )
        yield text % {"ends": ends}
    of_order = pgettext(
        "loyalty", "Nobody said what the order status “%(status)s” means: it ends an order, which still counts."
    )
    of_line = pgettext(
        "loyalty", "Nobody said what the line status “%(status)s” means: it ends a line, which still counts."
    )
    for question in statuses.questions():
        yield (of_line if question.is_line else of_order) % {"status": question.status}
    for product_set in ProductSet.objects.filter(tie__range=None):
        if not is_named(product_set):
            continue  # Nobody misses its products.
        text = pgettext("loyalty", "The product set “%(name)s” has no range, so the rules that name it are suspended.")
        shut = [one.shut for one in closed_by(set_ids=[product_set.pk], using=write_db()) if one.shut]
        yield " ".join([text % {"name": product_set}, *shut])
