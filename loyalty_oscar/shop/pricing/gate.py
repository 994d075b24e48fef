"""
The gate: features may close a sale or lower a price where Oscar decides both, in the strategy.

One answer for list, product page, basket, order and API. The strategy keeps its class, its methods and its
`isinstance`; with no feature at the gate it is left as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from loyalty_oscar.program.hooks import RAISE, Hook

from ..storefront.visit import Visit


class Gate(Protocol):
    """
    Looks at what Oscar would sell and answers with the same or less: another price, another availability.

    Where nobody asks in particular (a search index) the visit is a stranger's. Asked for every product of a list, so it
    keeps what it needs with the visit (`visit.once`, and `visit.prices.once` for what is of a moment) and asks in bulk.
    """

    def __call__(self, *, product: Any, info: Any, visit: Visit) -> Any: ...


#: Prices come before closing, so that a closed product shows none.
gates: Hook[Gate] = Hook("gates", Gate, on_error=RAISE)


class LineGate(Protocol):
    """Looks at what Oscar would sell as a line of a basket, after the gates, and answers with the same or less."""

    def __call__(self, *, line: Any, info: Any) -> Any: ...


line_gates: Hook[LineGate] = Hook("line_gates", LineGate, on_error=RAISE)


class GatedStrategy:
    """Mixed into the class of a strategy's instance, so that a store's own methods keep working."""

    loyalty_visit: Visit | None = None

    def fetch_for_product(self, product: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what Oscar would sell, after the gates."""
        return self._told(product, super().fetch_for_product(product, *args, **kwargs))

    def fetch_for_parent(self, product: Any) -> Any:
        """Return what Oscar would show of a product with variants, after the gates."""
        return self._told(product, super().fetch_for_parent(product))

    def fetch_for_line(self, line: Any, *args: Any, **kwargs: Any) -> Any:
        """
        Return what a basket line would cost now, after the gates.

        What is in a basket keeps a price though it is closed by now, so that the basket adds up; nobody can order it.
        """
        info = self._through_gates(line.product, super().fetch_for_line(line, *args, **kwargs))
        info = info._replace(price=getattr(info.price, "loyalty_kept", info.price))
        return line_gates.passed("info", line=line, info=info)

    def _told(self, product: Any, info: Any) -> Any:
        passed = self._through_gates(product, info)
        if self.loyalty_visit is not None:
            self.loyalty_visit.prices.told[product.pk] = passed
        return passed

    def _through_gates(self, product: Any, info: Any) -> Any:
        if isinstance(info, _Passed):  # Oscar's fetch_for_line asks fetch_for_product.
            return info
        # A strategy without a request may live for ever, as that of Oscar's search index does: a visit does not.
        info = gates.passed("info", product=product, info=info, visit=self.loyalty_visit or Visit(None))
        return _passed(type(info))(*info)


class _Passed:
    """Marks what went through the gates, so that no price is lowered twice."""

    __slots__ = ()


@lru_cache(maxsize=32)
def _passed(kind: type) -> type:
    return type(kind.__name__, (_Passed, kind), {"__slots__": (), "__module__": kind.__module__})


@lru_cache(maxsize=32)
def _gated(kind: type) -> type:
    return type(
        kind.__name__, (GatedStrategy, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    )


def set_gates(*, strategy: Any, visit: Visit | None) -> Any:
    """Put the gates in front of a strategy for a visitor; returns the same strategy."""
    if (list(gates) or list(line_gates)) and not isinstance(strategy, GatedStrategy):
        strategy.__class__ = _gated(type(strategy))
    if isinstance(strategy, GatedStrategy):
        strategy.loyalty_visit = visit
    return strategy
