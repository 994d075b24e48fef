"""The letters to who invited a friend: the friend came, the friend ordered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Unit
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import JOINED, ORDERED
from loyalty_oscar.referrals.queries import schemes

from ..notices.letters import (
    Letter,
    MailKind,
    account_of,
    in_daytime,
    inbox_links,
    letters,
    mail_kinds,
    shared,
    timings,
)
from .friends import name_of

State = Referral.State


@letters.register(JOINED)
def friend_joined(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that a friend came; None where the first order was quicker, or a check stands between."""
    referral = _referral(event)
    if referral is None or referral.state != State.INVITED or referral.newcomer.user_id is None:
        return None
    if not referral.promise("giver"):
        return None
    currency = referral.program.currency
    least = money.in_words(minor=referral.least_minor, currency=currency) if referral.least_minor else ""
    scheme = schemes().get(referral.program_id)
    told = {"least": least, "is_checked": bool(scheme and scheme.is_approved)}
    return Letter(code="LOYALTY_FRIEND_JOINED", context=_context(event, referral) | told)


@letters.register(ORDERED)
def friend_ordered(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that a friend's first order counts; None where it brings the one who invited nothing."""
    referral = _referral(event)
    if referral is None or referral.state != State.REWARDED or not referral.has("giver"):
        return None
    context = _context(event, referral)
    ready, zone = referral.ready_at, referral.program.time_zone
    context["is_ready"] = ready is not None and ready <= at
    context["ready_day"] = words.day(ready, zone=zone) if ready else ""
    return Letter(code="LOYALTY_FRIEND_ORDERED", context=context)


def _referral(event: Event) -> Referral | None:
    rows = Referral.objects.using(write_db()).select_related("newcomer__user", "program", "giver_reward")
    return rows.filter(pk=event.payload.get("referral"), giver_id=event.member_id).first()


def _context(event: Event, referral: Referral) -> dict[str, Any]:
    """Return what both letters say."""
    unit = Unit.objects.using(write_db()).select_related("program").get(program=referral.program_id)
    account = account_of(member=event.member)
    about = {"member": event.member, "account": account, "unit": unit, "path": reverse("loyalty:invite")}
    told = shared(**about, points=referral.giver_points) | {"friend": name_of(member=referral.newcomer)}
    if referral.promise("giver").reward_id is not None:
        reward = words.promised(unit=unit, row=referral, prefix="giver_")
        told |= {"points": reward, "number": reward, "worth": ""}
    return told


for topic, said in (
    (JOINED, lambda: pgettext("loyalty", "A friend who joined")),
    (ORDERED, lambda: pgettext("loyalty", "A friend’s first order")),
):
    timings.register(topic)(in_daytime)
    inbox_links.register(topic)(lambda: pgettext("loyalty", "See your friends"))
    mail_kinds.register(topic)(MailKind(text=said, is_optional=True, belongs=lambda program: program.pk in schemes()))
