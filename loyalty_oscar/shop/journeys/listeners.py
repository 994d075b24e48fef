"""What people do besides buying, told by our pages and by the store: a confirmed address, and occasions of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.utils.html import format_html
from django.utils.translation import pgettext

from loyalty_oscar.journeys import operations
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.occasions import SIGN_UP
from loyalty_oscar.people.operations import confirm_address
from loyalty_oscar.program import mailboxes, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import unit_for_site

from ..storefront import throttle
from ..storefront.host_events import host_listeners

SALT = "loyalty_oscar.journeys.mailbox"


def mark_of(*, email: str) -> str:
    """Return the keyed hash of a mailbox: what stays of an address when its owner is gone."""
    return mailboxes.mark_of(email=email, salt=SALT)


def joined_at(*, user: Any) -> datetime | None:
    """Return when a person registered, where the store's user model knows it."""
    return getattr(user, "date_joined", None)


def say(*, request: Any, occurrence: Occurrence, unit: Unit) -> None:
    """Say on the next page what a campaign brought."""
    text = pgettext("loyalty", "%(points)s for you: %(name)s")
    # A reward is what its campaign gives; points are as many as they were then.
    row = occurrence.campaign if not occurrence.points else None
    gift = words.promised(unit=unit, row=row) if row else words.points(unit=unit, points=occurrence.points)
    about = {"points": gift, "name": occurrence.campaign.name}
    told = format_html('<span class="text-break">{}</span>', text % about)
    messages.success(request, told, fail_silently=True)


def address_confirmed(*, user: Any, email: str, request: Any, at: datetime) -> int:
    """
    Note that an address was confirmed, and give the points for registering: once a person and once a mailbox, to so
    many a day from one network address.
    """
    if email:
        confirm_address(user_id=user.pk, mark=mark_of(email=email), at=at)
    unit = unit_for_site(site_id=get_current_site(request).pk if request else getattr(settings, "SITE_ID", None))
    tries = {"name": f"sign-up:{throttle.address_of(request=request)}", "seconds": throttle.DAY} if request else None
    if unit is None or not email or (tries and throttle.is_one_too_many(**tries, most=conf.SIGN_UPS_PER_ADDRESS)):
        return 0
    told = {"occasion": SIGN_UP, "mark": mark_of(email=email), "happened_at": joined_at(user=user)}
    occurrence = operations.act(program=unit.program, user_id=user.pk, **told, at=at)
    if occurrence and request:
        say(request=request, occurrence=occurrence, unit=unit)
    elif tries:
        throttle.forgive(**tries)  # Confirmed once more: that takes nobody else's place.
    return occurrence.points if occurrence else 0


def act(*, user: Any, occasion: str, detail: str, about: Mapping[str, Any], site_id: int | None, at: datetime) -> int:
    """Give what an occasion brings somebody in the program that serves a site (default: the shop's)."""
    unit = unit_for_site(site_id=site_id or getattr(settings, "SITE_ID", None))
    if unit is None:
        return 0
    told = {"occasion": occasion, "detail": detail, "about": about}
    occurrence = operations.act(program=unit.program, user_id=user.pk, **told, at=at)
    return occurrence.points if occurrence else 0


def undo_act(*, user: Any, occasion: str, detail: str, at: datetime) -> int:
    """Take back what an occasion brought somebody."""
    return operations.undo_act(user_id=user.pk, occasion=occasion, detail=detail, at=at)


class ToldOfActions:
    """Gives and takes what actions bring, when the store or a page of ours tells of them."""

    act, undo_act = staticmethod(act), staticmethod(undo_act)
    address_confirmed = staticmethod(address_confirmed)


host_listeners.register("earning")(ToldOfActions())
