"""Orders and baskets, translated: what Oscar's rows say, as plain facts, in bulk and always at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, Sum, When
from oscar.core.loading import get_model

from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.money import to_minor

from . import statuses
from .product_sets import sets_of, ties

#: The columns that count, so that a row is light to read and to carry.
ORDER = ("pk", "number", "site_id", "user_id", "status", "currency", "date_placed")
LINE = (
    *("pk", "order_id", "product_id", "title", "quantity", "status"),
    *("line_price_incl_tax", "line_price_excl_tax"),
)


def gather_orders(
    *, order_ids: Iterable[int], set_codes: Iterable[str], at: datetime, seen_final: Mapping[int, datetime]
) -> list[OrderFacts]:
    """
    Return the facts of these orders. Two queries however many they are, those that product sets ask for,
    and one where something of them is gone.

    `seen_final` is since when an order was seen in its final status, for shops that keep no history of
    statuses; an order seen so for the first time counts from `at`.
    """
    final, earlier = statuses.final_statuses(), statuses.earlier_statuses()
    orders = list(_orders(write_db(), final, earlier, tuple(conf.DEAD_STATUSES)).filter(pk__in=list(order_ids)))
    lines = _lines(set_codes=frozenset(set_codes), currencies={order.pk: order.currency for order in orders})
    known = frozenset(ties()) if set_codes else frozenset()
    ends = {order.pk: _final_at(order, seen_final.get(order.pk), at) for order in orders}
    found = [
        OrderFacts(
            order_id=order.pk,
            number=str(order.number),
            site_id=order.site_id,
            user_id=order.user_id,
            status=order.status,
            dead=statuses.is_dead(status=order.status),
            final_at=ends[order.pk],
            counts=ends[order.pk] is not None or statuses.counts(status=order.status),
            purchase=Purchase(
                currency=order.currency,
                placed_at=order.date_placed,
                lines=tuple(lines[order.pk]),
                is_first=order.loyalty_first in (None, order.pk),
                known_sets=known,
            ),
        )
        for order in orders
    ]
    return with_payers(found)


def with_payers(orders: Sequence[OrderFacts]) -> list[OrderFacts]:
    """Tell, of customers whose orders came to less, which baskets they are paying for now. At most one query."""
    users = {order.user_id for order in orders if order.has_gone and order.user_id is not None}
    if not users:
        return list(orders)
    basket = get_model("basket", "Basket")
    # One whose order was declined may be paid for again; where an order has used its points, none are set aside.
    frozen = basket.objects.using(write_db()).filter(owner_id__in=users, status=basket.FROZEN)
    paying: dict[Any, set[str]] = {}
    for owner, pk in frozen.values_list("owner_id", "pk"):
        paying.setdefault(owner, set()).add(f"basket:{pk}")
    return [replace(order, paying=frozenset(paying.get(order.user_id, ()))) for order in orders]


def fingerprint(*, order: OrderFacts) -> str:
    """Return 32 characters that change whenever the facts of an order do (titles of products apart)."""
    bought = order.purchase
    plain = (
        (order.order_id, order.number, order.site_id, order.user_id, order.status, order.dead, order.final_at),
        (bought.currency, bought.placed_at, bought.is_first, *(() if order.counts else ("waits",))),
        [(i.line_id, i.product_id, i.quantity, i.gone, i.paid_minor, i.paid_excl_minor) for i in bought.lines],
    )
    return hashlib.blake2b(repr(plain).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=8)
def _orders(db: str, final: frozenset[str], earlier: frozenset[str], dead: tuple[str, ...]) -> QuerySet[Any]:
    """
    Orders, each with the moment of its last final status that was not taken back, and the key of its customer's first
    order that came to something. Building the query takes longer than asking it, so it is built once.
    """
    orders = get_model("order", "Order").objects.using(db).order_by("pk")
    came, left, was = (
        statuses.said(column=column, words=words)
        for column, words in (("new_status", final), ("new_status", earlier), ("old_status", final))
    )
    changes = get_model("order", "OrderStatusChange").objects.filter(came & ~was | left, order_id=OuterRef("pk"))
    last = changes.annotate(moment=Case(When(came, then="date_created"))).order_by("-date_created", "-pk")
    others = orders.filter(user_id=OuterRef("user_id")).exclude(statuses.said(column="status", words=dead))
    return orders.annotate(
        loyalty_final=Subquery(last.values("moment")[:1]),
        loyalty_first=Subquery(others.order_by("date_placed", "pk").values("pk")[:1]),
    ).values_list(*ORDER, "loyalty_final", "loyalty_first", named=True)


def _final_at(order: Any, seen: datetime | None, at: datetime) -> datetime | None:
    """Return when an order became final, as far as history or we know; None once that was taken back."""
    if statuses.is_dead(status=order.status):
        return seen
    if not statuses.pipeline() and not conf.READY_STATUS:
        return order.date_placed
    if statuses.is_among(word=order.status, words=statuses.final_statuses()):
        return order.loyalty_final or seen or at
    if statuses.is_among(word=order.status, words=statuses.earlier_statuses()):
        return None
    return order.loyalty_final or seen


def _units(model: str, codes: Iterable[str]) -> Subquery:
    """How many units of a line the events of these types speak of."""
    told = statuses.said(column="event__event_type__code", words=codes)
    events = get_model("order", model).objects.filter(told, line_id=OuterRef("pk"))
    return Subquery(events.order_by().values("line_id").annotate(units=Sum("quantity")).values("units"))


@lru_cache(maxsize=8)
def _line_rows(db: str, returned: tuple[str, ...], refunded: tuple[str, ...]) -> QuerySet[Any]:
    """Lines, each with the units that events of these types speak of."""
    lines = get_model("order", "Line").objects.using(db).order_by("pk")
    return lines.annotate(
        loyalty_returned=_units("ShippingEventQuantity", returned),
        loyalty_refunded=_units("PaymentEventQuantity", refunded),
    ).values_list(*LINE, "loyalty_returned", "loyalty_refunded", named=True)


def _lines(*, set_codes: frozenset[str], currencies: Mapping[int, str]) -> dict[int, list[LineFacts]]:
    """Return the lines of these orders. Gone is the most that returns or refunds say: one unit may be both."""
    lines = _line_rows(write_db(), tuple(conf.RETURN_EVENT_CODES), tuple(conf.REFUND_EVENT_CODES))
    rows = list(lines.filter(order_id__in=list(currencies)))
    sets = sets_of(product_ids=[row.product_id for row in rows], codes=set_codes) if set_codes else {}
    found: dict[int, list[LineFacts]] = {order_id: [] for order_id in currencies}
    for row in rows:
        dead = statuses.is_dead_line(status=row.status)
        gone = max(row.loyalty_returned or 0, row.loyalty_refunded or 0)
        currency = currencies[row.order_id]
        found[row.order_id].append(
            LineFacts(
                line_id=row.pk,
                product_id=row.product_id,
                title=row.title,
                quantity=row.quantity,
                paid_minor=to_minor(amount=row.line_price_incl_tax, currency=currency),
                paid_excl_minor=to_minor(amount=row.line_price_excl_tax, currency=currency),
                gone=row.quantity if dead else min(gone, row.quantity),
                sets=sets.get(row.product_id, frozenset()),
            )
        )
    return found


def gather_basket(*, basket: Any, set_codes: Iterable[str], at: datetime, is_first: bool) -> Purchase:
    """Return a basket as a purchase that would be made now, after the discounts that Oscar applied to it."""
    codes = frozenset(set_codes)
    lines = [line for line in basket.all_lines() if line.purchase_info.price.exists]
    sets = sets_of(product_ids=[line.product_id for line in lines], codes=codes) if codes else {}
    return Purchase(
        currency=basket.currency or "",
        placed_at=at,
        is_first=is_first,
        known_sets=frozenset(ties()) if codes else frozenset(),
        lines=tuple(_basket_line(line, basket.currency, sets) for line in lines),
    )


def _basket_line(line: Any, currency: str, sets: Mapping[int, frozenset[str]]) -> LineFacts:
    excl = line.line_price_excl_tax_incl_discounts
    shown = line.line_price_incl_tax_incl_discounts if line.is_tax_known else excl
    return LineFacts(
        line_id=line.pk,
        product_id=line.product_id,
        title=line.product.get_title(),
        quantity=line.quantity,
        paid_minor=to_minor(amount=shown, currency=currency),
        paid_excl_minor=to_minor(amount=excl, currency=currency),
        sets=sets.get(line.product_id, frozenset()),
    )
