"""The system check that comes with using points: the one tax set-up that Oscar's own offers cannot do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Warning, register
from oscar.core.loading import get_class


@register("loyalty")
def check_tax(**kwargs: Any) -> list[Warning]:
    """Warn where offers count with tax and the shop's prices do not know any: Oscar raises `TaxNotKnown` there."""
    if not getattr(settings, "OSCAR_OFFERS_INCL_TAX", False) or not knows_no_tax():
        return []
    return [
        Warning(
            "OSCAR_OFFERS_INCL_TAX is on, and the shop's prices do not know their tax: Oscar's offers fail.",
            hint="Set OSCAR_OFFERS_INCL_TAX = False: offers and points then count without tax, as prices are shown.",
            id="loyalty_shop.W004",
        )
    ]


def knows_no_tax() -> bool:
    """Return whether the shop's strategy leaves tax to the checkout (Oscar's `DeferredTax`)."""
    try:
        strategy = get_class("partner.strategy", "Selector")().strategy()
        return isinstance(strategy, get_class("partner.strategy", "DeferredTax"))
    except Exception:  # noqa: BLE001 - a strategy that wants a request cannot be asked; the doctor looks at a price
        return False
