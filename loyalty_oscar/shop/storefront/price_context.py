"""What the prices of one request are decided from, in one place: it says how old a price may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from loyalty_oscar.program import clock


class PriceContext:
    """
    The prices of one request for one user.

    All are of one moment, `at`: a page, and an order from its preview on to its lines, never meets two. What is
    switched on is as new as the visit's program. What was answered is kept here and ends with the request, so that
    no price of a member can reach anybody else.
    """

    def __init__(self) -> None:
        self.at = clock.now()
        #: product id -> what the strategy told last (price and availability), for what stands beside it on the page.
        self.told: dict[int, Any] = {}
        #: Answers the products of the list on this page, so that what is asked for one is asked for all at once.
        self.beside: Callable[[], Iterable[Any]] = tuple
        self._once: dict[Any, Any] = {}

    def once(self, *, key: Any, load: Callable[[], Any]) -> Any:
        """Return what `load()` returned when it was first asked for."""
        if key not in self._once:
            self._once[key] = load()
        return self._once[key]
