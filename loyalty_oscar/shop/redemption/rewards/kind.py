"""The kind of rewards that is a product of the shop: Oscar's catalogue is picked from, so it stands on this floor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import get_language, npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import product_pickers
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.queries import remembered, versions
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
        names = _titles(keys=params.get("products") or ())
        pieces = params.get("pieces") or 1
        told = {"names": pgettext("loyalty", " or ").join(names), "count": money.number(pieces)}
        text = npgettext("loyalty", "%(count)s piece of %(names)s", "%(count)s pieces of %(names)s", pieces)
        return ", ".join(filter(None, [text % told, for_goods_of(params=params, currency=currency)]))


def _titles(*, keys: Sequence[int]) -> list[str]:
    """Return the titles of the products that are still there, in this order; of saved rewards without a query."""
    known: Mapping[int, str] = remembered(
        key=("reward-products", get_language()), version=versions(), load=_titles_of_rewards
    )
    if not known.keys() >= set(keys):
        known = _titles_now(keys)
    return [known[key] for key in keys if key in known]


def _titles_of_rewards() -> Mapping[int, str]:
    rewards = Reward.objects.using(write_db()).filter(kind=PRODUCT).values_list("params", flat=True)
    return _titles_now({key for params in rewards for key in params.get("products") or ()})


def _titles_now(keys: Collection[int]) -> Mapping[int, str]:
    products = get_model("catalogue", "Product").objects.using(write_db()).filter(pk__in=keys)
    return {product.pk: product.get_title() for product in products.select_related("parent")}


reward_kinds.register(PRODUCT)(ProductKind())
