"""Customers for whom everything is on at once: a level, a sale with a quota, a member price, a friend and campaigns."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.referrals.operations import bind, code_of
from loyalty_oscar.tiers.models import Ladder, MemberPrice

from .sales import Sales

QUOTA = 1_000_000


class Everything:
    """What can be in force on top of points."""

    def __init__(self, sales: Sales, shopping: Any) -> None:
        self.sales, self.unit, self.how = sales, sales.unit, ""
        program = self.unit.program
        self.scheme = Scheme.objects.create(program=program, giver_points=150, newcomer_points=100, least_minor=1000)
        for kind in ("register", "review", "birthday"):
            Campaign.objects.create(program=program, code=kind, name=kind.title(), occasion=kind, points=50)
        giver = join(program=program, user_id=shopping.a_person("giver@example.com").pk, at=sales.at)
        self.code = code_of(member=giver).code

    def switch(self, how: str) -> None:
        """
        Put all of it in force, or take it out again; what is so already keeps the process warm.

        Only the first of twenty sales counts its pieces.
        """
        if how == self.how:
            return
        self.how = how
        is_on = how == "everything"
        Ladder.objects.update(is_on=is_on)
        MemberPrice.objects.update(is_on=is_on)
        Scheme.objects.update(is_on=is_on)
        Campaign.objects.update(is_on=is_on)
        Sale.objects.update(is_on=is_on, public_from=None)
        counted = Sale.objects.get(code="sale0")
        counted.quota, counted.per_member = QUOTA, QUOTA
        counted.save()
        forget_cache()

    def bring(self, user: Any) -> None:
        """Let a customer have come by a friend, and stand on the level that sales open to."""
        self.sales.give(user)
        bind(code=self.code, program_id=self.unit.program_id, user_id=user.pk, at=self.sales.at)
