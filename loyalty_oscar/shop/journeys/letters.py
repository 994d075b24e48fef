"""The letter about what a campaign brought."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.journeys.giving import TOPIC
from loyalty_oscar.journeys.models import Occurrence
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


timings.register(TOPIC)(in_daytime)
inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what you have"))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "A gift")))
