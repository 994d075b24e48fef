"""The limit of a sale per member, where pieces are chosen: no basket takes more than its owner may still have."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import held_by_member, sales_in_force
from loyalty_oscar.program import clock, contributions, money
from loyalty_oscar.program.queries import shown_units

from ..pricing.gate import gates
from ..storefront.basket_holds import slot_of
from ..storefront.retold import line_texts, too_many
from ..storefront.visit import Visit
from .visitors import products_of, sales_for, sales_of_visit, who_visits


class Limit:
    """How many pieces of a sale this visitor may still have, whatever lies in their basket."""

    def __init__(self, *, sale: Sale, left: int, visit: Visit) -> None:
        self.sale, self.left, self.visit = sale, left, visit

    def left_beside(self, *, product_id: int) -> int:
        """Return how many may be of this product, beside what the basket holds of others in the sale."""
        if self.left <= 0:
            return 0
        ids = products_of(sale=self.sale) - {product_id}
        return max(0, self.left - sum(line.quantity for line in self._lines() if line.product_id in ids))

    def is_in_basket(self, *, product_id: int) -> bool:
        """Return whether this visitor's basket holds a product."""
        return any(line.product_id == product_id for line in self._lines())

    def _lines(self) -> Iterable[Any]:
        basket = self.visit.basket
        return basket.all_lines() if basket is not None and basket.pk is not None else ()

    @property
    def text(self) -> str:
        """Why no more can be had: because they have all they may, or how many still."""
        all_ = self.sale.per_member
        if self.left <= 0:
            text = npgettext(
                "loyalty",
                "You have your piece from %(sale)s. Each member can have %(number)s.",
                "You have your %(number)s from %(sale)s. Each member can have %(number)s.",
                all_,
            )
            return text % {"number": money.number(all_), "sale": self.sale.name}
        if self.left < all_:
            text = pgettext("loyalty", "%(sale)s: you can order %(left)s now. Each member can have %(number)s.")
        else:
            text = pgettext("loyalty", "%(sale)s: each member can have %(number)s.")
        said = {"left": money.number(self.left), "number": money.number(all_), "sale": self.sale.name}
        return text % said


class Limited:
    """Mixed into the class of an availability: what the shop has is one thing, what this visitor may have another."""

    loyalty_limit: Limit
    loyalty_product: int

    @property
    def num_available(self) -> int:
        """How many there are for this visitor: Oscar caps the field of a basket line by it, and names it."""
        own, left = self.__dict__.get("num_available"), max(0, self.loyalty_limit.left)
        return left if own is None else min(own, left)

    @property
    def message(self) -> str:
        """What the line of a basket says of it: the limit, rather than that there are more."""
        is_line = self.loyalty_limit.is_in_basket(product_id=self.loyalty_product)
        return self.loyalty_limit.text if is_line else super().message  # type: ignore[misc]

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, str]:
        """Refuse more than the limit leaves, in the words of the sale."""
        if quantity > self.loyalty_limit.left_beside(product_id=self.loyalty_product):
            return False, self.loyalty_limit.text
        return super().is_purchase_permitted(quantity)  # type: ignore[misc]


@lru_cache(maxsize=32)
def _limited(kind: type) -> type:
    return type(kind.__name__, (Limited, kind), {"__module__": kind.__module__})


@gates.register("limit", order=80)
def limited(*, product: Any, info: Any, visit: Visit) -> Any:
    """Let nobody choose more of an open sale than is theirs. At most one query a visit, none for strangers."""
    limit = limit_of(product_id=product.pk, visit=visit)
    if limit is None:
        return info
    availability = copy.copy(info.availability)
    availability.__class__ = _limited(type(availability))
    availability.loyalty_limit, availability.loyalty_product = limit, product.pk
    return info._replace(availability=availability)


@line_texts.register("limit")
def in_words(*, lines: Iterable[Any]) -> dict[str, str]:
    """Return the limit in the words of its sale, where Oscar's basket would speak of stock. No query without a sale."""
    found: dict[str, str] = {}
    if not any(sales_in_force(program_id=unit.program_id) for unit in shown_units()):
        return found
    for line in lines:
        availability = getattr(getattr(line, "purchase_info", None), "availability", None)
        if isinstance(availability, Limited):
            found[too_many(most=availability.num_available)] = availability.loyalty_limit.text
    return found


def limit_of(*, product_id: int, visit: Visit) -> Limit | None:
    """Return the tightest limit that an open sale sets a visitor for a product, or None where there is none."""
    if not visit.once(key="limits", load=lambda: [1 for sale in sales_of_visit(visit=visit) if sale.per_member]):
        return None
    at, who = clock.now(), who_visits(visit=visit)
    found = [
        sale
        for sale in sales_for(visit=visit, product_id=product_id)
        if sale.per_member and rules.admission(sale=sale.dates, who=who, at=at).buys
    ]
    if not found:
        return None
    held = held_in(visit=visit, at=at)
    limits = [Limit(sale=sale, left=sale.per_member - held.get(sale.pk, 0), visit=visit) for sale in found]
    return min(limits, key=lambda limit: limit.left)


def held_in(*, visit: Visit, at: datetime) -> Mapping[int, int]:
    """Return the pieces of each sale that a visitor bought, or reserved in another basket. One query a visit."""
    user = visit.user
    if user is None or not user.is_authenticated:
        return {}
    places = visit.once(key=("held", user.pk), load=lambda: held_by_member(user_id=user.pk, at=at))
    basket = visit.basket if any(place.slot for place in places) else None
    own = slot_of(basket=basket) if basket is not None and basket.pk else None
    found: dict[int, int] = {}
    for place in places:
        if place.slot is None or place.slot != own:
            found[place.sale_id] = found.get(place.sale_id, 0) + place.quantity
    return found


@contributions.register("product:buy", "limit", order=15)
def had_all(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what stands in the place of the basket button of who has all that a sale gives to each."""
    limit = limit_of(product_id=subject.pk, visit=request.loyalty)
    return ("loyalty/widgets/nothing_left.html", {"text": limit.text}) if limit and limit.left <= 0 else None
