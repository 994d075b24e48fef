"""The traits `bought`, `not-bought` and `owns`: which products members bought and kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils.translation import npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program import money, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits

from ..orders import statuses
from ..orders.product_sets import all_of, ties

#: Longer ago nobody asks for.
MOST_DAYS = 3650


class OwnsTrait:
    """
    Members who bought something from one of the product sets (`sets`, their codes) and kept it, whenever that was.

    What is in a set today counts, and what came back was not bought. A set without products holds of nobody.
    """

    label, is_personal = pgettext_lazy("loyalty", "Owns, bought here and kept"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {
            "sets": forms.MultipleChoiceField(
                label=pgettext("loyalty", "Something from"),
                help_text=pgettext("loyalty", "From any of them."),
                choices=ProductSet.objects.order_by("name").values_list("code", "name"),
                widget=forms.CheckboxSelectMultiple,
            )
        }

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        return pgettext("loyalty", "own something from %(sets)s") % {"sets": names_of(params["sets"])}

    def set_codes(self, *, params: Mapping[str, Any]) -> Collection[str]:
        return list(params["sets"])

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        return buyers(program_id=program_id, codes=params["sets"], days=None, at=at, after=after, last=last)


class BoughtTrait(OwnsTrait):
    """Members who did so in the last `days` days (None = ever)."""

    label, is_personal = pgettext_lazy("loyalty", "Bought lately"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {
            **super().fields(program_id=program_id),
            "days": forms.IntegerField(label=pgettext("loyalty", "In the last days"), min_value=1, max_value=MOST_DAYS),
        }

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        text = npgettext(
            "loyalty",
            "bought something from %(sets)s in the last %(days)s day",
            "bought something from %(sets)s in the last %(days)s days",
            params["days"],
        )
        return text % {"sets": names_of(params["sets"]), "days": money.number(params["days"])}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        return buyers(program_id=program_id, codes=params["sets"], days=params["days"], at=at, after=after, last=last)


class NotBoughtTrait(BoughtTrait):
    """Members who did not, those without any order among them."""

    label, is_personal = pgettext_lazy("loyalty", "Not bought lately"), False

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        text = npgettext(
            "loyalty",
            "bought nothing from %(sets)s in the last %(days)s day",
            "bought nothing from %(sets)s in the last %(days)s days",
            params["days"],
        )
        return text % {"sets": names_of(params["sets"]), "days": money.number(params["days"])}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        members = members_within(program_id=program_id, after=after, last=last)
        found = set(members.values_list("pk", flat=True))
        return found - set(super().holders(program_id=program_id, params=params, at=at, after=after, last=last))


def names_of(codes: Iterable[str]) -> str:
    """Return what product sets are called, each in quotation marks; one that is gone by its code."""
    names = dict(ProductSet.objects.filter(code__in=list(codes)).values_list("code", "name"))
    return words.quoted(names=(names.get(code, code) for code in codes))


def buyers(
    *, program_id: int, codes: Iterable[str], days: int | None, at: datetime, after: int, last: int
) -> frozenset[int]:
    """
    Return the members of a program with their ids in (after, last] who bought something from these product sets that
    they kept, in the last `days` days (None = ever). One query, and those for who asks first what is in the sets.
    """
    lines = kept_lines(codes=codes).filter(order_id=OuterRef("order_id"))
    rows = Receipt.objects.using(write_db()).filter(
        program=program_id, member_id__gt=after, member_id__lte=last, placed_at__lte=at, is_gone=False
    )
    if days is not None:
        rows = rows.filter(placed_at__gt=at - timedelta(days=days))
    return frozenset(rows.filter(Exists(lines)).order_by().values_list("member_id", flat=True).distinct())


def kept_lines(*, codes: Iterable[str]) -> QuerySet[Any]:
    """Return the lines of orders, of products in these sets, of which something was not returned or cancelled."""
    lines = get_model("order", "Line").objects.using(write_db()).filter(_in_sets(codes), quantity__gt=0)
    lines = lines.exclude(statuses.said(column="status", words=conf.DEAD_LINE_STATUSES))
    for model, told in (
        ("ShippingEventQuantity", conf.RETURN_EVENT_CODES),
        ("PaymentEventQuantity", conf.REFUND_EVENT_CODES),
    ):
        lines = lines.exclude(pk__in=_gone(model, told))
    return lines


def _gone(model: str, codes: Iterable[str]) -> QuerySet[Any]:
    """Return the keys of lines of which every piece came back by events of these types."""
    events = get_model("order", model).objects.using(write_db())
    told = events.filter(statuses.said(column="event__event_type__code", words=codes)).order_by().values("line_id")
    return told.annotate(pieces=Sum("quantity")).filter(pieces__gte=F("line__quantity")).values("line_id")


def _in_sets(codes: Iterable[str]) -> Q:
    """Return the condition that the product of a line is in one of these sets, variants with their parents."""
    known = ties()
    return reduce(or_, (_in_range(code, known[code]) for code in codes if code in known), Q(pk__in=[]))


def _in_range(code: str, range_: Any) -> Q:
    if range_.proxy:  # Only its own code knows its products.
        return Q(product_id__in=all_of(code=code))
    products = range_.product_queryset.using(write_db()).order_by().values("pk")
    return Q(product_id__in=products) | Q(product__parent_id__in=products)


for _code, _trait in (("owns", OwnsTrait()), ("bought", BoughtTrait()), ("not-bought", NotBoughtTrait())):
    traits.register(_code)(_trait)
