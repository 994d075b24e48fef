"""What came of a campaign: to whom it came, who was told, who used it, and who ordered, beside those left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import (
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Coalesce

from loyalty_oscar.ledger.models import Kind, LotMove
from loyalty_oscar.people.models import Receipt

from .models import Campaign, Occurrence

#: Orders count for so many days after a campaign came to a member.
DAYS = 30
#: Those to whom something came and those held out are looked at in one night.
SAME_NIGHT = timedelta(days=1)
#: Of fewer members a share says nothing.
ENOUGH = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldGroup:
    """Members whose days to order are over, and how many of them ordered."""

    members: int
    ordered: int

    @property
    def is_enough(self) -> bool:
        """Whether there are enough of them to speak of a share."""
        return self.members >= ENOUGH

    @property
    def percent(self) -> Decimal:
        """How many of a hundred ordered, with one decimal."""
        part = Decimal(self.ordered) * 100 / self.members
        return part.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """
    How often a campaign `came` to somebody, how many were `told` by its letter, how many members `used` points of it
    (None where it gives none), and who ordered of those it came to and of those who were held out.
    """

    came: int
    told: int
    used: int | None
    reached: ToldGroup
    held: ToldGroup


def result_of(*, campaign: Campaign, at: datetime) -> Result:
    """Return what came of a campaign. Four queries."""
    rows = Occurrence.objects.filter(campaign=campaign)
    done = rows.filter(state=Occurrence.State.DONE)
    counted = done.aggregate(came=Count("pk"), told=Count("pk", filter=Q(told_at__isnull=False)))
    return Result(
        **counted,
        used=_used(campaign) if campaign.points else None,
        reached=_group(done.annotate(since=Coalesce("told_at", "at")), at),
        held=_group(rows.filter(state=Occurrence.State.HELD).annotate(since=F("at")), at),
    )


def side_by_side(*, campaign: Campaign, since: datetime, at: datetime) -> tuple[ToldGroup, ToldGroup | None]:
    """
    Return who ordered of those to whom a campaign came since a moment, and of those who were held out (None: it holds
    nobody out). Three queries at most.

    Where it does, both are of the same time, from the first to the last who was held out: else a season is compared.
    """
    rows = Occurrence.objects.filter(campaign=campaign, at__gte=since)
    done = rows.filter(state=Occurrence.State.DONE).annotate(since=Coalesce("told_at", "at"))
    if campaign.is_public:
        return _group(done, at), None
    held = rows.filter(state=Occurrence.State.HELD).annotate(since=F("at"))
    span = held.aggregate(first=Min("at"), last=Max("at"))
    if span["first"] is None:
        return _group(done, at), ToldGroup(members=0, ordered=0) if campaign.program.holdout_percent else None
    beside = done.filter(at__gte=span["first"] - SAME_NIGHT, at__lte=span["last"] + SAME_NIGHT)
    return _group(beside, at), _group(held, at)


def _group(rows: QuerySet[Any], at: datetime) -> ToldGroup:
    until = ExpressionWrapper(OuterRef("since") + timedelta(days=DAYS), output_field=DateTimeField())
    orders = Receipt.objects.filter(
        member=OuterRef("member"), placed_at__gt=OuterRef("since"), placed_at__lte=until, is_gone=False
    )
    ripe = rows.filter(since__lte=at - timedelta(days=DAYS)).annotate(has_ordered=Exists(orders))
    return ToldGroup(
        **ripe.aggregate(
            members=Count("member", distinct=True),
            ordered=Count("member", distinct=True, filter=Q(has_ordered=True)),
        )
    )


def _used(campaign: Campaign) -> int:
    """Return how many members used points that the campaign brought. One query, over the lots of its members."""
    members = Occurrence.objects.filter(campaign=campaign).values("member")
    moves = LotMove.objects.filter(lot__account__member__in=members, lot__source__startswith=f"campaign:{campaign.pk}:")
    return moves.filter(entry__kind=Kind.CAPTURE).aggregate(used=Count("account__member", distinct=True))["used"]
