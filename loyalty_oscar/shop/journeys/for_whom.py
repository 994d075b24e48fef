"""What the shop knows of members that campaigns ask for: orders that arrived and were kept, and a confirmed address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count

from loyalty_oscar.journeys.queries import CONFIRMED, FINAL_ORDERS, confirmed_marks
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import facts

from .listeners import mark_of


@facts.register(FINAL_ORDERS)
def final_orders(*, members: Sequence[int], at: datetime) -> Mapping[int, int]:
    """The fact `final_orders`: how many orders of each member were paid, arrived, and were kept in part. One query."""
    receipts = Receipt.objects.using(write_db()).filter(member__in=members, is_gone=False, paid_minor__gt=0)
    counted = receipts.filter(final_at__lte=at).order_by().values_list("member").annotate(n=Count("pk"))
    return dict(counted)


@facts.register(CONFIRMED)
def address_confirmed(*, members: Sequence[int], at: datetime) -> Mapping[int, bool]:
    """The fact `address_confirmed`: whether the very address that a member's account has now was confirmed."""
    rows = Member.objects.using(write_db()).filter(pk__in=members, user__isnull=False).select_related("user")
    owners = {row.user_id: row for row in rows}
    marks = confirmed_marks(user_ids=owners)
    return {row.pk: is_confirmed(user=row.user, marks=marks.get(user_id, set())) for user_id, row in owners.items()}


def is_confirmed(*, user: Any, marks: set[str] | None = None) -> bool:
    """Return whether a person's present address was confirmed by that person. Two queries without `marks`."""
    email = getattr(user, get_user_model().get_email_field_name(), "")
    known = confirmed_marks(user_ids=[user.pk]).get(user.pk, set()) if marks is None else marks
    return bool(email) and mark_of(email=email) in known
