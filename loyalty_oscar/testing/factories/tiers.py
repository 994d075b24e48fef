"""Ladders with their levels, and members who were given one."""

from __future__ import annotations

from typing import Any

import factory

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.tiers.models import GivenTier, Ladder, MemberPrice, Tier
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import ladder_of

from .base import OfTheProgram, OperationFactory, RowFactory, TheProgram, an_hour_ago, now
from .ledger import MemberFactory
from .program import ProgramFactory


class TierFactory(RowFactory):
    """A level above those that a ladder has: `TierFactory(ladder=ladder, name="Ruby", threshold=90_000)`."""

    class Meta:
        model = Tier

    ladder = OfTheProgram("loyalty_oscar.testing.factories.LadderFactory")
    rank = factory.LazyAttribute(lambda tier: tier.ladder.tiers.count() + 1 if tier.ladder.pk else 1)
    code = factory.LazyAttribute(lambda tier: tier.name.lower().replace(" ", "-"))
    name = factory.LazyAttribute(lambda tier: f"Level {tier.rank}")
    threshold = factory.LazyAttribute(lambda tier: tier.rank * 10_000)


class LadderFactory(RowFactory):
    """
    The ladder of a program: Bronze with the first order, Silver from 150.00, Gold from 400.00 in a calendar year.

    `gold__threshold`, `silver__percent`, `bronze__points` say what a level asks and brings; `empty` has no level.
    """

    class Meta:
        model = Ladder

    class Params:
        empty = factory.Trait(bronze=None, silver=None, gold=None)

    program = TheProgram(ProgramFactory)

    bronze = factory.RelatedFactory(TierFactory, "ladder", rank=1, name="Bronze", threshold=1)
    silver = factory.RelatedFactory(TierFactory, "ladder", rank=2, name="Silver", threshold=15_000, percent=110)
    gold = factory.RelatedFactory(TierFactory, "ladder", rank=3, name="Gold", threshold=40_000, percent=120)


class MemberPriceFactory(RowFactory):
    """A price for members of a level and above, since an hour ago: 10 % off everything, or off a `product_set`."""

    class Meta:
        model = MemberPrice

    tier = factory.LazyFunction(lambda: _highest(_ladder(**OfTheProgram.where) or LadderFactory()))
    product_set = None
    percent = 10
    starts_at = factory.LazyFunction(an_hour_ago)


class GivenTierFactory(OperationFactory):
    """
    A level that a member is given, from now to `until` (None: until taken back): the highest of the program's ladder,
    or that `tier`. The member stands on it at once.
    """

    class Meta:
        model = GivenTier

    member = factory.SubFactory(MemberFactory)
    tier = factory.LazyAttribute(
        lambda given: _highest(_ladder(program=given.member.program) or LadderFactory(program=given.member.program))
    )
    until = None
    reason = "a prize"
    actor = "system"
    source = None
    is_strict = False
    at = factory.LazyFunction(now)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> GivenTier:
        member = kwargs.pop("member")
        forget_cache()
        ladder = ladder_of(program_id=member.program_id)
        return give_tier(ladder=ladder, member_id=member.pk, **kwargs)


def _ladder(**of: Any) -> Ladder | None:
    return Ladder.objects.using(write_db()).filter(**of).first()


def _highest(ladder: Ladder) -> Tier | None:
    return ladder.tiers.order_by("rank").last()
