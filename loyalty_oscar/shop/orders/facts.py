"""Orders and baskets, translated: what Oscar's rows say, as plain facts, in bulk and always at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Sum, When
from oscar.core.loading import get_model

from loyalty_oscar.kernel.facts import LineFacts, LineState, OrderFacts, Purchase, delivery_of
from loyalty_oscar.kernel.rounding import spread
from loyalty_oscar.program import mailboxes
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.queries import terms_now
from loyalty_oscar.program.rows import find_rows

from ..models import OrderSync
from . import buyers, statuses
from .placed import (
    KEPT,
    NOTHING,
    Placed,
    codes_missing,
    codes_of,
    first_look,
    from_json,
    is_same_person,
    left,
    see_deleted,
    write_down,
)
from .product_sets import sets_of, ties, ties_now

#: The columns that count, so that a row is light to read and to carry.
ORDER = (
    *("pk", "number", "site_id", "user_id", "status", "currency", "date_placed"),
    *("shipping_incl_tax", "shipping_excl_tax", "guest_email"),
)
#: Marks of guests are compared with nothing but each other.
SALT = "loyalty_oscar.people.receipts"
LINE = (
    *("pk", "order_id", "product_id", "title", "quantity", "status"),
    *("line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax"),
)
#: order id, order (None = deleted), what is written down, lines, when it was final
_Look = tuple[int, Any, Placed, tuple[LineState, ...], datetime | None]


def gather_orders(
    *, order_ids: Iterable[int], set_codes: Iterable[str], at: datetime, marks: Mapping[int, OrderSync] | None = None
) -> list[OrderFacts]:
    """
    Return the facts of these orders: what was written down when each was first seen, or now is to be, and what is left
    of it. Writes nothing. One that was deleted since is dead, unless its return period was over.

    `marks` are those of the orders, if the caller has them. Two queries however many orders they are, one for the
    marks, and those that product sets ask for lines that nobody has seen yet.
    """
    ids, codes = list(order_ids), frozenset(set_codes)
    marks = marks_of(order_ids=ids) if marks is None else marks
    said = statuses.final_statuses(), statuses.earlier_statuses(), tuple(conf.DEAD_STATUSES)
    orders = {row.pk: row for row in find_rows(rows=_orders(write_db(), *said), column="pk", keys=ids)}
    known = {pk: placed for pk, mark in marks.items() if (placed := from_json(mark.placed))}
    # Rolled back, or deleted before anybody saw it, where it is neither there nor known.
    seen = [(pk, orders.get(pk), known.get(pk)) for pk in sorted(ids) if pk in orders or pk in known]
    there = [(pk, order, placed or first_look(order=order)) for pk, order, placed in seen]
    # Amounts are in the currency in which it was placed, whatever stands on the order by now.
    rows = _rows({pk: placed.currency for pk, order, placed in there if order})
    looks = [
        (pk, order, placed, tuple(rows.get(pk, ())), marks[pk].final_at if pk in marks else None)
        for pk, order, placed in there
    ]
    _write_parts_down(looks, codes)
    owners = _who_is_there(looks)
    return [_facts(*one, owners, at) for one in looks]


def placed_of(*, order: Any) -> Placed:
    """Return what was written down of an order, or would be now, without its lines. One query."""
    mark = marks_of(order_ids=[order.pk]).get(order.pk)
    return (from_json(mark.placed) if mark else None) or first_look(order=order)


def placed_products(*, order_id: int) -> frozenset[int | None]:
    """Return the products that were written down of an order, if somebody has looked at it. One query."""
    mark = marks_of(order_ids=[order_id]).get(order_id)
    placed = from_json(mark.placed) if mark else None
    return frozenset(part.product_id for part in placed.parts) if placed else frozenset()


def marks_of(*, order_ids: Iterable[int]) -> dict[int, OrderSync]:
    """Return the marks of these orders by order id. One query."""
    return {row.order_id: row for row in OrderSync.objects.using(write_db()).filter(order_id__in=list(order_ids))}


def _who_is_there(looks: Sequence[_Look]) -> frozenset[str]:
    """Return who placed orders that are not theirs now, and still has an account. One query, if any."""
    gone = {
        placed.user_id
        for _pk, order, placed, _rows, _final in looks
        if order and placed.user_id is not None and not is_same_person(placed=placed, user_id=order.user_id)
    }
    if not gone:
        return frozenset()
    rows = get_user_model()._default_manager.using(write_db()).filter(pk__in=gone)
    return frozenset(str(pk) for pk in rows.values_list("pk", flat=True))


def _write_parts_down(looks: Sequence[_Look], codes: frozenset[str]) -> None:
    """Write down lines, and product sets, that nobody has asked for yet. One query for each set, if there are any."""
    late = {order_id: left(placed=placed, rows=rows)[1] for order_id, _order, placed, rows, _final in looks}
    products: set[int | None] = set()
    wanted: frozenset[str] = frozenset()
    for order_id, _order, placed, _rows, _final in looks:
        if late[order_id] or codes_missing(placed=placed, codes=codes):
            products |= {part.product_id for part in (*placed.parts, *late[order_id])}
            wanted |= codes_of(placed=placed, codes=codes)
    if not products:
        return
    ranges = ties_now() if wanted else {}
    sets, known = sets_of(product_ids=products, codes=wanted, ranges=ranges), frozenset(ranges)
    for order_id, _order, placed, _rows, _final in looks:
        write_down(placed=placed, late=late[order_id], codes=codes, sets=sets, known_sets=known)


def _facts(
    order_id: int,
    order: Any,
    placed: Placed,
    rows: tuple[LineState, ...],
    seen: datetime | None,
    owners: frozenset[str],
    at: datetime,
) -> OrderFacts:
    if order is None:
        facts = _deleted(order_id, placed, seen, at)
    else:
        placed.gone_at, placed.came_to = None, ""
        if placed.user_id is None and order.user_id is not None:
            placed.user_id = order.user_id
            placed.is_first = order.loyalty_first in (None, order_id) and not order.loyalty_moved
        placed.is_moved = placed.user_id is not None and not is_same_person(placed=placed, user_id=order.user_id)
        charged, excl, _back = placed.delivery
        now = to_minor(amount=order.shipping_incl_tax, currency=placed.currency)
        placed.delivery = (charged, excl, max(0, charged - now))
        purchase = _purchase(placed, rows)
        placed.gone = tuple(line.gone for line in purchase.lines)
        placed.is_dead = statuses.is_dead(status=order.status)
        final_at = _final_at(order, seen, at)
        placed.counts = final_at is not None or statuses.counts(status=order.status)
        hold = timedelta(days=placed.terms.get("hold_days", 0))
        if seen and seen + hold <= at:
            final_at = seen  # Its return period was over before: that stays so, whatever becomes of the status.
        user_id = _owner(order, placed, owners)
        facts = OrderFacts(
            order_id=order_id,
            number=str(order.number),
            site_id=order.site_id,
            user_id=user_id,
            buyer=_buyer(order, placed, user_id),
            status=order.status,
            dead=placed.is_dead,
            final_at=final_at,
            counts=placed.counts,
            purchase=purchase,
            unit_id=placed.unit_id,
            terms=placed.terms,
            then=placed.then,
            parts=placed.parts,
            rows=rows,
        )
    return replace(facts, placed=placed, fingerprint=_fingerprint(facts, order))


def _owner(order: Any, placed: Placed, owners: frozenset[str]) -> Any:
    """
    Return whose order it is for the house: whoever placed it, also where it is somebody else's or nobody's since; None
    for one of a guest, or of somebody who has left.
    """
    if is_same_person(placed=placed, user_id=order.user_id):
        return order.user_id
    if placed.user_id is None or str(placed.user_id) not in owners:
        return None
    return get_user_model()._meta.pk.to_python(placed.user_id)


def _buyer(order: Any, placed: Placed, user_id: Any) -> str:
    if user_id is not None:
        return f"u:{user_id}"
    is_guest = placed.user_id is None and order.guest_email
    return mailboxes.mark_of(email=order.guest_email, salt=SALT) if is_guest else ""


def _purchase(placed: Placed, rows: tuple[LineState, ...]) -> Purchase:
    return Purchase(
        currency=placed.currency,
        placed_at=placed.placed_at,
        lines=left(placed=placed, rows=rows)[0],
        # Of a guest's nobody knows yet: it may be.
        is_first=placed.is_first is not False,
        known_sets=placed.known_sets,
        delivery=delivery_of(
            paid_minor=placed.delivery[0], paid_excl_minor=placed.delivery[1], back_minor=placed.delivery[2]
        ),
    )


def _deleted(order_id: int, placed: Placed, final_at: datetime | None, at: datetime) -> OrderFacts:
    """
    Return what a deleted order is: nothing, as if it never was; once its return period was over, what it was. One that
    staff keep though it was never final is so since it is gone.
    """
    see_deleted(placed=placed, final_at=final_at, at=at)
    final_at = final_at or (placed.gone_at if placed.came_to == KEPT else None)
    purchase = _purchase(placed, ())
    # What had come back before stays so; parts that nobody has looked at since have all their pieces.
    gone = (*placed.gone, *[0] * len(placed.parts))
    whole = tuple(replace(line, gone=back) for line, back in zip(purchase.lines, gone, strict=False))
    return OrderFacts(
        order_id=order_id,
        number=placed.number,
        site_id=placed.site_id,
        user_id=None if placed.user_id is None else get_user_model()._meta.pk.to_python(placed.user_id),
        status="",
        dead=placed.came_to == NOTHING,
        final_at=final_at,
        purchase=replace(purchase, lines=whole),
        unit_id=placed.unit_id,
        terms=placed.terms,
        then=placed.then,
        is_deleted=True,
        counts=placed.counts,
        parts=placed.parts,
    )


def _fingerprint(order: OrderFacts, row: Any) -> str:
    """Return 32 characters that change whenever the facts of an order do (titles of products apart)."""
    bought = order.purchase
    plain = (
        (order.order_id, order.number, order.site_id, order.user_id, row.user_id if row else None),
        (order.status, order.dead, order.final_at, order.is_deleted, order.counts, bought.currency, bought.placed_at),
        [(i.line_id, i.product_id, i.quantity, i.gone, i.paid_minor, i.list_minor) for i in order.rows],
        [(i.line_id, i.gone, i.withdrawn_minor) for i in bought.lines],
        bought.delivery and bought.delivery.gone,
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
    changes = (
        get_model("order", "OrderStatusChange")
        .objects.using(write_db())
        .filter(came & ~was | left, order_id=OuterRef("pk"))
    )
    last = changes.annotate(moment=Case(When(came, then="date_created"))).order_by("-date_created", "-pk")
    own = buyers.placed_by(orders=orders, user_id=OuterRef("user_id"))
    # One that is looked at first while it is dead may stand again, and is asked no more whether it was the first.
    stands = ~statuses.said(column="status", words=dead) | Q(pk=OuterRef("pk"))
    own = own.filter(stands).order_by("date_placed", "pk")
    moved = buyers.moved_from(orders=orders, user_id=OuterRef(OuterRef("user_id")))
    moved = moved.filter(date_placed__lt=OuterRef("date_placed")).order_by()
    return orders.annotate(
        loyalty_final=Subquery(last.values("moment")[:1]),
        loyalty_first=Subquery(own.values("pk")[:1]),
        loyalty_moved=Exists(moved.exclude(statuses.said(column="status", words=dead))),
    ).values_list(*ORDER, "loyalty_final", "loyalty_first", "loyalty_moved", named=True)


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
    events = get_model("order", model).objects.using(write_db()).filter(told, line_id=OuterRef("pk"))
    return Subquery(events.order_by().values("line_id").annotate(units=Sum("quantity")).values("units"))


@lru_cache(maxsize=8)
def _line_rows(db: str, returned: tuple[str, ...], refunded: tuple[str, ...]) -> QuerySet[Any]:
    """Lines, each with the units that events of these types speak of."""
    lines = get_model("order", "Line").objects.using(db).order_by("pk")
    return lines.annotate(
        loyalty_returned=_units("ShippingEventQuantity", returned),
        loyalty_refunded=_units("PaymentEventQuantity", refunded),
    ).values_list(*LINE, "loyalty_returned", "loyalty_refunded", named=True)


def _rows(currencies: Mapping[int, str]) -> dict[int, list[LineState]]:
    """Return the lines of these orders. Gone is the most that returns or refunds say: one unit may be both."""
    lines = _line_rows(write_db(), tuple(conf.RETURN_EVENT_CODES), tuple(conf.REFUND_EVENT_CODES))
    found: dict[int, list[LineState]] = {order_id: [] for order_id in currencies}
    for row in find_rows(rows=lines, column="order_id", keys=list(currencies)):
        dead = statuses.is_dead_line(status=row.status)
        gone = max(row.loyalty_returned or 0, row.loyalty_refunded or 0)
        currency = currencies[row.order_id]
        found[row.order_id].append(
            LineState(
                line_id=row.pk,
                product_id=row.product_id,
                title=row.title,
                quantity=row.quantity,
                paid_minor=to_minor(amount=row.line_price_incl_tax, currency=currency),
                paid_excl_minor=to_minor(amount=row.line_price_excl_tax, currency=currency),
                list_minor=to_minor(amount=row.line_price_before_discounts_incl_tax, currency=currency),
                gone=row.quantity if dead else min(gone, row.quantity),
            )
        )
    return {order_id: _without_discount_lines(rows) for order_id, rows in found.items()}


def _without_discount_lines(rows: list[LineState]) -> list[LineState]:
    """
    Take off the other lines, by what they cost, what a line below zero takes off an order: ERPs and tills write
    discounts so. It is no goods itself.
    """
    goods = [row for row in rows if row.paid_minor >= 0]
    if len(goods) == len(rows):
        return rows
    incl = _taken_off(rows, [row.paid_minor for row in goods], "paid_minor")
    excl = _taken_off(rows, [row.paid_excl_minor for row in goods], "paid_excl_minor")
    return [
        replace(row, paid_minor=paid, paid_excl_minor=bare) for row, paid, bare in zip(goods, incl, excl, strict=True)
    ]


def _taken_off(rows: Iterable[LineState], amounts: Sequence[int], name: str) -> list[int]:
    off = max(0, -sum(getattr(row, name) for row in rows if row.paid_minor < 0))
    parts = spread(total=min(off, sum(amounts)), weights=amounts)
    return [amount - part for amount, part in zip(amounts, parts, strict=True)]


def gather_basket(*, basket: Any, set_codes: Iterable[str], at: datetime, is_first: bool) -> Purchase:
    """Return a basket as a purchase that would be made now, after the discounts that Oscar applied to it."""
    codes = frozenset(set_codes)
    lines = [line for line in basket.all_lines() if line.purchase_info.price.exists]
    ranges = ties() if codes else {}
    sets = sets_of(product_ids=[line.product_id for line in lines], codes=codes, ranges=ranges)
    return Purchase(
        currency=basket.currency or "",
        placed_at=at,
        is_first=is_first,
        known_sets=frozenset(ranges),
        lines=tuple(_basket_line(line, basket.currency, sets) for line in lines),
    )


def if_placed(*, purchase: Purchase, user_id: Any, unit: Unit) -> OrderFacts:
    """Return the order that a purchase would be if somebody placed it now; its key is 0."""
    return OrderFacts(
        order_id=0,
        number="",
        site_id=None,
        user_id=user_id,
        status="",
        dead=False,
        final_at=None,
        purchase=purchase,
        unit_id=unit.pk,
        terms=terms_now(program=unit.program),
        is_new=True,
    )


def delivery_priced(*, charge: Any) -> LineFacts | None:
    """Return what a delivery that costs this (a price of Oscar's) is in a purchase; None where it costs nothing."""
    shown = charge.incl_tax if charge.is_tax_known else charge.excl_tax
    minor, excl = (to_minor(amount=amount, currency=charge.currency) for amount in (shown, charge.excl_tax))
    return delivery_of(paid_minor=minor, paid_excl_minor=excl)


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
