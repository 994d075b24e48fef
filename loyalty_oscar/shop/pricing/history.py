"""
What products cost before, for everybody and for each audience that paid less: written down on every change, at the
moments when sales and member prices begin and end, and each night, from the day of installation.

A reduction is told from the lowest price of the 30 days before it began (directive 98/6/EC, article 6a; CJEU
C-330/23), never from the price of the day before; of those prices that its reader could have had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from oscar.core.loading import get_class, get_model

from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.queries import remembered, versions

from ..models import PriceSpan
from ..storefront.visit import Visit
from .audiences import moments, visits_of
from .gate import set_gates
from .reductions import seen_of

BEFORE = timedelta(days=30)
CHUNK = 200
#: How far back moments are looked at when nobody knows when that was done last.
LOOK_BACK = timedelta(days=2)
#: The European Economic Area, where a reduction must be told from the lowest price of 30 days.
EEA = frozenset((
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
))  # fmt: skip
#: product id, currency, and the code of an audience ("" is everybody).
Key = tuple[int, str, str]


def is_told() -> bool:
    """
    Return whether reductions are told from the lowest price: as the store says, else where it sends goods to the EEA.

    A store that knows no countries is taken to do so (remembered for a minute).
    """
    if conf.LOWEST_PRICE is not None:
        return conf.LOWEST_PRICE
    return remembered(key="sends to the EEA", version=versions(), load=_sends_there)


def _sends_there() -> bool:
    countries = get_model("address", "Country").objects.using(write_db()).filter(is_shipping_country=True)
    known = set(countries.values_list("iso_3166_1_a2", flat=True))
    return not known or bool(known & EEA)


def record(*, prices: Mapping[Key, int], at: datetime, product_ids: Collection[int] = ()) -> int:
    """
    Write down prices in minor units; returns how many are new.

    What has not changed is left alone; what has changed ends at `at`, and so does what these products no longer cost
    anybody. Two queries and at most three writes, however many.
    """
    asked = {key[0] for key in prices} | set(product_ids)
    if not asked:
        return 0
    with transaction.atomic(using=write_db()):
        spans = PriceSpan.objects.using(write_db()).filter(is_current=True)
        there = spans.filter(product_id__in=asked).select_for_update()
        known = {(row.product_id, row.currency, row.audience): row for row in there}
        fresh = {key: minor for key, minor in prices.items() if key not in known or known[key].minor != minor}
        gone = [known[key] for key in known if key in fresh or (product_ids and key not in prices)]
        if of_this_moment := [row.pk for row in gone if row.starts_at >= at]:
            spans.filter(pk__in=of_this_moment).delete()  # it never held
        if ended := [row.pk for row in gone if row.starts_at < at]:
            spans.filter(pk__in=ended).update(is_current=None, ends_at=at)
        PriceSpan.objects.using(write_db()).bulk_create(
            PriceSpan(product_id=pk, currency=currency, audience=audience, minor=minor, starts_at=at)
            for (pk, currency, audience), minor in fresh.items()
        )
    return len(fresh)


def prices_now(*, products: Iterable[Any]) -> dict[Key, int]:
    """
    Return what these products cost now by the store's own strategy: everybody, and audiences that pay less or may buy
    what is closed to the others. Products that nobody can have at a price are not in it.
    """
    visits = {"": Visit(None), **visits_of(at=clock.now())}
    selector, found = get_class("partner.strategy", "Selector")(), {}
    strategies = {code: set_gates(strategy=selector.strategy(), visit=visit) for code, visit in visits.items()}
    for product in products:
        for code, strategy in strategies.items() if not product.is_parent else ():
            price = strategy.fetch_for_product(product).price
            if price.exists:
                minor = to_minor(amount=seen_of(price=price), currency=price.currency)
                public = found.get((product.pk, price.currency, ""))
                if not code or public is None or minor < public:
                    found[product.pk, price.currency, code] = minor
    return found


def record_all(*, at: datetime, product_ids: Collection[int] | None = None) -> Iterator[int]:
    """Write down the prices of all products (or of these) as they are at a moment, some hundred at a time."""
    products = get_model("catalogue", "Product").objects.using(write_db()).exclude(structure="parent").order_by("pk")
    products = products if product_ids is None else products.filter(pk__in=product_ids)
    # Oscar asks the class of each product, a variant's of its parent, whether its stock is counted.
    products = products.select_related("product_class", "parent__product_class").prefetch_related("stockrecords")
    last = 0
    while found := list(products.filter(pk__gt=last)[:CHUNK]):
        last = found[-1].pk
        later = _written_later({product.pk for product in found}, at)
        found = [product for product in found if product.pk not in later]
        with clock.at(at):
            yield record(prices=prices_now(products=found), at=at, product_ids=[product.pk for product in found])


def _written_later(product_ids: Collection[int], at: datetime) -> set[int]:
    """Return the products whose history goes on after a moment: nothing is written into the middle of it."""
    spans = PriceSpan.objects.using(write_db()).filter(Q(starts_at__gt=at) | Q(ends_at__gt=at))
    return set(spans.filter(product_id__in=product_ids).values_list("product_id", flat=True))


def record_some(*, product_ids: Collection[int], at: datetime) -> int:
    """Write down the prices of a few products that were just saved."""
    return sum(record_all(at=at, product_ids=product_ids))


def record_moments(*, since: datetime | None, at: datetime) -> Iterator[int]:
    """
    Write down what changed by the calendar alone after `since` (None = not known), each at its own moment.

    So a sale that began and ended between two nights, or while no job ran, is in the history to the second.
    """
    for moment, product_ids in moments(since=since or at - LOOK_BACK, until=at):
        yield from record_all(at=moment, product_ids=product_ids)


def lowest_at(*, wanted: Mapping[int, datetime], currency: str, audiences: Collection[str] = ("",)) -> dict[int, int]:
    """
    Return the lowest price of each product in the 30 days before a moment of its own (product id -> moment), in minor
    units, among what these audiences paid; products that nobody wrote down then are not in it. One query.
    """
    if not wanted:
        return {}
    db = write_db()
    written = connections[db].ops.adapt_datetimefield_value
    after, until = written(min(wanted.values()) - BEFORE), written(max(wanted.values()))
    spans = PriceSpan.objects.using(db).raw(
        _question(db, len(audiences), len(wanted)), [after, *audiences, currency, *wanted, until]
    )
    found: dict[int, int] = {}
    for span in spans:
        pk, before = span.product_id, wanted[span.product_id]
        if span.starts_at < before and (span.ends_at is None or span.ends_at > before - BEFORE):
            found[pk] = min(span.minor, found.get(pk, span.minor))
    return found


@lru_cache(maxsize=200)
def _question(db: str, audiences: int, products: int) -> str:
    """Put the statement together once for so many of each: for a list of products that takes longer than its answer."""
    day, some = clock.now(), [str(n) for n in range(audiences)]
    spans = PriceSpan.objects.using(db).filter(Q(ends_at=None) | Q(ends_at__gt=day), audience__in=some, currency="")
    spans = spans.filter(product_id__in=range(products), starts_at__lt=day)
    return str(spans.query.get_compiler(db).as_sql()[0])
