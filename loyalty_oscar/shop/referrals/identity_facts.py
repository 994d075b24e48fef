"""The fact `person`: what the checks of a referral need to know of both sides, in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Min, Q, QuerySet, Value
from django.db.models.functions import Lower, Replace
from oscar.core.loading import get_model

from loyalty_oscar.kernel.mailbox import plain_email
from loyalty_oscar.program import mailboxes
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import facts
from loyalty_oscar.referrals.rules import plain_address

from ..orders import statuses
from ..orders.buyers import has_bought, moved_away, name_of, not_moved

NAME = ("first_name", "last_name")
PLACE = ("line1", "line2", "postcode", "country_id")
SALT = "loyalty_oscar.referrals.mailbox"


@facts.register("person")
def people(*, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
    """Return what `referrals.rules.Person` takes, by member. Eight queries however many they are."""
    rows = Member.objects.using(write_db()).filter(pk__in=members, user__isnull=False).select_related("user")
    by_user = {row.user_id: row for row in rows}
    places, first = _places(list(by_user)), _first_orders([row.user for row in by_user.values()], at)
    return {
        row.pk: {
            "user_id": user_id,
            "email": row.user.email or "",
            **{name: frozenset(found) for name, found in places[user_id].items()},
            "ordered_before": first.get(user_id),
            "joined_at": row.joined_at,
            "mark": mark_of(email=row.user.email) if row.user.email else "",
        }
        for user_id, row in by_user.items()
    }


def mark_of(*, email: str) -> str:
    """Return the keyed hash of a mailbox: what stays of an address when its owner is gone."""
    return mailboxes.mark_of(email=email, salt=SALT)


def is_known(*, user: Any, before: datetime) -> bool:
    """Return whether somebody has bought from this account before a moment. One quick query; the checks ask more."""
    return has_bought(user_id=user.pk, before=before)


def _orders() -> QuerySet[Any]:
    return statuses.standing(orders=get_model("order", "Order").objects.using(write_db()).all()).order_by()


def _first_orders(users: list[Any], at: datetime) -> dict[Any, datetime]:
    """Return when people first bought: in their account, in another of the same mailbox, or as a guest with it."""
    orders = _orders().filter(date_placed__lte=at)
    boxes: dict[str, list[Any]] = defaultdict(list)
    for user in users:
        if user.email:
            boxes[plain_email(email=user.email)].append(user.pk)
    users_like = _written_like(get_user_model()._default_manager.using(write_db()).all(), "email", boxes)
    twins = dict(users_like.values_list("pk", "email"))
    guests = _written_like(orders.filter(user=None), "guest_email", boxes).values_list("guest_email")
    people = {*twins, *(user.pk for user in users)}
    own = not_moved(orders=orders).filter(user_id__in=people).values_list("user_id").annotate(first=Min("date_placed"))
    names = {name_of(user_id=pk): pk for pk in people}
    away = moved_away(orders=orders, names=names).values_list("loyalty_placed_by").annotate(first=Min("date_placed"))
    found: dict[Any, datetime] = {}
    for user_id, first in (*own, *((names[name], first) for name, first in away)):
        for pk in {user_id, *boxes.get(plain_email(email=twins.get(user_id, "")), ())}:
            found[pk] = min(first, found.get(pk, first))
    for email, first in guests.annotate(first=Min("date_placed")):
        for pk in boxes.get(plain_email(email=email), ()):
            found[pk] = min(first, found.get(pk, first))
    return found


def _written_like(rows: QuerySet[Any], field: str, boxes: Iterable[str]) -> QuerySet[Any]:
    """Return the rows whose address may be one of these mailboxes: the same name, without dots, up to @ or a tag."""
    names = {box.partition("@")[0].replace(".", "") for box in boxes}
    like = [Q(bare__startswith=name + end) for name in names for end in "@+"]
    return rows.annotate(bare=Replace(Lower(field), Value("."), Value(""))).filter(reduce(or_, like, Q(pk__in=())))


def _places(user_ids: list[Any]) -> dict[Any, dict[str, set[str]]]:
    """Return where people live, have sent orders to and had them billed, to whom, and their telephone numbers."""
    found: dict[Any, dict[str, set[str]]] = defaultdict(
        lambda: {"addresses": set(), "recipients": set(), "phones": set()}
    )
    book = get_model("address", "UserAddress").objects.using(write_db()).filter(user_id__in=user_ids)
    sent = get_model("order", "ShippingAddress").objects.using(write_db()).filter(order__user_id__in=user_ids)
    billed = get_model("order", "BillingAddress").objects.using(write_db()).filter(order__user_id__in=user_ids)
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
