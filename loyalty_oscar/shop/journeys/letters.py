"""The letter about what a campaign brought."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.operations import TOPIC
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Unit

from ..notices.letters import Letter, letters, shared, site_of


@letters.register(TOPIC)
def points_gift(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a campaign's points; None where they were taken back before it left."""
    standing = Occurrence.objects.using(write_db()).filter(state=Occurrence.State.DONE)
    occurrence = standing.filter(pk=event.payload.get("occurrence")).first()
    account = Account.objects.using(write_db()).filter(member=event.member).order_by("unit_id").first()
    if occurrence is None or account is None:
        return None
    unit = Unit.objects.using(write_db()).select_related("program").get(pk=account.unit_id)
    site = site_of(member=event.member)
    context = shared(member=event.member, account=account, unit=unit, site=site, points=occurrence.points)
    return Letter(code="LOYALTY_POINTS_GIFT", context=context | {"why": words.why(event.payload["because"])})
