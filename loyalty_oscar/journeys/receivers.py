"""
Every change of a campaign, its texts or a goal counts the version up and makes this process forget what it remembered.
Who joins, and who reaches a level, may bring something about; who loses the level by a return loses that, too. A
reward that was in use as it was taken back is counted back as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import read_versions
from loyalty_oscar.program.receivers import forget
from loyalty_oscar.program.signals import (
    level_lost,
    level_reached,
    level_would_be_lost,
    member_joined,
    reward_gone_back,
)

from .giving import State, count_kept_back, undo, would_undo
from .models import Campaign, CampaignText, Goal, Occurrence
from .occasions import JOINED, LEVEL, climb_of
from .planning import stand_again, tell, to_withdraw
from .queries import all_campaigns, campaigns_about

#: A member, the rank that is left, and since when the first level above it had been climbed to.
Loss = tuple[int, int, datetime]

for _signal in (post_save, post_delete):
    for _model in (Campaign, CampaignText, Goal):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.journeys.forget.{_model.__name__}")


def joined(sender: Any, member: Member, at: datetime, **kwargs: Any) -> None:
    """Plan what joining brings; nothing is asked where it brings nothing."""
    tell(program_id=member.program_id, member_id=member.pk, occasion=JOINED, happened_at=member.joined_at, at=at)


def climbed(sender: Any, member_id: int, program_id: int, rank: int, at: datetime, **kwargs: Any) -> None:
    """
    Plan what a level brings that was reached: once for each climb to it. A reward that an earlier climb brought, which
    a return took, and that stayed because it was used is for this climb, and no other one comes.
    """
    read_versions()
    if campaigns := campaigns_about(program_id=program_id, occasion=LEVEL):
        day = periods.local_day(at=at, zone=campaigns[0].program.time_zone)
        detail = f"{rank}:{day.isoformat()}"
        who: dict[str, Any] = {"program_id": program_id, "member_id": member_id}
        kept = Occurrence.objects.using(write_db()).filter(campaign__in=campaigns, member_id=member_id, is_kept=True)
        kept = kept.filter(state=State.BACK, barred_by="", source__startswith=f"{LEVEL}:{rank}:")
        stays = {row.campaign_id: row for row in kept.select_related("campaign").order_by("pk")}
        for row in stays.values():
            # Its source is the key of what was given: the climb that it is for now stands beside it.
            stand_again(occurrence=row, at=at, about={"climb": day.isoformat()})
        tell(**who, occasion=LEVEL, detail=detail, happened_at=at, at=at, but=stays)


def fell(sender: Any, program_id: int, losses: Sequence[Loss], at: datetime, **kwargs: Any) -> None:
    """Take back what campaigns planned or brought for levels that a return took; what earlier climbs brought stays."""
    for row in _of_lost_levels(program_id, losses):
        undo(occurrence_id=row.pk, because=Because("campaign_withdrawn", name=row.campaign.name), at=at)


def would_fall(sender: Any, program_id: int, losses: Sequence[Loss], at: datetime, **kwargs: Any) -> None:
    """Take back, in a look ahead, what campaigns brought for levels that a return would take."""
    for row in _of_lost_levels(program_id, losses):
        would_undo(occurrence=row, because=Because("campaign_withdrawn", name=row.campaign.name), at=at)


def _of_lost_levels(program_id: int, losses: Sequence[Loss]) -> Iterator[Occurrence]:
    """Yield what campaigns planned or brought for these levels, all members together: budgets in order of key."""
    read_versions()
    campaigns = [one for one in all_campaigns(program_id=program_id) if one.occasion == LEVEL]
    if not campaigns:
        return
    zone = campaigns[0].program.time_zone
    lost = {pk: (rank, periods.local_day(at=since, zone=zone).isoformat()) for pk, rank, since in losses}
    rows = Occurrence.objects.using(write_db()).filter(campaign__in=campaigns, member_id__in=lost)
    for row in to_withdraw(rows=rows.select_related("campaign__reward")):
        climb, (rank, first) = climb_of(source=row.source), lost[row.member_id]
        if climb and climb[0] > rank and row.because.get("p", {}).get("climb", climb[1]) >= first:
            yield row


def went_back(sender: Any, member_id: int, key: str, at: datetime, **kwargs: Any) -> None:
    """Count back the reward of a campaign that was in use as it was taken back."""
    count_kept_back(member_id=member_id, key=key, at=at)


member_joined.connect(joined, dispatch_uid="loyalty_oscar.journeys.joined")
level_reached.connect(climbed, dispatch_uid="loyalty_oscar.journeys.climbed")
level_lost.connect(fell, dispatch_uid="loyalty_oscar.journeys.fell")
level_would_be_lost.connect(would_fall, dispatch_uid="loyalty_oscar.journeys.would_fall")
reward_gone_back.connect(went_back, dispatch_uid="loyalty_oscar.journeys.went_back")
