"""What a product costs at the lowest level with a member price, for those who are not in the club."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import contributions, money
from loyalty_oscar.tiers.models import MemberPrice
from loyalty_oscar.tiers.queries import tier_name

from ..pricing.labels import price_of
from ..pricing.reductions import Cut, seen_with
from ..storefront.visit import Visit, takes_part, teases
from .prices import covers, prices_of_visit


@contributions.register("product:club-price", "tiers")
def club_price(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """
    Return what the price of this page would be with the club, where that is less; no query but for product sets.

    Only levels that anybody can reach are told, and nothing of a product whose price this page does not show.
    """
    visit = request.loyalty
    if not teases(visit=visit, teaser="price") or takes_part(visit=visit):
        return None
    member_price = _first_price(visit=visit, product_id=subject.pk)
    shown = member_price and price_of(product=subject, request=request)
    if not shown or not shown.exists:
        return None
    cut = Cut(kind="tier", percent=member_price.percent, starts_at=member_price.starts_at)
    seen = seen_with(price=shown, cut=cut)
    if seen is None:
        return None
    minor = money.to_minor(amount=seen, currency=shown.currency)
    parts = {"program": visit.unit.program.name, "tier": tier_name(tier=member_price.tier)}
    parts["price"] = money.in_words(minor=minor, currency=shown.currency)
    text = pgettext("loyalty", "%(price)s in the %(program)s, from %(tier)s") % parts
    return "loyalty/widgets/club_price.html", {"text": text}


def _first_price(*, visit: Visit, product_id: int) -> MemberPrice | None:
    """Return the best member price of the lowest level that has one for a product and that anybody can reach."""
    rows = prices_of_visit(visit=visit)
    found = [row for row in rows if row.tier.threshold is not None and covers(price=row, product_id=product_id)]
    return min(found, key=lambda row: (row.tier.rank, -row.percent, row.pk), default=None)
