"""The fact `person`: what the checks of a referral need to know of both sides, in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import facts
from loyalty_oscar.referrals.rules import plain_address

PLACE = ("line1", "line2", "postcode", "country_id")


@facts.register("person")
def people(*, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
    """Return what `referrals.rules.Person` takes, by member. Four queries however many they are."""
    rows = Member.objects.filter(pk__in=members, user__isnull=False).select_related("user")
    by_user = {row.user_id: row for row in rows}
    addresses, phones = _places(list(by_user))
    orders = get_model("order", "Order").objects.filter(user_id__in=by_user, date_placed__lte=at)
    orders = orders.exclude(status__in=conf.DEAD_STATUSES).order_by()
    first = dict(orders.values_list("user_id").annotate(first=Min("date_placed")))
    return {
        row.pk: {
            "user_id": user_id,
            "email": row.user.email or "",
            "addresses": frozenset(addresses[user_id]),
            "phones": frozenset(phones[user_id]),
            "ordered_before": first.get(user_id),
            "joined_at": row.joined_at,
        }
        for user_id, row in by_user.items()
    }


def _places(user_ids: list[Any]) -> tuple[dict[Any, set[str]], dict[Any, set[str]]]:
    """Return where people live or have sent orders to, and their telephone numbers."""
    addresses: dict[Any, set[str]] = defaultdict(set)
    phones: dict[Any, set[str]] = defaultdict(set)
    book = get_model("address", "UserAddress").objects.filter(user_id__in=user_ids)
    sent = get_model("order", "ShippingAddress").objects.filter(order__user_id__in=user_ids)
    for owner, *row, phone in (
        *book.values_list("user_id", *PLACE, "phone_number"),
        *sent.values_list("order__user_id", *PLACE, "phone_number"),
    ):
        addresses[owner].add(plain_address(parts=[part or "" for part in row]))
        if phone:
            phones[owner].add(str(phone))
    return addresses, phones
