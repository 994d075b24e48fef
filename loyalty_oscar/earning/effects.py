"""
What orders bring: the order effect `earning`, told orders as they are, posts what is missing or too much.

State-based: the award's snapshot and what is left of the order say what should have been given by now;
the difference goes to the award's account. So any number of calls in any order end in the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger.operations.recording import posting
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import begun_units

from .allowances import hold_still, waiting
from .awarding import award_new
from .following import follow, post_difference
from .models import Award
from .queries import awards_of, book_of, read_lines


class EarningEffect:
    """The order effect of this floor."""

    @posting
    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """
        Bring the ledger in line with these orders; `batch` names a welcome, which counts old orders too.

        One transaction; the caller holds the marks of the orders, so two workers never do one order at once.
        """
        there = [order for order in orders if order.purchase.lines]
        units = {unit.pk: unit for unit in begun_units()} if there else {}
        with transaction.atomic(using=write_db(), savepoint=False):
            awards = awards_of(source_kind="order", source_ids=[o.order_id for o in there if not o.is_new])
            fresh = [
                (order, units[order.unit_id])
                for order in there
                if order.order_id not in awards and order.unit_id in units
            ]
            if len(there) > 1:
                books = [book_of(unit=unit) for unit in units.values()]
                hold_still(awards=awards.values(), fresh=fresh, books=books)
            # What came to nothing first: whoever bought in its place may be the first then.
            for order in there:
                award = awards.get(order.order_id)
                if award is not None:
                    # It knows its program already. An award stays with its own, whichever serves the site by now.
                    award.unit = units.get(award.unit_id, award.unit)
                    follow(order=order, award=award, at=at, batch=batch)
            for order, award in award_new(orders=fresh, at=at, batch=batch):
                if order.has_gone:
                    # Seen for the first time with a part of it gone: the snapshot is of the whole, what stands is not.
                    read_lines(award=award)
                    follow(order=order, award=award, at=at)

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> None:
        """Post what these orders, which have an award, would bring or lose; writes nothing of its own."""
        awards = awards_of(source_kind="order", source_ids=[order.order_id for order in orders])
        for order in orders:
            award = awards.get(order.order_id)
            if award is not None:
                post_difference(order=order, award=award, at=at)

    def asks_again(self) -> Iterable[int]:
        """
        Return the orders that missed a rule whose code had left and is back, or which has ended since; and those that
        stood again when others had what a budget gave them, and now it has some again.
        """
        units, awards = {unit.pk: unit for unit in begun_units()}, Award.objects.using(write_db()).order_by("pk")
        for award in awards.exclude(missed=[]).iterator():
            unit = units.get(award.unit_id)
            if unit and _is_news(award, unit):
                yield award.source_id
        for award in waiting(awards=awards.filter(source_kind="order", given__lt=F("points"), dead=False)):
            yield award.source_id

    def set_codes(self) -> frozenset[str]:
        """Return the product sets that rules name or programs exclude."""
        units = begun_units()
        excluded = {unit.program.excluded_set.code for unit in units if unit.program.excluded_set}
        return frozenset(excluded.union(*(book_of(unit=unit).sets() for unit in units)))


def _is_news(award: Award, unit: Unit) -> bool:
    book = book_of(unit=unit)
    still = book.missing_at(unit_id=unit.pk, moment=award.rules_at)
    return any(code not in still or book.is_ended(code=code, unit_id=unit.pk) for code in award.missed)


earning = EarningEffect()
