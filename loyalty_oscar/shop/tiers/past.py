"""Member prices in the history of prices: who pays them, and when they begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import begun_units
from loyalty_oscar.tiers.models import MemberPrice, Standing
from loyalty_oscar.tiers.queries import prices_in_force

from ..orders.product_sets import all_of
from ..pricing.audiences import Audience, Moment, pricings
from ..storefront.visit import Visit
from ..upkeep import jobs
from .levels import rank_of_visit


class MemberPrices:
    """What levels have to do with past prices."""

    def paying(self, *, at: datetime) -> Iterator[Audience]:
        """Yield the levels with a price of their own."""
        for unit in begun_units():
            for row in prices_in_force(program_id=unit.program_id, at=at):
                yield Audience(program_id=unit.program_id, rank=row.tier.rank)

    def of(self, *, visit: Visit) -> Iterator[Audience]:
        """Yield the visitor's level and those below it."""
        for rank in range(1, rank_of_visit(visit=visit) + 1):
            yield Audience(program_id=visit.unit.program_id, rank=rank)

    def pretend(self, *, visit: Visit, audience: Audience) -> None:
        """Let the visitor stand on the level."""
        visit.once(key="standing", load=lambda: Standing(rank=audience.rank))

    def moments(self, *, since: datetime, until: datetime) -> Iterator[Moment]:
        """Yield when member prices begin and end."""
        rows = MemberPrice.objects.using(write_db()).filter(is_on=True, tier__ladder__is_on=True)
        for row in rows.select_related("product_set"):
            products = all_of(code=row.product_set.code) if row.product_set else None
            yield from ((at, products) for at in (row.starts_at, row.ends_at) if at and since < at <= until)


pricings.register("tiers")(MemberPrices())
for _signal in (post_save, post_delete):
    _signal.connect(jobs.look_at_prices, sender=MemberPrice, dispatch_uid="loyalty_oscar.shop.tiers.past")
