"""What staff read of a referral that only the shop knows: the order that it hangs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.program import contributions
from loyalty_oscar.referrals.models import Referral

from ..dashboard.links import order_url


@contributions.register("admin:referral", "order")
def order_of(*, subject: Referral, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the order that qualified, with the way to its page."""
    order = get_model("order", "Order").objects.filter(pk=subject.order_id).first() if subject.order_id else None
    return ("loyalty/admin/referral_order.html", {"order": order, "url": order_url(order)}) if order else None
