"""The fact `person`: what the checks of a referral need to know of both sides, in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min
from django.db.models.functions import Lower
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import facts
from loyalty_oscar.referrals.rules import plain_address

NAME = ("first_name", "last_name")
PLACE = ("line1", "line2", "postcode", "country_id")


@facts.register("person")
def people(*, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
    """Return what `referrals.rules.Person` takes, by member. Six queries however many they are."""
    rows = Member.objects.filter(pk__in=members, user__isnull=False).select_related("user")
    by_user = {row.user_id: row for row in rows}
    places, first = _places(list(by_user)), _first_orders([row.user for row in by_user.values()], at)
    return {
        row.pk: {
            "user_id": user_id,
            "email": row.user.email or "",
            **{name: frozenset(found) for name, found in places[user_id].items()},
            "ordered_before": first.get(user_id),
            "joined_at": row.joined_at,
        }
        for user_id, row in by_user.items()
    }


def _first_orders(users: list[Any], at: datetime) -> dict[Any, datetime]:
    """Return when people first bought, in their account or as a guest with the same e-mail address."""
    orders = get_model("order", "Order").objects.filter(date_placed__lte=at).order_by()
    orders = orders.exclude(status__in=conf.DEAD_STATUSES)
    own = orders.filter(user_id__in=[user.pk for user in users]).values_list("user_id")
    by_email = {user.email.casefold(): user.pk for user in users if user.email}
    guests = orders.filter(user=None).annotate(mail=Lower("guest_email")).filter(mail__in=by_email)
    found = dict(own.annotate(first=Min("date_placed")))
    for email, first in guests.values_list("mail").annotate(first=Min("date_placed")):
        found[by_email[email]] = min(first, found.get(by_email[email], first))
    return found


def _places(user_ids: list[Any]) -> dict[Any, dict[str, set[str]]]:
    """Return where people live, have sent orders to and had them billed, to whom, and their telephone numbers."""
    found: dict[Any, dict[str, set[str]]] = defaultdict(
        lambda: {"addresses": set(), "recipients": set(), "phones": set()}
    )
    book = get_model("address", "UserAddress").objects.filter(user_id__in=user_ids)
    sent = get_model("order", "ShippingAddress").objects.filter(order__user_id__in=user_ids)
    billed = get_model("order", "BillingAddress").objects.filter(order__user_id__in=user_ids)
    for owner, *row, phone in (
        *book.values_list("user_id", *NAME, *PLACE, "phone_number"),
        *sent.values_list("order__user_id", *NAME, *PLACE, "phone_number"),
        *((*row, None) for row in billed.values_list("order__user_id", *NAME, *PLACE)),
    ):
        parts = [str(part or "") for part in row]
        found[owner]["recipients"].add(plain_address(parts=parts))
        found[owner]["addresses"].add(plain_address(parts=parts[len(NAME) :]))
        if phone:
            found[owner]["phones"].add(str(phone))
    return found
