"""What those pay already whom a sale lets in first, while everybody else buys at the normal price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.program import contributions, money
from loyalty_oscar.program import words as program_words

from ..pricing.labels import price_of
from ..pricing.reductions import Cut, seen_with
from ..storefront.visit import teases
from . import words
from .visitors import sales_for, who_visits


@contributions.register("product:club-price", "exclusives", order=20)
def earlier_price(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """
    Return what the price of this page is for the level that a sale lets in first, and from when on it is everybody's.

    Only while others buy at the normal price, and it is less than what this visitor pays. No query for strangers.
    """
    visit = request.loyalty
    if not teases(visit=visit, teaser="price"):
        return None
    at = visit.prices.at
    sales = [sale for sale in sales_for(visit=visit, product_id=subject.pk) if sale.dates.is_open]
    best = _best(sales, who_visits(visit=visit), at) if sales else None
    shown = best and price_of(product=subject, request=request)
    if not shown or not shown.exists:
        return None
    sale, door = best
    cut = Cut(kind="sale", percent=sale.percent, starts_at=door.buys_from)
    seen = seen_with(price=shown, cut=cut)
    if seen is None:
        return None
    minor = money.to_minor(amount=seen, currency=shown.currency)
    said = {"who": words.for_whom(door=door), "price": money.in_words(minor=minor, currency=shown.currency)}
    return "loyalty/widgets/sale_price.html", {"text": _text(sale) % (said | _day(sale)), "sale": sale}


def _best(sales: list[Sale], who: rules.Who, at: datetime) -> tuple[Sale, Door] | None:
    """Return the sale that takes the most off for others now, and its lowest open door that is no private list."""
    found = []
    for sale in sales:
        answer = rules.admission(sale=sale.dates, who=who, at=at)
        if not answer.buys and not rules.is_over(sale=sale.dates, at=at):
            doors = [one for one in sale.doors.all() if one.segment_id is None and one.buys_from <= at]
            if doors:
                found.append((sale, min(doors, key=lambda door: door.rank)))
    return max(found, key=lambda row: (row[0].percent, -row[0].pk), default=None)


def _text(sale: Sale) -> str:
    if sale.public_from:
        return pgettext("loyalty", "%(price)s for %(who)s, for everyone from %(day)s")
    if sale.ends_at:
        return pgettext("loyalty", "%(price)s for %(who)s until %(day)s")
    return pgettext("loyalty", "%(price)s for %(who)s")


def _day(sale: Sale) -> dict[str, str]:
    if sale.public_from:
        return {"day": words.on_day(at=sale.public_from, sale=sale)}
    if sale.ends_at:
        return {"day": program_words.last_day(sale.ends_at, zone=sale.program.time_zone, year=False)}
    return {}
