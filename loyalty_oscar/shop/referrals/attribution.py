"""
Where a newcomer is tied to whoever brought them: at the end of the first request of somebody signed in whose visit
carries a code, at registration, or by the store's own word. Costs nothing for a visit that carries none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from oscar.apps.customer.signals import user_registered
from oscar.core.loading import get_model

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import member_of, one_with, unit_for_site
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.referrals.signals import decided, waits_again

from ..models import OrderSync
from ..orders.buyers import bought_by
from ..orders.sync import LOOK_AGAIN, after_commit
from ..storefront.host_events import host_listeners
from ..storefront.request_hooks import response_hooks
from ..storefront.visit import visit_of
from .gift import welcome
from .identity_facts import is_known
from .pending_codes import Carried, carried, forget, is_due, keep_in_cookie, take
from .typed_codes import FIELD


def leave(*, request: Any, response: Any) -> None:
    """Tie whoever is signed in by now; for others keep the code in a cookie where that is allowed."""
    if not request.user.is_authenticated:
        keep_in_cookie(request=request, response=response)
        return
    program = request.loyalty.unit and request.loyalty.unit.program
    if program:
        bound = bind_first(codes=carried(request=request), program=program, user=request.user, at=clock.now())
        if bound is None and not _has_joined(program, request.user):
            return  # The code waits until they have.
    forget(request=request, response=response)


def _has_joined(program: Program, user: Any) -> bool:
    by_choice = program.enrolment == Program.Enrolment.OPT_IN
    return not by_choice or member_of(program_id=program.pk, user_id=user.pk) is not None


class CarriedCodes:
    """Looks after the code that a visitor came with, when a page is ready."""

    is_due, act = staticmethod(is_due), staticmethod(leave)


response_hooks.register("referrals")(CarriedCodes())


def bind_first(*, codes: Sequence[Carried], program: Program, user: Any, at: datetime) -> Referral | None:
    """
    Tie somebody by the first of these codes that ties, and look again at what they ordered since they came.

    Who had bought here before is no friend to be brought: nobody is tied, and nobody learns the name.
    """
    told = {"program_id": program.pk, "user_id": user.pk, "at": at}
    fresh = ((code, came_at) for code, came_at in codes if not is_known(user=user, before=came_at))
    rows = (bind(code=code, came_at=came_at, **told) for code, came_at in fresh)
    row = next((row for row in rows if row), None)
    if row:
        orders_may_count(user_id=user.pk, since=row.bound_at)
    return row


def orders_may_count(*, user_id: Any, since: datetime) -> None:
    """Look again at what somebody ordered since they came: one of these may be the first."""
    orders = get_model("order", "Order").objects.using(write_db()).filter(date_placed__gte=since)
    look_again(order_ids=[row["pk"] for row in bought_by(orders=orders, user_id=user_id)])


def others_may_count(sender: Any, user_id: Any, program_id: int, since: datetime, **kwargs: Any) -> None:
    """Look again at what somebody ordered, by whichever login: the order that was the first came to nothing."""
    if user_id is None:
        return
    for login in sorted(one_with(user_id=user_id, program_ids=[program_id])[program_id], key=str):
        orders_may_count(user_id=login, since=since)


waits_again.connect(others_may_count, dispatch_uid="loyalty_oscar.shop.referrals.others_may_count")


def look_again(*, order_ids: Sequence[int]) -> None:
    """Have orders looked at although nothing about them changed."""
    if order_ids:
        marks = OrderSync.objects.using(write_db()).filter(order_id__in=order_ids)
        marks.update(fingerprint=LOOK_AGAIN)
        after_commit(order_ids=order_ids)


@harmless(later="a registration was not tied to whoever invited")
def registered(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Somebody registered, perhaps with a code typed into the form. No fault of ours reaches the registration."""
    typed = (getattr(request, "data", None) or request.POST).get(FIELD, "")
    visit = visit_of(request=request)
    if typed and getattr(request, "session", None) is not None:
        take(request=request, code=typed, typed=True)
    if (typed or is_due(request=request)) and visit.unit:
        codes = [(str(typed), clock.now())] if typed else []
        codes += carried(request=request)
        if bound := bind_first(codes=codes, program=visit.unit.program, user=user, at=clock.now()):
            forget(request=request)
            if text := welcome(referral=bound, visit=visit):
                visit.welcomes.append(text)


user_registered.connect(registered, dispatch_uid="loyalty_oscar.shop.referrals.registered")


class ToldOfFriends:
    """Listens to whom the store says that a friend brought."""

    def brought(self, *, user: Any, code: str, site_id: int | None, at: datetime) -> bool:
        """Tie somebody by the store's own word; returns whether that is news."""
        unit = unit_for_site(site_id=site_id or getattr(settings, "SITE_ID", None))
        return bool(unit and bind_first(codes=[(code, at)], program=unit.program, user=user, at=at))


host_listeners.register("referrals")(ToldOfFriends())


def after_decision(sender: Any, order_id: int, **kwargs: Any) -> None:
    """Staff decided: the points follow when the order is looked at."""
    look_again(order_ids=[order_id])


decided.connect(after_decision, dispatch_uid="loyalty_oscar.shop.referrals.after_decision")
