"""The smallest amount that a shop can write: the coarser of its currency's and of what the columns of orders hold."""

from __future__ import annotations

from functools import lru_cache

from oscar.core.loading import get_model

from loyalty_oscar.program.money import exponent

#: Where a discount of ours ends up.
COLUMNS = (
    ("order", "Order", "total_incl_tax"),
    ("order", "Line", "line_price_incl_tax"),
    ("order", "OrderDiscount", "amount"),
)


@lru_cache(maxsize=1)
def _held() -> int:
    """Return how many decimals the columns of an order hold: two, unless a store made them wider."""
    return min(get_model(app, model)._meta.get_field(name).decimal_places for app, model, name in COLUMNS)


def decimals(*, currency: str) -> int:
    """Return how many decimals an amount may have here (EUR 2, JPY 0; KWD 2 in columns of two)."""
    return min(exponent(currency=currency), _held())


def finer(*, currency: str) -> int:
    """Return how many parts of a minor unit sums are rounded to first: 1, or 100 for JPY in columns of two decimals."""
    return 10 ** (_held() - decimals(currency=currency))


def grain(*, currency: str) -> int:
    """Return the smallest amount in minor units of the currency: 1, or 10 for KWD in columns of two decimals."""
    return 10 ** (exponent(currency=currency) - decimals(currency=currency))
