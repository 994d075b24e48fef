"""Orders and baskets, translated: what Oscar's rows say, as plain facts, in bulk and always at a moment."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Min, Sum
from oscar.core.loading import get_model

from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.money import to_minor

from . import statuses
from .product_sets import sets_of, ties


def gather_orders(
    *, order_ids: Iterable[int], set_codes: Iterable[str], at: datetime, seen_final: Mapping[int, datetime]
) -> list[OrderFacts]:
    """
    Return the facts of these orders, in a number of queries that does not grow with them.

    `seen_final` is when an order was first seen in its final status, for shops that keep no history of
    statuses; an order seen so for the first time counts from `at`.
    """
    orders = list(get_model("order", "Order").objects.using(write_db()).filter(pk__in=list(order_ids)).order_by("pk"))
    ids = [order.pk for order in orders]
    lines = _lines(
        ids, gone=_units_gone(ids), set_codes=frozenset(set_codes), currencies={o.pk: o.currency for o in orders}
    )
    changes = _final_changes(ids)
    first = _first_orders([order.user_id for order in orders if order.user_id])
    known = frozenset(ties()) if set_codes else frozenset()
    return [
        OrderFacts(
            order_id=order.pk,
            number=str(order.number),
            site_id=order.site_id,
            user_id=order.user_id,
            status=order.status,
            dead=statuses.is_dead(status=order.status),
            final_at=_final_at(order, changes.get(order.pk), seen_final.get(order.pk), at),
            purchase=Purchase(
                currency=order.currency,
                placed_at=order.date_placed,
                lines=tuple(lines[order.pk]),
                is_first=order.date_placed <= first.get(order.user_id, order.date_placed),
                known_sets=known,
            ),
        )
        for order in orders
    ]


def fingerprint(*, order: OrderFacts) -> str:
    """Return 32 characters that change whenever the facts of an order do (titles of products apart)."""
    lines = tuple(replace(line, title="", sets=frozenset()) for line in order.purchase.lines)
    plain = replace(order, purchase=replace(order.purchase, lines=lines, known_sets=frozenset()))
    return hashlib.blake2b(repr(plain).encode(), digest_size=16).hexdigest()


def _final_at(order: Any, changed: datetime | None, seen: datetime | None, at: datetime) -> datetime | None:
    if statuses.is_dead(status=order.status):
        return seen
    if not statuses.pipeline() and not conf.READY_STATUS:
        return order.date_placed
    if changed is not None:
        return changed
    if order.status in statuses.final_statuses():
        return seen or at
    return seen


def _final_changes(order_ids: Sequence[int]) -> dict[int, datetime]:
    final = statuses.final_statuses()
    if not final:
        return {}
    rows = get_model("order", "OrderStatusChange").objects.using(write_db())
    rows = rows.filter(order_id__in=order_ids, new_status__in=final)
    return dict(rows.order_by().values_list("order_id").annotate(Min("date_created")))


def _first_orders(user_ids: Iterable[Any]) -> dict[Any, datetime]:
    """Return the moment of each person's first order that came to something."""
    rows = get_model("order", "Order").objects.using(write_db()).filter(user_id__in=set(user_ids))
    rows = rows.exclude(status__in=conf.DEAD_STATUSES)
    return dict(rows.order_by().values_list("user_id").annotate(Min("date_placed")))


def _units_gone(order_ids: Sequence[int]) -> dict[int, int]:
    """Return units gone by line: the most that returns or refunds say, never their sum (one unit may be both)."""
    gone: dict[int, int] = defaultdict(int)
    for model, codes in (
        ("ShippingEventQuantity", conf.RETURN_EVENT_CODES),
        ("PaymentEventQuantity", conf.REFUND_EVENT_CODES),
    ):
        rows = get_model("order", model).objects.using(write_db())
        rows = rows.filter(line__order_id__in=order_ids, event__event_type__code__in=codes)
        for line_id, units in rows.order_by().values_list("line_id").annotate(Sum("quantity")):
            gone[line_id] = max(gone[line_id], units)
    return gone


def _lines(
    order_ids: Sequence[int], *, gone: Mapping[int, int], set_codes: frozenset[str], currencies: Mapping[int, str]
) -> dict[int, list[LineFacts]]:
    rows = list(get_model("order", "Line").objects.using(write_db()).filter(order_id__in=order_ids).order_by("pk"))
    sets = sets_of(product_ids=[row.product_id for row in rows], codes=set_codes) if set_codes else {}
    found: dict[int, list[LineFacts]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        dead = row.status in conf.DEAD_LINE_STATUSES
        currency = currencies[row.order_id]
        found[row.order_id].append(
            LineFacts(
                line_id=row.pk,
                product_id=row.product_id,
                title=row.title,
                quantity=row.quantity,
                paid_minor=to_minor(amount=row.line_price_incl_tax, currency=currency),
                paid_excl_minor=to_minor(amount=row.line_price_excl_tax, currency=currency),
                gone=row.quantity if dead else min(gone.get(row.pk, 0), row.quantity),
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
