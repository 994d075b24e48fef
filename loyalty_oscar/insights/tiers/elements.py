"""What each level did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Min
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.tiers.models import MemberPrice, Standing
from loyalty_oscar.tiers.queries import counts_of, ladder_of, tier_name, tiers_on

from ..elements import ElementYear, YearOfUnit, elements


class LevelParts:
    """
    Levels of a ladder that is in force; who stands on one uses it. It costs its gift, and what it adds to orders; of
    one with member prices nobody can say it, for what they take off is written down nowhere.
    """

    title = pgettext_lazy("loyalty", "Level")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        program_id = year.unit.program_id
        ladder = ladder_of(program_id=program_id)
        if ladder is None:
            return []
        there = counts_of(program_id=program_id)
        prices = MemberPrice.objects.using(write_db()).filter(tier__ladder=ladder, starts_at__lt=year.until)
        priced = set(prices.exclude(ends_at__lte=year.since).values_list("tier_id", flat=True))
        stood = Standing.objects.using(write_db()).filter(tier__ladder=ladder).order_by()
        firsts = dict(stood.values_list("tier").annotate(Min("starts_at")))
        return [
            ElementYear(
                item=str(tier.pk),
                name=tier.name,
                since=year.begin(ladder.set_at, firsts.get(tier.pk)),
                cost=None if tier.pk in priced else year.cost(("levels", str(tier.pk)), ("rules", f"tier:{tier.rank}")),
                uptake=there.get(tier.rank, 0),
                could=year.members,
            )
            for tier in ladder.known_tiers
        ]

    def called(self, *, item: str) -> str:
        tier = tiers_on().get(int(item))
        return tier_name(tier=tier) if tier else ""


elements.register("levels", order=20)(LevelParts())
