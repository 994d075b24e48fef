"""What a letter shows a member beside what it says: what goes with what they bought, and is theirs to buy."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from oscar.core.loading import get_class, get_model

from loyalty_oscar.journeys.together import KEPT, companions, in_turn
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import one_with, remembered, versions

from ..notices.letters import SiteRequest, site_of
from ..orders import statuses
from ..orders.facts import gather_orders
from ..pricing.gate import set_gates
from ..storefront.visit import Visit

#: Of so many orders of the shop, the newest, it is learned what goes with what.
LEARNED = 5_000
#: What a member has is known of so many orders, the newest.
ORDERS = 50
#: A letter shows so many products.
SHOWN = 3


def related(*, member: Member, order_id: int | None = None, most: int = SHOWN, at: datetime) -> list[Any]:
    """
    Return at most so many products that go with what a member kept of an order, or of all of theirs.

    Nothing that they bought or sent back, that is hidden or closed to them, or that is sold out. A variant counts as
    its parent, whose page shows it. Whatever the number of orders and products, a fixed number of queries.
    """
    if member.user_id is None:
        return []
    people = one_with(user_id=member.user_id, program_ids=[member.program_id])[member.program_id]
    theirs = get_model("order", "Order").objects.using(write_db()).filter(user_id__in=people).order_by("-pk")
    ids = list(theirs.values_list("pk", flat=True)[:ORDERS])
    orders = gather_orders(order_ids=ids, set_codes=(), at=at) if ids else []
    known = _pages(
        {line.product_id for order in orders for line in order.purchase.lines if line.product_id is not None}
    )
    kept = [page for order in reversed(orders) if order_id in (None, order.order_id) for page in _kept(order, known)]
    if not kept:
        return []
    near = in_turn(bought=kept, together=_together(), without=frozenset(known.values()), most=KEPT)
    return _for_sale(near, member)[:most]


def _kept(order: OrderFacts, known: dict[int, int]) -> Iterable[int]:
    """Yield the pages of what is left of an order."""
    for line in order.purchase.lines if not order.dead else ():
        if line.gone < line.quantity and line.product_id in known:
            yield known[line.product_id]


def _pages(product_ids: Collection[int]) -> dict[int, int]:
    """Return the product whose page shows each of these: a variant's is its parent. One query."""
    rows = get_model("catalogue", "Product").objects.using(write_db()).filter(pk__in=product_ids)
    return {pk: parent_id or pk for pk, parent_id in rows.values_list("pk", "parent_id")}


def _together() -> dict[int, tuple[int, ...]]:
    """Return what goes with each product, by what stayed of the shop's newest orders (remembered). Two queries."""
    return remembered(key="bought-together", version=versions(), load=lambda: companions(baskets=_baskets()))


def _baskets() -> Iterable[set[int]]:
    """Return the products of each order, without what came back."""
    orders = statuses.standing(orders=get_model("order", "Order").objects.using(write_db()))
    oldest = next(iter(orders.order_by("-pk").values_list("pk", flat=True)[LEARNED - 1 : LEARNED]), 0)
    lines = get_model("order", "Line").objects.using(write_db()).filter(order_id__gte=oldest, product__isnull=False)
    lines = lines.filter(order__in=orders.filter(pk__gte=oldest).order_by().values("pk"))
    lines = lines.exclude(statuses.said(column="status", words=conf.DEAD_LINE_STATUSES)).filter(
        ~_came_back("ShippingEventQuantity", conf.RETURN_EVENT_CODES),
        ~_came_back("PaymentEventQuantity", conf.REFUND_EVENT_CODES),
    )
    found: dict[int, set[int]] = {}
    for order_id, product_id, parent_id in lines.values_list("order_id", "product_id", "product__parent_id"):
        found.setdefault(order_id, set()).add(parent_id or product_id)
    return found.values()


def _came_back(model: str, codes: Iterable[str]) -> Exists:
    told = statuses.said(column="event__event_type__code", words=codes)
    return Exists(get_model("order", model).objects.using(write_db()).filter(told, line_id=OuterRef("pk")))


def _for_sale(product_ids: list[int], member: Member) -> list[Any]:
    """Return those of these products that a member finds and can buy, in this order."""
    visit = Visit(SiteRequest(site=site_of(member=member)), member.user, using=write_db())
    strategy = set_gates(strategy=get_class("partner.strategy", "Selector")().strategy(user=member.user), visit=visit)
    products = get_model("catalogue", "Product").objects.using(write_db())
    rows = products.browsable().base_queryset().filter(pk__in=product_ids)
    known = rows.prefetch_public_children(products.public().prefetch_related("stockrecords")).in_bulk()
    return [known[pk] for pk in product_ids if pk in known and _is_sold(known[pk], strategy)]


def _is_sold(product: Any, strategy: Any) -> bool:
    info = strategy.fetch_for_parent(product) if product.is_parent else strategy.fetch_for_product(product)
    return bool(info.price.exists and info.availability.is_available_to_buy)
