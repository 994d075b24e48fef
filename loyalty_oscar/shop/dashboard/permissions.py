"""Who may do what at the desk. Groups are the shop's business; these are the permissions to put into them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import are_one

LOOK = "loyalty_ledger.view_account"
GOODWILL = "loyalty_ledger.goodwill_account"
ADJUST = "loyalty_ledger.adjust_account"
BULK = "loyalty_ledger.bulk_account"
FREEZE = "loyalty_program.freeze_member"
BIRTHDAY = "loyalty_people.view_birthday"
EXPORT = "loyalty_program.export_member"
UNRETURN = "loyalty_shop.undo_return"
MERGE = "loyalty_program.merge_member"
FULFIL = "loyalty_redemption.fulfil_claim"


def loyalty_permissions() -> QuerySet[Permission]:
    """Return every permission of the suite and of nothing else: what a loyalty manager's group holds."""
    return Permission.objects.filter(content_type__app_label__startswith="loyalty_").order_by("pk")


def oscars_pages() -> QuerySet[Permission]:
    """Return what Oscar (from 4.2) asks of staff for its pages of customers and orders, where our panels stand."""
    user = get_user_model()._meta
    people = Q(content_type__app_label=user.app_label, codename="view_user")
    return Permission.objects.filter(people | Q(content_type__app_label="order", codename="view_order")).order_by("pk")


def may(user: Any, permission: str) -> bool:
    """Return whether somebody is of staff and has a permission."""
    return bool(user.is_active and user.is_staff and user.has_perm(permission))


def is_own(user: Any, member: Member) -> bool:
    """Return whether a member is the one who asks: nobody of staff changes anything of themselves."""
    of = member.user_id
    return of is not None and are_one(user_id=user.pk, other_id=of, program_id=member.program_id)


def may_look(user: Any) -> bool:
    """Return whether somebody of staff may see points."""
    return may(user, LOOK)


def may_give(user: Any) -> bool:
    """Return whether somebody of staff may give goodwill points."""
    return may_look(user) and user.has_perm(GOODWILL)
