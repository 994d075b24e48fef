"""
What a hidden sale hides is not there: not on Oscar's pages that take the number of a product, not on a card of a list,
not in a letter that it is back.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.http import Http404
from oscar.core.loading import get_class

from loyalty_oscar.program import contributions

from ..pricing.loading import gated
from ..storefront.request_hooks import page_guards
from .gate import deal_of

#: Oscar's pages that take the number of a product, and what they call it. They name it, show it, lead to its address,
#: which holds its title, or write to whoever asks.
PAGES = {
    "basket:add": "pk",
    "catalogue:detail": "pk",
    "catalogue:reviews-add": "product_pk",
    "catalogue:reviews-detail": "product_pk",
    "catalogue:reviews-list": "product_pk",
    "catalogue:reviews-vote": "product_pk",
    "customer:alert-create": "pk",
    "customer:wishlists-add-product": "product_pk",
    "customer:wishlists-create-with-product": "product_pk",
}


def hides(*, product_id: int, request: Any) -> bool:
    """Return whether a hidden sale keeps a product from a visitor's eyes; staff see all. No query for strangers."""
    deal = deal_of(product_id=product_id, visit=request.loyalty)
    return deal.is_hidden and not request.user.is_staff


def look(*, request: Any) -> None:
    """
    Let Oscar look for a product that never was, in the place of one that is hidden: so the answer is the same, be it
    "not found", the way to the login or a method that is not allowed. The view is called with this very dictionary.
    """
    match = request.resolver_match
    name, page = PAGES[match.view_name], match.view_name
    if hides(product_id=int(match.kwargs[name]), request=request):
        if page == "customer:wishlists-create-with-product" and request.user.is_authenticated:
            raise Http404("no such product")  # Oscar falls over there
        match.kwargs[name] = type(match.kwargs[name])(0)


class HiddenProducts:
    """Looks at every page that takes the number of a product."""

    pages = frozenset(PAGES)

    def __call__(self, *, request: Any) -> None:
        """Answer by `look`."""
        look(request=request)


page_guards.register("exclusives")(HiddenProducts())


@contributions.register("product:hidden", "exclusives")
def card(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return something where a list must not show the card of a product."""
    return ("loyalty/widgets/hidden.html", {}) if hides(product_id=subject.pk, request=request) else None


def gate_letters() -> None:
    """
    Let Oscar's letters "back in stock" ask for a product as each reader gets it, and not as a stranger without sales.

    They are sent where no middleware runs, so the module that sends them is given the selector of the class loader.
    """
    for kind in get_class("customer.alerts.utils", "AlertsDispatcher").__mro__:
        module = sys.modules[kind.__module__]
        if hasattr(module, "Selector"):
            module.Selector = gated(module.Selector)


gate_letters()
