"""
The discounts behind our offers among Oscar's, by name: features register it, the proxy classes in `models` ask for it.

Where the feature is not installed nothing is registered, and the offer gives nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from oscar.apps.order.exceptions import UnableToPlaceOrder

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.hooks import RAISE, Hook


class NotPlaced(UnableToPlaceOrder, ValueError):
    """
    The house does not let this order be placed. The message is for the customer.

    Oscar's checkout understands the first of its parents, django-oscar-api the second.
    """


class PointsUnavailable(NotPlaced):
    """The points of this order are no longer set aside."""


class RewardUnavailable(NotPlaced):
    """A reward of this order is used or gone by now."""


class LookAgain(PointsUnavailable):
    """Nothing is paid yet, and the total is another by now: lead the customer to a page (`url`) that shows it."""

    def __init__(self, text: str, *, url: str) -> None:
        super().__init__(text)
        self.url = url


class Discount(Protocol):
    """What an offer of ours does to a basket, and what it takes when the order is placed: points, a reward."""

    def is_wanted(self, *, basket: Any, offer: Any) -> bool: ...

    def apply(self, *, basket: Any, offer: Any) -> Any: ...

    def take(self, *, basket: Any, order: Any) -> str: ...


class BasketLevels(Protocol):
    """What `TierCondition` asks; the first that is registered counts."""

    def rank_of(self, *, basket: Any) -> int:
        """Return the rank of the level of a basket's owner."""
        ...

    def name_of(self, *, rank: int) -> str:
        """Return what the level of a rank is called, "" where nobody knows."""
        ...


discounts: Registry[Discount] = Registry("discount", Discount)
basket_levels: Hook[BasketLevels] = Hook("basket_levels", BasketLevels, on_error=RAISE)
