"""Sales that open to some before others."""

from __future__ import annotations

from datetime import timedelta

import factory

from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.program import clock

from .base import RowFactory, TheProgram, an_hour_ago
from .products import ProductSetFactory
from .program import ProgramFactory


class DoorFactory(RowFactory):
    """
    Who gets into a sale before the others, since an hour ago: every member. `rank` and `segment` narrow that.

    A sale has one already (`door__rank`).
    """

    class Meta:
        model = Door

    sale = factory.SubFactory("loyalty_oscar.testing.factories.SaleFactory", door=None)
    rank = 0
    segment = None
    seen_from = factory.LazyFunction(an_hour_ago)
    buys_from = factory.SelfAttribute("seen_from")


class SaleFactory(RowFactory):
    """
    A sale in force: every member may buy since an hour ago, everybody in two days, and in a week it is over.

    `SaleFactory(product_set__products=[bed], percent=20, door__rank=3)`; `door=None` lets nobody in before the others.
    Others see the products with a lock, or not at all where it is `hidden`; `public` is open to everybody by now.
    """

    class Meta:
        model = Sale

    class Params:
        hidden = factory.Trait(mode=Sale.Mode.HIDE)
        public = factory.Trait(public_from=factory.LazyFunction(an_hour_ago))

    program = TheProgram(ProgramFactory)
    code = factory.Sequence(lambda n: f"sale-{n}")
    name = "First on the trail"
    product_set = factory.SubFactory(ProductSetFactory)
    public_from = factory.LazyFunction(lambda: clock.now() + timedelta(days=2))
    ends_at = factory.LazyFunction(lambda: clock.now() + timedelta(days=7))
    is_on = True

    door = factory.RelatedFactory(DoorFactory, "sale")
