"""The currencies of the shop's prices."""

from __future__ import annotations

from oscar.core.loading import get_model

from loyalty_oscar.program.hooks import shop_currencies


@shop_currencies.register("prices")
def priced_in() -> list[str]:
    """Return the currencies of all prices. One query."""
    prices = get_model("partner", "StockRecord").objects.order_by("price_currency")
    return list(prices.values_list("price_currency", flat=True).distinct())
