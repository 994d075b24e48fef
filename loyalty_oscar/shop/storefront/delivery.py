"""What is missing to free delivery, where the shop's own shipping method tells such a limit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import contributions, money


@contributions.register("basket:delivery", "delivery")
def nudge(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return "9.00 € more and delivery is free."; asks the database nothing that the method does not ask."""
    basket = getattr(request, "basket", None)
    if subject is None or basket is None or basket.is_empty:
        return None
    missing = missing_to_free(method=subject, basket=basket)
    if not missing or missing <= 0 or not _charges(method=subject, basket=basket):
        return None
    minor = money.to_minor(amount=missing, currency=basket.currency)
    text = pgettext("loyalty", "%(amount)s more and delivery is free.")
    amount = money.in_words(minor=minor, currency=basket.currency)
    return "loyalty/widgets/delivery_nudge.html", {"value": minor, "text": text % {"amount": amount}}


def missing_to_free(*, method: Any, basket: Any) -> Decimal | None:
    """
    Return what a basket lacks to free delivery; None where its method knows no such limit.

    A method says it itself with `missing_to_free(basket)`; of Oscar's own that store a limit, it is that.
    """
    method = getattr(method, "method", method)  # Oscar wraps it where an offer makes it cheaper.
    if ask := getattr(method, "missing_to_free", None):
        return ask(basket)
    limit = getattr(method, "free_shipping_threshold", None)
    return limit - basket.total_incl_tax if limit is not None and basket.is_tax_known else None


def _charges(*, method: Any, basket: Any) -> bool:
    """Return whether delivery costs anything now: an offer, such as a level's, may make it free below the limit."""
    charge = method.calculate(basket)
    return bool(charge.incl_tax if charge.is_tax_known else charge.excl_tax)
