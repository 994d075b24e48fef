"""What staff read of referrals on pages of the shop: the order that one hangs on, and the code of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.program import contributions
from loyalty_oscar.referrals.models import Code, Referral

from ..dashboard.links import order_url


@contributions.register("dashboard:user", "code", order=58)
def codes_of_customer(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the codes that a customer passes on, by which the customer is found."""
    codes = Code.objects.filter(member__user_id=subject.pk, member__merged_into=None).order_by("pk")
    return ("loyalty/dashboard/code.html", {"codes": codes}) if codes else None


@contributions.register("admin:referral", "order")
def order_of(*, subject: Referral, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the order that qualified, with the way to its page."""
    order = get_model("order", "Order").objects.filter(pk=subject.order_id).first() if subject.order_id else None
    return ("loyalty/admin/referral_order.html", {"order": order, "url": order_url(order)}) if order else None
