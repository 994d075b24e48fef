"""What being a member saved somebody, by what stands on orders: prices for members, and offers for levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from oscar.core.loading import get_model

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.queries import shown_units

from ..models import PriceSpan
from ..orders.facts import gather_orders
from ..orders.statuses import standing
from .conditions import PROXY


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """Minor units of the program's currency: by prices for members, by less for delivery, by other offers of levels."""

    prices: int = 0
    delivery: int = 0
    offers: int = 0


def saved_by(*, user_id: Any, program: Program, since: datetime, at: datetime) -> Saved:
    """
    Return what somebody saved since a moment with orders of a program that stand, of pieces that were kept.

    A price counts where it was one for a level at the time the order was placed, by what everybody paid then. At most
    eight queries.
    """
    orders = get_model("order", "Order").objects.filter(
        user_id=user_id, date_placed__gte=since, date_placed__lte=at, currency=program.currency
    )
    placed = dict(standing(orders=orders).values_list("pk", "date_placed"))
    if not placed:
        return Saved()
    units = {unit.pk for unit in shown_units() if unit.program_id == program.pk}
    bought = [one for one in gather_orders(order_ids=placed, set_codes=(), at=at) if one.unit_id in units]
    if not bought:
        return Saved()
    dates = {one.order_id: placed[one.order_id] for one in bought}
    return Saved(prices=_by_prices(bought, dates, program), **_by_offers(dates, program.currency))


def _by_prices(bought: Iterable[OrderFacts], dates: dict[int, datetime], program: Program) -> int:
    kept: dict[int, int] = defaultdict(int)
    for facts in bought:
        for line in facts.purchase.lines:
            left = line.quantity - line.gone
            for line_id, pieces in line.rows:
                kept[line_id] += min(left, pieces)
                left -= min(left, pieces)
    lines = [
        (line.product_id, dates[line.order_id], _paid(line, program.currency), kept[line.pk])
        for line in get_model("order", "Line").objects.filter(pk__in=kept, product_id__isnull=False)
        if kept[line.pk] and line.quantity
    ]
    spans = _spans({product_id for product_id, _at, _paid, _pieces in lines}, program, min(dates.values()))
    found = 0
    for product_id, placed_at, paid, pieces in lines:
        there = [span for span in spans[product_id] if _covers(span, placed_at)]
        everybody = next((span.minor for span in there if not span.audience), 0)
        is_members = any(span.audience and span.minor == paid for span in there)
        found += max(0, everybody - paid) * pieces if is_members else 0
    return found


def _paid(line: Any, currency: str) -> int:
    """Return what one piece of an order's line cost before the basket's discounts."""
    return to_minor(amount=line.line_price_before_discounts_incl_tax / line.quantity, currency=currency)


def _spans(product_ids: Collection[int], program: Program, since: datetime) -> dict[int, list[PriceSpan]]:
    """Return the prices of products since a moment: those of everybody, and those of levels."""
    rows: Iterable[PriceSpan] = PriceSpan.objects.filter(
        Q(audience="") | Q(audience__startswith=f"{program.pk}:rank:"),
        Q(ends_at=None) | Q(ends_at__gt=since),
        product_id__in=product_ids, currency=program.currency,
    )  # fmt: skip
    found: dict[int, list[PriceSpan]] = defaultdict(list)
    for row in rows if product_ids else ():
        found[row.product_id].append(row)
    return found


def _covers(span: PriceSpan, at: datetime) -> bool:
    return span.starts_at <= at and (span.ends_at is None or at < span.ends_at)


def _by_offers(dates: dict[int, datetime], currency: str) -> dict[str, int]:
    """Return what Oscar's offers for levels took off the goods and off the delivery of orders."""
    discount = get_model("order", "OrderDiscount")
    ours = get_model("offer", "ConditionalOffer").objects.filter(condition__proxy_class=PROXY).values("pk")
    found = {"delivery": 0, "offers": 0}
    for category, amount in discount.objects.filter(order_id__in=dates, offer_id__in=ours).values_list(
        "category", "amount"
    ):
        found["delivery" if category == discount.SHIPPING else "offers"] += to_minor(amount=amount, currency=currency)
    return found
