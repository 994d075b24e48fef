"""
Search and browsing straight from the tables.

Oscar asks Haystack for every list of products and expects a real index behind it. A few hundred products need none:
this engine answers what Oscar's lists ask (category, words, order, page) with one query set.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Coalesce
from haystack.backends import BaseEngine, BaseSearchBackend, BaseSearchQuery, log_query
from haystack.models import SearchResult
from oscar.core.loading import get_model

FIELDS_OF_WORDS = ("title", "description", "upc", "categories__name", "attribute_values__value_text")
COLUMNS = {"price": "price", "title_exact": "title", "rating": "rating", "date_created": "date_created"}
ORDER = {sign + key: sign + column for key, column in COLUMNS.items() for sign in ("", "-")}  # by Oscar's sort keys

Conditions = list[tuple[str, Any]]


class TableQuery(BaseSearchQuery):
    """Keeps Haystack's conditions as (field, value) pairs; Oscar only ever joins them by AND."""

    def build_query(self) -> Conditions:
        """Return the pairs; words stand under `content`."""
        return [condition for child in self.query_filter.children for condition in self._pairs(child)]

    def _pairs(self, node: Any) -> Conditions:
        if hasattr(node, "children"):
            return [condition for child in node.children for condition in self._pairs(child)]
        expression, value = node
        return [(expression.partition("__")[0], getattr(value, "query_string", value))]


class TableBackend(BaseSearchBackend):
    """Answers with browsable products; there is no index, so nothing needs to be kept up to date."""

    @log_query
    def search(self, query_string: Conditions, **kwargs: Any) -> dict[str, Any]:
        found = self._products(query_string or [])
        page = self._sorted(found, kwargs.get("sort_by") or [])[
            kwargs.get("start_offset") or 0 : kwargs.get("end_offset")
        ]
        return {"results": [self._result(product) for product in page], "hits": found.count()}

    def update(self, index: Any, iterable: Any, commit: bool = True) -> None:
        """Nothing to do."""

    def remove(self, obj_or_string: Any, commit: bool = True) -> None:
        """Nothing to do."""

    def clear(self, models: Any = None, commit: bool = True) -> None:
        """Nothing to do."""

    def _products(self, conditions: Conditions) -> QuerySet:
        products = get_model("catalogue", "Product").objects.browsable()
        for field, value in conditions:
            if field == "category":
                products = products.filter(categories__in=value)
            elif field == "content":
                for word in str(value).split():
                    anywhere = (Q(**{f"{name}__icontains": word}) for name in FIELDS_OF_WORDS)
                    products = products.filter(next(anywhere) | Q(*anywhere, _connector=Q.OR))
        return products.distinct()

    def _sorted(self, products: QuerySet, keys: list[str]) -> QuerySet:
        shelf_price = Coalesce(Min("stockrecords__price"), Min("children__stockrecords__price"))
        order = [
            ("-" if key.startswith("-") else "") + ORDER[key.lstrip("-")] for key in keys if key.lstrip("-") in ORDER
        ]
        return products.base_queryset().annotate(price=shelf_price).order_by(*order, "-date_created")

    def _result(self, product: Any) -> SearchResult:
        result = SearchResult("catalogue", "product", product.pk, 0)
        result._model, result._object = type(product), product
        return result


class TableEngine(BaseEngine):
    """The engine to name in HAYSTACK_CONNECTIONS."""

    backend = TableBackend
    query = TableQuery
