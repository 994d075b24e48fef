"""
The counter in Augsburg: who buys there leaves an e-mail address for the receipt, and has no account.

Decided from the day alone, like the rest of the past. What an old till has written comes into the shop's books as an
import brings it, many orders at once and without a signal; then the suite looks at them as a sweep would.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from oscar.core.loading import get_class, get_model

from loyalty_oscar.shop.orders.sync import sync_orders

from .catalogue import Article, articles
from .sales import closed
from .timeline import DAYS, Happening, ten_oclock

#: So many days of the till come in at once.
EACH = 30
#: So many new customers come in the first of these months, and so many more in each that follows.
NEW, MORE = 7, 0.8
#: How much more or less than usual is bought by the month of the year: presents before Christmas, holidays in summer.
SEASON = {1: 0.7, 2: 0.8, 7: 0.8, 8: 0.7, 11: 1.3, 12: 1.7}
#: How many come once only, how many days lie between the orders of the others, and how many of those stay away next.
ONCE, RHYTHMS, LEAVES = 0.45, (21, 30, 45, 70), 0.14


@dataclass(frozen=True, kw_only=True)
class TillSale:
    """What somebody bought at the counter: `lines` are (article, quantity)."""

    number: str
    email: str
    placed_at: datetime
    lines: tuple[tuple[str, int], ...]


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Bring in what the till has written, month by month, up to yesterday."""
    left = till(today=today, stock=stock())
    for number in reversed(range(DAYS // EACH)):
        until = ten_oclock(today=today, days=-1 - EACH * number)
        part = [one for one in left if one.placed_at < until]
        left = left[len(part) :]
        yield Happening(at=until, do=partial(_bring_in, part))


def stock() -> list[Article]:
    """Return what lies at the counter: nothing secret, and nothing that a sale keeps when a month is brought in."""
    return [article for article in articles() if not article.secret and article.upc not in closed()]


def till(*, today: datetime, stock: Sequence[Article]) -> list[TillSale]:
    """Return all that was sold at the counter up to today, oldest first; the same day gives the same."""
    chance, sold = random.Random("counter"), []
    for number, came in enumerate(_newcomers(today, chance)):
        sold += [(at, number, lines) for at, lines in _buys(came, stock, today, chance)]
    return [
        TillSale(number=f"K{place:05}", email=f"counter.{number}@mail.example", placed_at=at, lines=lines)
        for place, (at, number, lines) in enumerate(sorted(sold), start=1)
    ]


def _newcomers(today: datetime, chance: random.Random) -> Iterator[datetime]:
    """Yield when each customer came first."""
    for month in range(DAYS // EACH):
        since = ten_oclock(today=today, days=EACH * month - DAYS)
        for _one in range(round((NEW + MORE * month) * SEASON.get(since.month, 1))):
            yield since + timedelta(days=chance.uniform(0, EACH))


def _buys(
    came: datetime, stock: Sequence[Article], today: datetime, chance: random.Random
) -> Iterator[tuple[datetime, tuple[tuple[str, int], ...]]]:
    aisle = chance.choice(("Dogs", "Dogs", "Cats", "Cats", "Small pets"))
    wanted = [article for article in stock if article.category.startswith(aisle)]
    usual = chance.choice([article for article in wanted if article.product_class == "Food"])
    days, stays = chance.choice(RHYTHMS), chance.random() > ONCE
    at = came
    while at < today:
        lines = {usual.upc: chance.choice((1, 2, 2, 3))} if stays or chance.random() < 0.4 else {}
        if not lines or chance.random() < 0.5:
            lines.setdefault(chance.choice(wanted).upc, 1)
        # No order of the web shop is placed within a second.
        moment = {"hour": chance.randint(9, 18), "minute": 30, "microsecond": chance.randrange(1, 10**6)}
        yield at.replace(**moment, second=chance.randrange(60)), tuple(lines.items())
        if not stays or chance.random() < LEAVES:
            return
        at += timedelta(days=days * chance.uniform(0.7, 1.4) / SEASON.get(at.month, 1))


def _bring_in(sold: Sequence[TillSale], player: Any, at: datetime) -> None:
    order, line = get_model("order", "Order"), get_model("order", "Line")
    strategy = get_class("partner.strategy", "Selector")().strategy()
    priced = {upc: strategy.fetch_for_product(player.products[upc]) for one in sold for upc, _quantity in one.lines}
    lines = [[_line(player.products[upc], priced[upc], quantity) for upc, quantity in one.lines] for one in sold]
    orders = order.objects.bulk_create([_order(one, its) for one, its in zip(sold, lines, strict=True)])
    rows = [line(order=its, **fields) for its, some in zip(orders, lines, strict=True) for fields in some]
    line.objects.bulk_create(rows)
    sync_orders(order_ids=[one.pk for one in orders], at=at)


def _order(sold: TillSale, lines: Sequence[dict[str, Any]]) -> Any:
    incl, excl = (sum((line[f"line_price_{tax}_tax"] for line in lines), Decimal()) for tax in ("incl", "excl"))
    return get_model("order", "Order")(
        number=sold.number,
        site_id=1,
        currency="EUR",
        total_incl_tax=incl,
        total_excl_tax=excl,
        shipping_method="Over the counter",
        shipping_code="counter",
        status="Delivered",
        guest_email=sold.email,
        date_placed=sold.placed_at,
    )


def _line(product: Any, info: Any, quantity: int) -> dict[str, Any]:
    incl, excl = info.price.incl_tax * quantity, info.price.excl_tax * quantity
    return {
        "product": product,
        "title": product.get_title(),
        "upc": product.upc,
        "partner": info.stockrecord.partner,
        "partner_name": info.stockrecord.partner.name,
        "partner_sku": info.stockrecord.partner_sku,
        "stockrecord": info.stockrecord,
        "quantity": quantity,
        "unit_price_incl_tax": info.price.incl_tax,
        "unit_price_excl_tax": info.price.excl_tax,
        "tax_code": info.price.tax_code,
        "line_price_incl_tax": incl,
        "line_price_excl_tax": excl,
        "line_price_before_discounts_incl_tax": incl,
        "line_price_before_discounts_excl_tax": excl,
        "status": "Delivered",
        "num_allocated": 0,
    }
