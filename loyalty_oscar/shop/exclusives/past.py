"""Sales in the history of prices: who may buy before others at which price, and when that begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.exclusives.queries import any_sale, sales_in_force, with_doors
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import begun_units

from ..pricing.audiences import Audience, Moment, pricings
from ..storefront.visit import Visit
from ..upkeep import jobs
from .visitors import products_of, who_visits


class EarlySales:
    """What sales have to do with past prices."""

    def paying(self, *, at: datetime) -> Iterator[Audience]:
        """Yield those whom a door lets in now."""
        for unit in begun_units() if any_sale() else ():
            for sale in sales_in_force(program_id=unit.program_id):
                for door in sale.dates.doors if not rules.is_over(sale=sale.dates, at=at) else ():
                    if door.buys_from <= at:
                        yield Audience(program_id=unit.program_id, rank=door.rank, segment_id=door.segment_id)

    def of(self, *, visit: Visit) -> Iterator[Audience]:
        """Yield all members, the visitor's level and those below it, each alone and with each of their segments."""
        who, program_id = who_visits(visit=visit), visit.unit.program_id
        for rank in range(who.rank + 1) if who.is_member else ():
            for segment_id in (None, *who.segments):
                yield Audience(program_id=program_id, rank=rank, segment_id=segment_id)

    def pretend(self, *, visit: Visit, audience: Audience) -> None:
        """Let the visitor stand on the level, and be in the segment."""
        segments = frozenset() if audience.segment_id is None else frozenset({audience.segment_id})
        who = rules.Who(is_member=True, rank=audience.rank, segments=segments)
        visit.once(key=("who", visit.user.pk), load=lambda: who)

    def moments(self, *, since: datetime, until: datetime) -> Iterator[Moment]:
        """Yield when doors open, when sales are for everybody, and when they end."""
        rows = Sale.objects.using(write_db()).filter(is_on=True)
        rows = rows.select_related("product_set").prefetch_related(with_doors())
        for sale in rows if any_sale() else ():
            dates = (sale.public_from, sale.ends_at, *(door.buys_from for door in sale.doors.all()))
            due = {moment for moment in dates if moment and since < moment <= until}
            yield from ((moment, products_of(sale=sale)) for moment in due)


pricings.register("exclusives")(EarlySales())
for _model in (Sale, Door):
    for _signal in (post_save, post_delete):
        _name = f"loyalty_oscar.shop.exclusives.past.{_model.__name__}"
        _signal.connect(jobs.look_at_prices, sender=_model, dispatch_uid=_name)
