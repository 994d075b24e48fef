"""Categories and products picked in the form of a rule: a product set with its Oscar range is made behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.urls import reverse
from django.utils.translation import pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.earning.params import PICKED
from loyalty_oscar.program import money
from loyalty_oscar.program.forms import SeveralField, is_key
from loyalty_oscar.program.hooks import product_names, product_pickers
from loyalty_oscar.program.models import ProductSet

from ..models import ProductSetRange
from ..orders.product_sets import all_of
from .find_products import NAME

#: Things that the name of a set names; of more the number is said.
NAMED = 3
Picked = Mapping[str, Iterable[Any]]


class Categories(SeveralField):
    """Categories of the shop, each below the one it belongs to."""

    def label_from_instance(self, obj: Any) -> str:
        return "– " * (obj.depth - 1) + str(obj.name)


class Found(AutocompleteSelectMultiple):
    """Products found by a part of their name. Django's own fails on the page where a key was sent that can't be one."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, [key for key in value if is_key(key)], attr)

    def get_url(self) -> str:
        return reverse(f"{self.admin_site.name}:{NAME}")


class Picker:
    """The `ProductPicker` of Oscar's catalogue."""

    def fields(self) -> dict[str, forms.Field]:
        chosen = get_model("offer", "Range")._meta.get_field("included_products")
        return {
            "categories": Categories(
                label=pgettext_lazy("loyalty", "Categories"),
                queryset=get_model("catalogue", "Category").objects.order_by("path"),
                required=False,
                help_text=pgettext_lazy("loyalty", "With everything in the categories below them."),
            ),
            "products": SeveralField(
                label=pgettext_lazy("loyalty", "Products"),
                queryset=get_model("catalogue", "Product").objects.all(),
                widget=Found(chosen, admin.site),
                required=False,
                help_text=pgettext_lazy("loyalty", "Type a part of the name. Variants count with their product."),
            ),
        }

    def code(self, *, picked: Picked) -> str:
        keys = [f"{kind}:{pk}" for kind in sorted(picked) for pk in sorted(one.pk for one in picked[kind])]
        return PICKED + sha256(",".join(keys).encode()).hexdigest()[:16] if keys else ""

    def name(self, *, picked: Picked) -> str:
        names = [one.name for one in picked.get("categories", ())]
        names += [one.get_title() for one in picked.get("products", ())]
        told = {"names": ", ".join(names[:NAMED])[:80], "more": money.number(len(names) - NAMED)}
        return told["names"] if len(names) <= NAMED else pgettext("loyalty", "%(names)s and %(more)s more") % told

    def make(self, *, picked: Picked) -> None:
        code, name = self.code(picked=picked), self.name(picked=picked)
        if not code or ProductSet.objects.filter(code=code).exists():
            return
        range_ = get_model("offer", "Range").objects.create(name=f"{name} ({code})", is_public=False)
        range_.included_categories.set(picked.get("categories", ()))
        for product in picked.get("products", ()):
            range_.add_product(product)
        ProductSetRange.objects.create(
            product_set=ProductSet.objects.create(code=code, name=name),
            range=range_,
        )

    def picked(self, *, code: str) -> dict[str, Sequence[Any]] | None:
        tie = ProductSetRange.objects.filter(product_set__code=code).select_related("range").first()
        if not code.startswith(PICKED) or tie is None or tie.range is None:
            return None
        return {
            "categories": list(tie.range.included_categories.order_by("path").values_list("pk", flat=True)),
            "products": list(tie.range.included_products.order_by("pk").values_list("pk", flat=True)),
        }

    def products(self, *, code: str) -> frozenset[int]:
        return all_of(code=code)


product_pickers.register("catalogue")(Picker())


@product_names.register("catalogue")
def titles_of(*, product_ids: Collection[int]) -> dict[int, str]:
    """Return what products are called; a variant without a title of its own as its parent is."""
    found = get_model("catalogue", "Product").objects.select_related("parent").in_bulk(list(product_ids))
    return {pk: product.get_title() for pk, product in found.items()}
