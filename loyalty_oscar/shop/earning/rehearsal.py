"""Earning in a rehearsal: the order brings what its basket promised, and a returned unit takes some of it along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from loyalty_oscar.kernel.facts import delivery_of
from loyalty_oscar.ledger.models import Kind

from ..orders.facts import gather_basket
from ..rehearsal import Number, Scene, rehearsal_parts
from .quotes import Quoter


class EarningPart:
    """What the play adds where orders earn points."""

    def before(self, *, scene: Scene) -> Iterator[Number]:
        """Nothing: what a basket promises is known when its points are applied."""
        yield from ()

    def placed(self, *, scene: Scene) -> Iterator[Number]:
        """Compare what the order earned with what stood in the basket."""
        teller = Quoter(unit=scene.unit, at=scene.at)
        bought = gather_basket(basket=scene.basket, set_codes=(), at=scene.at, is_first=True)
        incl, excl = scene.minor(scene.order.shipping_incl_tax), scene.minor(scene.order.shipping_excl_tax)
        bought = replace(bought, delivery=delivery_of(paid_minor=incl, paid_excl_minor=excl))
        promised = teller.decide(teller.in_sets(bought)).points
        yield Number(
            what=f"{scene.called} earned", got=scene.counted(scene.booked(Kind.EARN)), expected=scene.counted(promised)
        )

    def returned(self, *, scene: Scene) -> Iterator[Number]:
        """Tell what the unit took along."""
        yield Number(what=f"{scene.called} taken back with a unit", got=scene.counted(-scene.booked(Kind.CLAW)))


rehearsal_parts.register("earning", order=10)(EarningPart())
