"""What so many points would do to a basket and to what its order costs, tried on the very basket and put back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.program.models import Unit
from loyalty_oscar.redemption.rules import RedemptionQuote, Worth

from ..storefront.shown_total import OrderCost, order_cost
from .discount import KeptLine, applied_to, know_combinations, take_off
from .offer import PRIORITY
from .quotes import quote_of

logger = logging.getLogger("loyalty_oscar")


@contextmanager
def without_points(*, basket: Any) -> Iterator[None]:
    """Take what points took off a basket away for so long; its lines are as they were afterwards."""
    applied = applied_to(basket=basket)
    now = [KeptLine(line) for line in basket.all_lines()] if applied and applied.before else ()
    for line in applied.before if applied else ():
        line.put_back()
    try:
        yield
    finally:
        for line in now:
            line.put_back()


def quote_for(*, basket: Any, unit: Unit, points: int, worth: Worth) -> RedemptionQuote:
    """Return what so many points would bring on a basket at this worth, whatever it uses now."""
    with without_points(basket=basket):
        return quote_of(basket=basket, unit=unit, asked=points, worth=worth)


def stand_in(*, lines: list[Any], priority: int) -> Any:
    """Return an offer like one of ours that stands in no table: Oscar's lines want one, and nobody saves it."""
    offer = get_model("offer", "ConditionalOffer")(pk=0, exclusive=False, priority=priority)
    know_combinations(lines=lines, offer=offer)
    return offer


class Savings:
    """
    What the total of an order falls by for so many points: goods, delivery and whatever else the shop works out.

    `goods` says what comes off the goods, `most` how many points there are to use. Where all of them add nothing
    elsewhere, fewer add nothing either and are not tried. Where the shop's own code fails, what comes off the goods is
    all there is to say.
    """

    def __init__(
        self, *, basket: Any, unit: Unit, worth: Worth, goods: Callable[[int], int], most: int, request: Any
    ) -> None:
        self.basket, self.unit, self.worth, self.goods, self.request = basket, unit, worth, goods, request
        self.most = most
        self._known: dict[int, OrderCost | None] = {}
        self._offer: Any = None

    def of(self, points: int) -> int:
        """Return by how much the order gets cheaper, in minor units; below zero it gets dearer."""
        if points < self.most and not self.added(self.most):
            return self.goods(points)
        plain, cost = self.cost(0), self.cost(points)
        return plain.total - cost.total if plain and cost else self.goods(points)

    def added(self, points: int) -> int:
        """Return what is added elsewhere because the goods cost less, such as delivery that is no longer free."""
        return max(0, self.goods(points) - self.of(points))

    def is_delivery(self, points: int) -> bool:
        """Return whether all of that is delivery."""
        plain, cost = self.cost(0), self.cost(points)
        return bool(plain and cost and cost.delivery - plain.delivery == self.added(points))

    def is_free(self) -> bool:
        """Return whether delivery costs nothing without points."""
        plain = self.cost(0)
        return plain is not None and plain.delivery == 0

    def untouched(self, most: int) -> int:
        """Return the most points, of so many, that add nothing elsewhere."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if not self.added(middle) else (low, middle - 1)
        return low

    def cost(self, points: int) -> OrderCost | None:
        """Return what the order costs with so many points; None where the shop cannot say."""
        if points not in self._known:
            try:
                with without_points(basket=self.basket):
                    self._known[points] = self._tried(points)
            except Exception:
                # The shop's own code runs here, and its page tells the total in any case.
                logger.debug("nobody can say what an order costs with points", exc_info=True)
                self._known[points] = None
        return self._known[points]

    def _tried(self, points: int) -> OrderCost:
        lines = list(self.basket.all_lines())
        quote = quote_of(basket=self.basket, unit=self.unit, asked=points, worth=self.worth) if points else None
        before = [KeptLine(line) for line in lines]
        try:
            if quote and quote.minor:
                offer = self._stand_in(lines)
                take_off(lines=lines, parts=quote.parts, offer=offer, currency=self.worth.currency)
            return order_cost(basket=self.basket, request=self.request)
        finally:
            for line in before:
                line.put_back()

    def _stand_in(self, lines: list[Any]) -> Any:
        if self._offer is None:
            self._offer = stand_in(lines=lines, priority=PRIORITY)
        return self._offer
