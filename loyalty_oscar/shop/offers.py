"""
The discount behind our one Oscar offer, by name: features register it, the proxy classes in `models` ask for it.

Where the feature is not installed nothing is registered, and the offer gives nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from oscar.apps.order.exceptions import UnableToPlaceOrder

from loyalty_oscar.kernel.registry import Registry


class NotPlaced(UnableToPlaceOrder, ValueError):
    """
    The house does not let this order be placed. The message is for the customer.

    Oscar's checkout understands the first of its parents, django-oscar-api the second.
    """


class PointsUnavailable(NotPlaced):
    """The points of this order are no longer set aside."""


class LookAgain(PointsUnavailable):
    """Nothing is paid yet, and the total is another by now: lead the customer to a page (`url`) that shows it."""

    def __init__(self, text: str, *, url: str) -> None:
        super().__init__(text)
        self.url = url


class Discount(Protocol):
    """What an offer of ours does to a basket, and what it takes when the order is placed."""

    def is_wanted(self, *, basket: Any, offer: Any) -> bool: ...

    def apply(self, *, basket: Any, offer: Any) -> Any: ...

    def take(self, *, basket: Any, order: Any) -> str: ...


discounts: Registry[Discount] = Registry("discount")
#: What `TierCondition` asks: "of" (basket) -> rank of its owner's level, "name" (rank) -> how it is called.
ranks: Registry[Callable[..., Any]] = Registry("rank")
