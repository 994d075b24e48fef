"""The kind of rewards that is a product of the shop: Oscar's catalogue is picked from, so it stands on this floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.program import money
from loyalty_oscar.program.hooks import product_pickers
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.redemption.kinds import PRODUCT, for_goods_of, least_field

from ...pricing.history import prices_now

#: Of more products than these nobody can choose.
MOST_PRODUCTS, MOST_PIECES = 5, 100


class ProductKind:
    """
    Pieces of a product, a gift in the basket: one of `products` (keys), which members choose where there are several,
    so many `pieces`, with other goods of `least` (minor units).
    """

    label = pgettext_lazy("loyalty", "A product of your shop, as a gift in the basket")
    is_given_by_staff, is_for_baskets = False, True

    def fields(self) -> Mapping[str, Any]:
        picker = product_pickers.first()
        found: dict[str, Any] = {}
        if picker is not None:
            field = picker.fields()["products"]
            field.label, field.required = pgettext_lazy("loyalty", "Which product"), True
            field.help_text = pgettext_lazy(
                "loyalty", "Type a part of the name. Of several (up to five) members choose one."
            )
            found["products"] = field
        found["pieces"] = forms.IntegerField(
            label=pgettext_lazy("loyalty", "How many pieces"), min_value=1, max_value=MOST_PIECES, initial=1
        )
        least = least_field()
        least.label = pgettext_lazy("loyalty", "With other goods of at least")
        return {**found, "least": least}

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        keys = params.get("products") or ()
        if len(keys) > MOST_PRODUCTS:
            text = pgettext("loyalty", "Choose at most %(most)s.")
            return {"products": text % {"most": money.number(MOST_PRODUCTS)}}
        parents = get_model("catalogue", "Product").objects.filter(pk__in=keys, structure="parent")
        if name := next((one.get_title() for one in parents), ""):
            text = pgettext("loyalty", "“%(name)s” comes in variants. Choose one of these.")
            return {"products": text % {"name": name}}
        return {}

    def takes_off(self, *, params: Mapping[str, Any], currency: str) -> int | None:
        """
        Return what its pieces cost in the shop, as it shows prices, of several products the dearest; 0 where no price
        is known.
        """
        products = get_model("catalogue", "Product").objects.filter(pk__in=params.get("products") or ())
        found = prices_now(products=products.prefetch_related("stockrecords"))
        dearest = max((minor for (_pk, paid_in, _who), minor in found.items() if paid_in == currency), default=0)
        return dearest * (params.get("pieces") or 1)

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        found = get_model("catalogue", "Product").objects.in_bulk(params.get("products") or ())
        names = [found[key].get_title() for key in params.get("products") or () if key in found]
        pieces = params.get("pieces") or 1
        told = {"names": pgettext("loyalty", " or ").join(names), "count": money.number(pieces)}
        text = npgettext("loyalty", "%(count)s piece of %(names)s", "%(count)s pieces of %(names)s", pieces)
        return ", ".join(filter(None, [text % told, for_goods_of(params=params, currency=currency)]))


reward_kinds.register(PRODUCT)(ProductKind())
