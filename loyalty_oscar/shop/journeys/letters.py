"""The letters about what a campaign brought, and about an apology."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.journeys.cases import TOPIC as APOLOGY
from loyalty_oscar.journeys.cases import key_of
from loyalty_oscar.journeys.models import Case, Occurrence
from loyalty_oscar.journeys.operations import TOPIC
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event

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


@letters.register(TOPIC)
def points_gift(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a campaign's points; None where they were taken back before it left."""
    standing = Occurrence.objects.using(write_db()).filter(state=Occurrence.State.DONE)
    rows = standing.select_related("campaign").filter(pk=event.payload.get("occurrence"))
    occurrence, account = rows.first(), account_of(member=event.member)
    if occurrence is None or account is None:
        return None
    about = {"member": event.member, "account": account, "unit": account.unit, "path": reverse("loyalty:statement")}
    context = shared(**about, points=occurrence.points)
    because = event.payload["because"]
    context |= {
        "why": words.why(because),
        "occasion": occurrence.campaign.occasion,
        "product": because.get("p", {}).get("product", ""),
    }
    return Letter(code="LOYALTY_POINTS_GIFT", context=context)


@letters.register(APOLOGY)
def apology(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about points that were given as an apology; None where they were taken back before it left."""
    given = Case.objects.using(write_db()).filter(pk=event.payload.get("case"), state=Case.State.GIVEN)
    case, account = given.first(), account_of(member=event.member)
    if case is None or account is None or not case.points or event.key != key_of(case=case):
        return None
    context = shared(member=event.member, account=account, unit=account.unit, points=case.points)
    why = words.why(Because("apology"))
    return Letter(code="LOYALTY_POINTS_GIFT", context=context | {"why": why, "occasion": "", "product": ""})


inbox_links.register(APOLOGY)(lambda: pgettext("loyalty", "See what you have"))
mail_kinds.register(APOLOGY)(MailKind(text=lambda: pgettext("loyalty", "A gift")))
timings.register(TOPIC)(in_daytime)
inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what you have"))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "A gift")))
