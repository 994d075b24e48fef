"""What the oracle reads: the shop's own rows, as plain values. Oscar's tables and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from oscar.core.loading import get_model

DEAD, FINAL = frozenset({"Cancelled"}), "Delivered"
RETURNED, REFUNDED = ("returned",), ("refunded",)
GIFT = "loyalty-gift"


@dataclass(frozen=True, kw_only=True, slots=True)
class LineRow:
    """
    A line as it stands in the shop: `gone` are the pieces that its status or its events say came back. A gift is marked
    by an option, which a line that staff enter again has no more.
    """

    line: int
    product: int | None
    title: str
    quantity: int
    gone: int
    incl: int
    excl: int
    before: int
    is_gift: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderRow:
    """An order as it stands in the shop; `finals` are the moments at which its history says that it was delivered."""

    order: int
    user: int | None
    status: str
    placed_at: datetime
    basket: int | None
    changes: tuple[tuple[datetime, str], ...]
    lines: tuple[LineRow, ...]


def cents(amount: Decimal) -> int:
    """Return money as cents."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def orders(ids: Iterable[int]) -> dict[int, OrderRow]:
    """Return these orders, those that are there, by key."""
    wanted = sorted(set(ids))
    changes: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    history = get_model("order", "OrderStatusChange").objects.filter(order_id__in=wanted).order_by("date_created", "pk")
    for order, moment, status in history.values_list("order_id", "date_created", "new_status"):
        changes[order].append((moment, status))
    lines = _lines(wanted)
    rows = get_model("order", "Order").objects.filter(pk__in=wanted).order_by("pk")
    return {
        pk: OrderRow(
            order=pk, user=user, status=status, placed_at=placed_at, basket=basket, changes=tuple(changes[pk]),
            lines=tuple(lines[pk]),
        )
        for pk, user, status, placed_at, basket in rows.values_list(
            "pk", "user_id", "status", "date_placed", "basket_id"
        )
    }  # fmt: skip


def _lines(ids: list[int]) -> dict[int, list[LineRow]]:
    returned = _spoken_of("ShippingEventQuantity", RETURNED, ids)
    refunded = _spoken_of("PaymentEventQuantity", REFUNDED, ids)
    found: dict[int, list[LineRow]] = defaultdict(list)
    marks = get_model("order", "LineAttribute").objects.filter(line__order_id__in=ids, option__code=GIFT)
    gifts = set(marks.order_by().values_list("line_id", flat=True))
    rows = get_model("order", "Line").objects.filter(order_id__in=ids).order_by("pk")
    for pk, order, product, title, quantity, status, incl, excl, before in rows.values_list(
        *("pk", "order_id", "product_id", "title", "quantity", "status"),
        *("line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax"),
    ):
        gone = quantity if status in DEAD else min(quantity, max(returned.get(pk, 0), refunded.get(pk, 0)))
        told = {"incl": cents(incl), "excl": cents(excl), "before": cents(before), "is_gift": pk in gifts}
        found[order].append(LineRow(line=pk, product=product, title=title, quantity=quantity, gone=gone, **told))
    return found


def _spoken_of(model: str, codes: tuple[str, ...], ids: list[int]) -> dict[int, int]:
    """Return how many pieces of a line such events speak of."""
    found: dict[int, int] = defaultdict(int)
    rows = get_model("order", model).objects.filter(line__order_id__in=ids, event__event_type__code__in=codes)
    for line, quantity in rows.order_by().values_list("line_id", "quantity"):
        found[line] += quantity
    return found


def standing(user: int) -> list[tuple[datetime, int]]:
    """Return somebody's orders that came to something: when they were placed, and their keys."""
    rows = get_model("order", "Order").objects.filter(user_id=user).exclude(status__in=DEAD)
    return list(rows.values_list("date_placed", "pk"))


def statuses() -> dict[int, str]:
    """Return what every order is now, by key, whether anybody was told or not."""
    return dict(get_model("order", "Order").objects.values_list("pk", "status"))


def delivered(user: int, product: int) -> set[int]:
    """Return the orders that brought somebody a product, by key, whether anybody was told or not."""
    lines = get_model("order", "Line").objects.filter(order__user_id=user, order__status=FINAL, product_id=product)
    return set(lines.values_list("order_id", flat=True))


def bought_before(user: int, moment: datetime) -> set[int]:
    """Return what somebody has bought from this account before a moment, by key."""
    rows = get_model("order", "Order").objects.filter(user_id=user, date_placed__lt=moment)
    return set(rows.exclude(status__in=DEAD).values_list("pk", flat=True))


def since(user: int, moment: datetime) -> list[int]:
    """Return the orders of somebody since a moment, by key."""
    rows = get_model("order", "Order").objects.filter(user_id=user, date_placed__gte=moment)
    return sorted(rows.values_list("pk", flat=True))


def all_since(moment: datetime) -> list[int]:
    """Return all orders since a moment, by key."""
    return sorted(get_model("order", "Order").objects.filter(date_placed__gte=moment).values_list("pk", flat=True))


def in_range(range_id: int) -> frozenset[int]:
    """Return the products that stand in one of Oscar's ranges."""
    rows = get_model("offer", "RangeProduct").objects.filter(range_id=range_id)
    return frozenset(rows.values_list("product_id", flat=True))


def reviews_of(user: int) -> set[int]:
    """Return the products that somebody's approved reviews are about."""
    rows = get_model("reviews", "ProductReview").objects.filter(user_id=user, status=1)
    return set(rows.values_list("product_id", flat=True))
