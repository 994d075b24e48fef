"""In which country members live, and which countries the shop knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from oscar.core.loading import get_model

from loyalty_oscar.people.consents import COUNTRY
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import shop_countries
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import facts


@facts.register(COUNTRY)
def countries_of(*, members: Sequence[int], at: datetime) -> Mapping[int, str]:
    """
    The fact `country`: where members live, as two letters, by what the shop knows now. One query.

    That of the address to ship to first, else to bill to, else of the last order.
    """
    addresses = get_model("address", "UserAddress").objects.filter(user=OuterRef("user"))
    orders = get_model("order", "Order").objects.filter(user=OuterRef("user")).order_by("-date_placed", "-pk")
    sources = (
        _first(addresses.filter(is_default_for_shipping=True).order_by("pk"), "country"),
        _first(addresses.filter(is_default_for_billing=True).order_by("pk"), "country"),
        _first(orders, "shipping_address__country"),
        _first(orders, "billing_address__country"),
    )
    rows = Member.objects.using(write_db()).filter(pk__in=members, user__isnull=False)
    found = rows.annotate(lives_in=Coalesce(*sources)).values_list("pk", "lives_in")
    return {pk: code for pk, code in found if code}


def _first(rows: QuerySet[Any], name: str) -> Subquery:
    return Subquery(rows.values(name)[:1])


@shop_countries.register("addresses")
def countries() -> list[tuple[str, str]]:
    """Return the countries of the shop's addresses."""
    rows = get_model("address", "Country").objects.order_by("printable_name")
    return list(rows.values_list("iso_3166_1_a2", "printable_name"))
