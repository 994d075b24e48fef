"""Exclusive sales of the Paw Club: one that runs, for Gold so far, and one that nobody below Gold knows of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.tiers.models import Standing

from .catalogue import picture
from .levels import GOLD, SILVER
from .timeline import CLOSED_FOR, Happening, Purchase, ten_oclock

#: Each sale: days from today on which it is announced, opens by rank (seen, bought), opens to everybody and ends.
TRAIL = {
    "code": "first-on-the-trail",
    "name": "First on the trail",
    "text": "Our carrier backpack for small dogs. Gold walks ahead, Silver follows, then everybody.",
    "mode": Sale.Mode.LOCK,
    "percent": 20,
    "quota": 20,
    "per_member": 2,
}
TRAIL_UPC, TRAIL_DAYS = "40-2210-EXP", {"announced": -7, GOLD: (-7, -2), SILVER: (-7, 1), "public": 3, "ends": 10}
NEST = {
    "code": "under-the-stars",
    "name": "Under the stars",
    "text": "A cave for one winter: 60 pieces, sewn in Augsburg. Please do not tell the cat yet.",
    "mode": Sale.Mode.HIDE,
    "percent": 15,
    "quota": 60,
    "per_member": 1,
}
NEST_UPC, NEST_DAYS = "41-5140-STA", {"announced": -3, GOLD: (-1, 2), SILVER: (1, 4), "public": 6, "ends": 20}
#: What six Gold members bought in the first hours of the running sale.
TAKEN = (2, 1, 2, 1, 2, 1)


def closed() -> frozenset[str]:
    """Return the articles that nobody buys in the last days, because a sale keeps them."""
    return frozenset({TRAIL_UPC, NEST_UPC})


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Announce both sales, and let the first Gold members buy."""
    for fields, upc, days in ((TRAIL, TRAIL_UPC, TRAIL_DAYS), (NEST, NEST_UPC, NEST_DAYS)):
        at = ten_oclock(today=today, days=days["announced"])
        assert at > today - CLOSED_FOR
        yield Happening(at=at, do=partial(_announce, fields, upc, days, today))
    for number, quantity in enumerate(TAKEN):
        at = ten_oclock(today=today, days=TRAIL_DAYS[GOLD][1]) + timedelta(minutes=7 + 23 * number)
        yield Happening(at=at, do=partial(_buy, number, quantity))


def _announce(fields: dict[str, Any], upc: str, days: dict[Any, Any], today: datetime, player: Any, at: datetime):
    def on(day: int) -> datetime:
        return ten_oclock(today=today, days=day)

    range_ = get_model("offer", "Range").objects.create(slug=fields["code"], name=fields["name"])
    range_.add_product(player.products[upc])
    products = ProductSet.objects.create(code=fields["code"], name=fields["name"])
    ProductSetRange.objects.create(product_set=products, range=range_)
    sale = Sale.objects.create(
        program=Program.objects.get(code="paw-club"),
        product_set=products,
        picture=picture(upc),
        public_from=on(days["public"]),
        ends_at=on(days["ends"]),
        is_on=True,
        **fields,
    )
    for rank in (GOLD, SILVER):
        seen, bought = days[rank]
        Door.objects.create(sale=sale, rank=rank, seen_from=on(seen), buys_from=on(bought))
    forget_cache()


def _buy(number: int, quantity: int, player: Any, at: datetime) -> None:
    """Let the next of the Gold members buy; there are fewer in some years, and then fewer pieces are gone."""
    gold = Standing.objects.filter(is_current=True, rank=GOLD).exclude(member__user__email="gold@example.com")
    emails = list(gold.order_by("member").values_list("member__user__email", flat=True))
    if number < len(emails):
        lines = ((TRAIL_UPC, quantity),)
        player.place(Purchase(email=emails[number], guest=False, placed_at=at, lines=lines), at=at)
