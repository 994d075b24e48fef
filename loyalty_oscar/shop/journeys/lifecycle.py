"""What a member takes along of what campaigns brought."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member


@data_exports.register("campaigns")
def occurrences(*, member: Member) -> list[dict[str, Any]]:
    """
    Return every occurrence that brought points or did so once.

    They stay with the pseudonym when the member is forgotten, so that one mailbox has one sign-up bonus for ever.
    """
    found = Occurrence.objects.filter(member=member).select_related("campaign__reward").order_by("pk")
    return [
        {
            "campaign": occurrence.campaign.name,
            "source": occurrence.source,
            "points": occurrence.points,
            "reward": None if occurrence.points or not occurrence.campaign.reward else occurrence.campaign.reward.name,
            "given": occurrence.state == Occurrence.State.DONE,
            "at": occurrence.at.isoformat(),
        }
        for occurrence in found
    ]
