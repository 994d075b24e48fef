"""Which products are in which product sets: Oscar's ranges, asked in bulk, and remembered for who shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db.models import ProtectedError
from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import remembered, versions

from ..models import ProductSetRange


class InUse(ProtectedError):
    """Something of Oscar's that a feature needs and that is not deleted; its text says why, and what to do."""


def ties() -> dict[str, Any]:
    """Return the Oscar range of each product set that has one, by the set's code (remembered)."""
    return remembered(key="ties", version=versions(), load=ties_now)


def ties_now() -> dict[str, Any]:
    """Return the same as the database has it, for who writes. One query."""
    rows = ProductSetRange.objects.using(write_db()).filter(range__isnull=False).select_related("product_set", "range")
    return {row.product_set.code: row.range for row in rows}


def sets_of(
    *, product_ids: Iterable[int | None], codes: Iterable[str], ranges: Mapping[str, Any]
) -> dict[int, frozenset[str]]:
    """
    Return, for each product, in which of these product sets it is; `ranges` are those of `ties` or `ties_now`.

    One query for each set that is tied to a range; variants count where their parent does, as Oscar decides.
    """
    ids = {pk for pk in product_ids if pk is not None}
    found: dict[int, set[str]] = {pk: set() for pk in ids}
    for code, range_ in ranges.items():
        if ids and code in set(codes):
            for pk in _members(range_, ids):
                found[pk].add(code)
    return {pk: frozenset(sets) for pk, sets in found.items()}


def _members(range_: Any, ids: set[int]) -> Iterable[int]:
    if range_.proxy:
        products = get_model("catalogue", "Product").objects.using(write_db()).filter(pk__in=ids)
        return [product.pk for product in products if range_.contains_product(product)]
    # The range keeps what it worked out, so one that is remembered asks once.
    return range_.product_queryset.using(write_db()).filter(pk__in=ids).values_list("pk", flat=True)


def sets_shown(*, product_ids: Iterable[int], codes: frozenset[str]) -> dict[int, frozenset[str]]:
    """Return the product sets of products for showing: at most 60 seconds old, then without a query."""
    ids, loaded = frozenset(product_ids), {}

    def load(pk: int) -> frozenset[str]:
        if not loaded:
            loaded.update(sets_of(product_ids=ids, codes=codes, ranges=ties()))
        return loaded[pk]

    return {pk: remembered(key=("sets", pk, codes), version=versions(), load=partial(load, pk)) for pk in ids}


def all_of(*, code: str) -> frozenset[int]:
    """Return the ids of every product in a set, variants with their parents (remembered)."""
    range_ = ties().get(code)
    if range_ is None:
        return frozenset()
    return remembered(key=("set", code, range_.pk), version=versions(), load=lambda: frozenset(_every(range_)))


def _every(range_: Any) -> Iterable[int]:
    products = get_model("catalogue", "Product").objects.using(write_db())
    if range_.proxy:
        return [product.pk for product in products.all() if range_.contains_product(product)]
    found = set(range_.product_queryset.using(write_db()).values_list("pk", flat=True))
    return found | set(products.filter(parent_id__in=found).values_list("pk", flat=True))
