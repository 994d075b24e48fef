"""
What products cost before: written down on every change and each night, from the day of installation.

A reduction is told from the lowest price of the 30 days before it began (directive 98/6/EC, article 6a; CJEU
C-330/23), never from the price of the day before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min, Q
from oscar.core.loading import get_class, get_model

from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.money import to_minor

from .gate import set_gates
from .models import PriceSpan

BEFORE = timedelta(days=30)
CHUNK = 200
Key = tuple[int, str, str]


def record(*, prices: Mapping[Key, int], at: datetime) -> int:
    """
    Write down prices: (product id, currency, audience) -> minor units; returns how many are new.

    What has not changed is left alone; what has changed ends at `at`. Two queries and two writes, however many.
    """
    if not prices:
        return 0
    with transaction.atomic(using=write_db()):
        spans = PriceSpan.objects.using(write_db()).filter(is_current=True)
        there = spans.filter(product_id__in={key[0] for key in prices}).select_for_update()
        known = {(row.product_id, row.currency, row.audience): row for row in there}
        fresh = {key: minor for key, minor in prices.items() if key not in known or known[key].minor != minor}
        ended = [known[key].pk for key in fresh if key in known]
        if ended:
            spans.filter(pk__in=ended).update(is_current=None, ends_at=at)
        PriceSpan.objects.using(write_db()).bulk_create(
            PriceSpan(product_id=pk, currency=currency, audience=audience, minor=minor, starts_at=at)
            for (pk, currency, audience), minor in fresh.items()
        )
    return len(fresh)


def prices_now(*, products: Iterable[Any]) -> dict[Key, int]:
    """
    Return what everybody pays for these products now, by the store's own strategy and in sales that are open to all;
    products without a price, or closed to the public, are not in it.
    """
    strategy, found = set_gates(strategy=get_class("partner.strategy", "Selector")().strategy(), visit=None), {}
    for product in products:
        if not product.is_parent:
            price = strategy.fetch_for_product(product).price
            if price.exists:
                seen = price.incl_tax if price.is_tax_known else price.excl_tax
                found[product.pk, price.currency, ""] = to_minor(amount=seen, currency=price.currency)
    return found


def record_all(*, at: datetime) -> Iterator[int]:
    """Write down the prices of all products that changed without a signal, some hundred at a time."""
    products = get_model("catalogue", "Product").objects.exclude(structure="parent").order_by("pk")
    last = 0
    while found := list(products.filter(pk__gt=last).prefetch_related("stockrecords")[:CHUNK]):
        last = found[-1].pk
        yield record(prices=prices_now(products=found), at=at)


def record_some(*, product_ids: Sequence[int], at: datetime) -> int:
    """Write down the prices of a few products that were just saved."""
    products = get_model("catalogue", "Product").objects.filter(pk__in=product_ids).prefetch_related("stockrecords")
    return record(prices=prices_now(products=products), at=at)


def lowest(*, product_ids: Iterable[int], currency: str, before: datetime, audience: str = "") -> dict[int, int]:
    """
    Return the lowest price of each product in the 30 days before a moment, in minor units, among what everybody and
    this audience paid; products that nobody wrote down then are not in it. One query.
    """
    start = before - BEFORE
    spans = PriceSpan.objects.filter(product_id__in=list(product_ids), currency=currency, starts_at__lt=before)
    spans = spans.filter(Q(ends_at=None) | Q(ends_at__gt=start), audience__in={"", audience})
    return dict(spans.order_by().values_list("product_id").annotate(minor=Min("minor")))


def lowest_at(*, wanted: Mapping[int, tuple[datetime, str]], currency: str) -> dict[int, int]:
    """
    Return the lowest price of each product in the 30 days before a moment of its own, as `lowest` does: product id ->
    (moment, audience). One query for all of them.
    """
    if not wanted:
        return {}
    moments = [moment for moment, _audience in wanted.values()]
    spans = PriceSpan.objects.filter(product_id__in=wanted, currency=currency, starts_at__lt=max(moments))
    spans = spans.filter(Q(ends_at=None) | Q(ends_at__gt=min(moments) - BEFORE))
    found: dict[int, int] = {}
    for span in spans:
        before, audience = wanted[span.product_id]
        is_then = span.starts_at < before and (span.ends_at is None or span.ends_at > before - BEFORE)
        if is_then and span.audience in ("", audience):
            found[span.product_id] = min(span.minor, found.get(span.product_id, span.minor))
    return found
