"""Pieces of pages: "keep these points" for a guest, what goes with a profile, and one's own data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import password_validators_help_texts

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.worth import worth

from ..storefront.reasons import brings
from .guests import may_be_kept

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("thank-you:guest", "people")
def keep(*, subject: Any, request: Any) -> Piece | None:
    """Return the offer to keep a guest order's points: only to the session that placed it, only while it may be."""
    offered = offer(order=subject, request=request)
    return ("loyalty/people/keep.html", offered) if offered else None


def offer(*, order: Any, request: Any) -> dict[str, Any] | None:
    """Return what the offer says, or None where this visitor has nothing to keep."""
    visit = request.loyalty
    placed_here = order is not None and str(request.session.get("checkout_order_id")) == str(order.pk)
    if not placed_here or visit.unit is None or not may_be_kept(order=order, at=clock.now()):
        return None
    quoted = brings(order=order, request=request)
    points, is_known = quoted.points, has_account(email=order.guest_email)
    if not points:
        return None
    return {
        "unit": visit.unit,
        "program": visit.unit.program,
        "order": order,
        "value": points,
        "points": words.points(unit=visit.unit, points=points),
        "worth": worth(unit=visit.unit, points=points),
        "hold_days": quoted.hold_days,
        # What an account that is there has already, nobody knows before its owner signs in.
        "parts": [] if is_known and not request.user.is_authenticated else quoted.parts,
        "is_signed_in": request.user.is_authenticated,
        "has_account": is_known,
        "helps": password_validators_help_texts()[:1],
    }


def has_account(*, email: str) -> bool:
    """Return whether an account has this address, as Oscar's registration asks."""
    return bool(email) and get_user_model()._default_manager.filter(email__iexact=email).exists()


@contributions.register("profile:delete", "people")
def goes(*, subject: Any, request: Any) -> Piece | None:
    """Return what a person loses with the profile: the points of every program, with their worth."""
    accounts = Account.objects.filter(member__user_id=subject.pk, member__merged_into=None)
    rows = []
    for account in accounts.select_related("unit__program").order_by("pk"):
        points = account.available + account.pending + account.reserved
        if points:
            counted = words.points(unit=account.unit, points=points)
            value = worth(unit=account.unit, points=points)
            held = words.points(unit=account.unit, points=account.reserved) if account.reserved else ""
            name = account.unit.program.name
            rows.append({"program": name, "value": points, "points": counted, "worth": value, "set_aside": held})
    return ("loyalty/people/goes.html", {"rows": rows}) if rows else None


@contributions.register("account:foot", "people")
def own_data(*, subject: Any, request: Any) -> Piece | None:
    """
    Return the quiet foot of the account page: confirm an address, take one's data along.

    The first is said to everybody whose account is young enough to have ordered as a guest before, whether or not
    there is such an order: before the address is confirmed that is nobody's business.
    """
    return "loyalty/people/own_data.html", {
        "email": getattr(request.user, "email", ""),
        "may_keep": may_keep(user=request.user),
        "is_above": request.loyalty.sends_link,
        "days": conf.GUEST_DAYS,
    }


def may_keep(*, user: Any) -> bool:
    """Return whether this person may have ordered as a guest in the days in which that can still be kept."""
    if not getattr(settings, "OSCAR_ALLOW_ANON_CHECKOUT", False) or not getattr(user, "email", ""):
        return False
    joined = getattr(user, "date_joined", None)
    if joined is None or getattr(settings, "OSCAR_ALLOW_GUEST_CHECKOUT_WITH_ACCOUNT", False):
        return True
    return joined >= clock.now() - timedelta(days=conf.GUEST_DAYS)
