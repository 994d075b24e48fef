"""What came of a campaign: to whom it came, who was told, who used it, and who ordered, beside those left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from django.utils.translation import pgettext

from loyalty_oscar.kernel.promise import UsedGift
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program import money, words
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.program.reward_worth import price_minor

from .models import Campaign, Occurrence

#: Orders count for so many days after a campaign came to a member.
DAYS = 30
#: Those to whom something came and those held out are looked at in one night.
SAME_NIGHT = timedelta(days=1)
#: Of fewer members a share says nothing.
ENOUGH = 30
#: Of so many members it is asked at once who they are.
ASKED = 500


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
    How often a campaign `came` to somebody, how many were `told` by its letter, what was `used` of it (None where it
    gives nothing), and who ordered of those it came to and of those who were held out.
    """

    came: int
    told: int
    used: Sequence[UsedGift] | None
    reached: ToldGroup
    held: ToldGroup

    @property
    def users(self) -> int:
        """How many members used something of it."""
        return len({gift.member_id for gift in self.used or ()})

    @property
    def costs(self) -> Mapping[str, int]:
        """What that cost the shop, in minor units by currency; what cost nothing, or nobody can say of, is left out."""
        costs: Counter[str] = Counter()
        for gift in self.used or ():
            costs[gift.currency] += gift.minor
        return +costs


def result_of(*, campaign: Campaign, at: datetime) -> Result:
    """Return what came of a campaign. Four queries, and one where the program has rewards."""
    rows = Occurrence.objects.filter(campaign=campaign)
    done = rows.filter(state=Occurrence.State.DONE)
    counted = done.aggregate(came=Count("pk"), told=Count("pk", filter=Q(told_at__isnull=False)))
    return Result(
        **counted,
        used=used_of(campaign=campaign) if promise_of(row=campaign) else None,
        reached=_group(done.annotate(since=Coalesce("told_at", "at")), at),
        held=_group(rows.filter(state=Occurrence.State.HELD).annotate(since=F("at")), at),
    )


def side_by_side(*, campaign: Campaign, since: datetime, at: datetime) -> tuple[ToldGroup, ToldGroup | None]:
    """
    Return who ordered of those to whom a campaign came since a moment, and of those who were held out (None: it holds
    nobody out). Three queries at most.

    Where it does, both are of the same time, from the first to the last who was held out: else a season is compared.
    """
    rows = Occurrence.objects.using(write_db()).filter(campaign=campaign, at__gte=since)
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


def used_of(*, campaign: Campaign) -> list[UsedGift]:
    """
    Return what members used of what a campaign brought: points at what they buy today, and rewards. One query for each
    of the two.
    """
    members, program = Occurrence.objects.filter(campaign=campaign).values("member"), campaign.program
    return [
        replace(gift, minor=price_minor(program=program, price=gift.points) or 0, currency=program.currency)
        if gift.points
        else gift
        for gift in program_operations.used(start=f"campaign:{campaign.pk}:", members=members)
    ]


def used_lines(*, campaign: Campaign, used: Sequence[UsedGift]) -> Iterator[list[Any]]:
    """Yield what was used as the lines of a file, the heads of its columns first; members by their public ids."""
    unit = campaign.program.unit_or_none
    yield [
        pgettext("loyalty", "Public id"),
        pgettext("loyalty", "Used"),
        pgettext("loyalty", "Cost"),
        pgettext("loyalty", "Currency"),
    ]
    for start in range(0, len(used), ASKED):
        part = used[start : start + ASKED]
        ids = dict(Member.objects.filter(pk__in=[one.member_id for one in part]).values_list("pk", "public_id"))
        for one in part:
            what = words.points(unit=unit, points=one.points) if unit and one.points else one.reward
            cost = to_major(minor=one.minor, exponent=money.exponent(currency=one.currency))
            yield [ids[one.member_id], what, cost, one.currency]
