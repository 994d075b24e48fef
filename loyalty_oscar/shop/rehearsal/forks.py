"""Which method of the store stands where Oscar has one of its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

#: Modules whose methods are nobody's fork.
STOCK = ("oscar", "django", "loyalty_oscar")

#: Names of methods in the order in which Oscar comes past them.
PRICES = (
    *("fetch_for_line", "fetch_for_product", "select_stockrecord", "pricing_policy", "availability_policy"),
    *("get_rate", "get_exponent"),
)
OFFERS = ("apply", "get_offers", "get_site_offers", "get_basket_offers", "apply_offers")
OFFER = ("is_condition_satisfied", "get_max_applications", "apply_benefit")
BASKET = (
    *("add_product", "all_lines", "total_incl_tax", "total_excl_tax", "is_tax_known", "reset_offer_applications"),
    *("get_stock_info", "_get_total"),
)
LINE = (
    *("purchase_info", "discount", "is_tax_known", "unit_price_incl_tax", "unit_price_excl_tax"),
    *("line_price_incl_tax", "line_price_excl_tax", "discount_value", "_tax_ratio", "line_tax"),
    *("line_price_incl_tax_incl_discounts", "line_price_excl_tax_incl_discounts"),
)
SHIPPING = ("get_default_shipping_method", "get_shipping_methods", "get_available_shipping_methods")
TOTALS = ("calculate",)
ORDERS = (
    *("place_order", "create_order_model", "create_discount_model", "record_discount", "create_line_models"),
    *("update_stock_records", "create_line_discount_models", "create_line_price_models", "create_line_attributes"),
    "create_additional_line_models",
)
SAVED = ("save", "total_tax", "line_price_tax")
RETURNS = ("handle_shipping_event", "validate_shipping_event", "create_shipping_event")


def first_fork(*, path: Iterable[tuple[Any, Iterable[str]]]) -> str:
    """Return the first method on the path that is not Oscar's own, as "module.Class.method (file:line)", or ""."""
    for where, names in path:
        klass = where if inspect.isclass(where) else type(where)
        for name in names:
            if found := _fork(klass, name):
                return found
    return ""


def _fork(klass: type, name: str) -> str:
    home = next((each for each in klass.__mro__ if name in vars(each)), None)
    if home is None:
        return ""
    method = vars(home)[name]
    method = getattr(method, "fget", None) or getattr(method, "func", None) or getattr(method, "__func__", method)
    module = getattr(method, "__module__", None) or home.__module__
    if module.partition(".")[0] in STOCK:
        return ""
    code = getattr(inspect.unwrap(method), "__code__", None)
    line = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{module}.{getattr(method, '__qualname__', f'{home.__qualname__}.{name}')}{line}"
