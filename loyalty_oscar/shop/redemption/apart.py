"""
Our rows among Oscar's offers are no offer to anybody: they stand on no page of offers and in none of Oscar's messages.

Without a fork, and whatever templates a shop has: pages are told what to show before they are rendered, and a basket
says of itself which offers it has.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase

from ..storefront.request_hooks import page_contexts, page_guards
from .offer import is_of_house, offers_of_house


class WithoutOurs:
    """Takes our rows off the list of offers."""

    pages = frozenset({"offer:list"})

    def __call__(self, *, request: Any, context: dict[str, Any]) -> None:
        """Leave them out of the query, and out of every name by which the page knows it."""
        found = context.get("object_list")
        if found is None:
            return
        others = found.exclude(pk__in=offers_of_house().values("pk"))
        context.update({name: others for name, value in context.items() if value is found})


class NoPageOfOurs:
    """An offer of ours has no page."""

    pages = frozenset({"offer:detail"})

    def __call__(self, *, request: Any) -> HttpResponseBase | None:
        """Raise Http404 for it. One query on pages of offers."""
        if offers_of_house().filter(slug=request.resolver_match.kwargs.get("slug")).exists():
            raise Http404("no offer for everybody")
        return None


page_contexts.register("redemption")(WithoutOurs())
page_guards.register("redemption")(NoPageOfOurs())


def keep_quiet(*, basket: Any) -> None:
    """Have a basket that points are used on name the other offers alone, where Oscar tells what it won or lost."""
    if "applied_offers" not in vars(basket):
        ask = basket.applied_offers
        basket.applied_offers = lambda: {pk: offer for pk, offer in ask().items() if not is_of_house(offer=offer)}
