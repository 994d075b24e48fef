"""Points in a rehearsal: some are set aside, the order takes them, and a returned unit brings its share back."""

from __future__ import annotations

from collections.abc import Iterator

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Kind
from loyalty_oscar.program.db import rolled_back, write_db
from loyalty_oscar.redemption.queries import terms_of, use_in_force
from loyalty_oscar.redemption.rules import RedemptionQuote

from ..rehearsal import Number, Scene, bill_of, place, rehearsal_parts
from ..rehearsal.scene import EMAIL
from .discount import applied_to, look_again
from .offer import our_offers
from .quotes import quote_of
from .use_points import Refused, use_points


class RedemptionPart:
    """What the play adds where customers can use points."""

    def before(self, *, scene: Scene) -> Iterator[Number]:
        """Give the customer points and set half of what the basket takes aside."""
        terms, most = terms_of(program_id=scene.unit.program_id), quote_of(basket=scene.basket, unit=scene.unit)
        if terms is None or not most.most:
            why = "nobody can use any: see “limits of use”" if terms is None else most.because.code
            yield Number(what=f"{scene.called} that this basket takes", got=f"0 ({why})")
            return
        points = max(terms.minimum, most.most // 2 // terms.step * terms.step, terms.step)
        points = min(points, terms.per_day or points)
        self._give(scene, points)
        before = scene.total()
        try:
            use = use_points(account=scene.account, unit=scene.unit, basket=scene.basket, points=points, at=scene.at)
        except Refused as refused:
            yield Number(what=f"{scene.called} set aside", got=f"0 ({refused.text})", expected=scene.counted(points))
            return
        yield Number(
            what=f"{scene.called} set aside", got=scene.counted(use.hold.points), expected=scene.counted(points)
        )
        wanted = quote_of(basket=scene.basket, unit=scene.unit, redemption=use)
        look_again(basket=scene.basket, request=scene.request)
        scene.kept["points"] = wanted
        yield Number(
            what=f"taken off the basket for {scene.counted(wanted.points)}{'' if scene.unit.is_money else ' points'}",
            got=scene.money(before - scene.total()),
            expected=scene.money(wanted.minor),
            path=scene.in_basket,
        )
        applied = applied_to(basket=scene.basket)
        got = applied.points if applied else 0
        yield Number(
            what=f"{scene.called} charged",
            got=scene.counted(got),
            expected=scene.counted(wanted.points),
            path=scene.in_basket,
        )
        scene.kept["webhook"] = self._of_webhook(scene, wanted.points)

    def _of_webhook(self, scene: Scene, points: int) -> Number:
        """
        Place the order as a webhook does that knows no user, and take it back.

        A shop that places none so need not be able to.
        """
        what, before = f"{scene.called} used by an order placed without its user", scene.booked(Kind.CAPTURE)
        try:
            with rolled_back():
                place(scene=scene, bill=bill_of(scene=scene), user=None, guest_email=EMAIL)
                used = scene.counted(before - scene.booked(Kind.CAPTURE))
        except Exception as error:  # noqa: BLE001 - the store's own code runs here
            return Number(what=what, got=f"no order: {type(error).__name__}: {error}")
        finally:
            scene.basket.status = scene.basket.OPEN
            look_again(basket=scene.basket, request=scene.request)
        return Number(what=what, got=used, expected=scene.counted(points), path=scene.in_order)

    def _give(self, scene: Scene, points: int) -> None:
        grant = ledger.LotGrant(
            account_id=scene.account.pk, points=points, key="rehearsal:points", source="rehearsal",
            kind=Kind.ADJUST, because=Because("adjusted"), available_at=scene.at,
        )  # fmt: skip
        ledger.post(grant=grant, at=scene.at)
        scene.account.refresh_from_db(using=write_db())

    def placed(self, *, scene: Scene) -> Iterator[Number]:
        """Look for the discount on the order and for the points in the ledger."""
        wanted: RedemptionQuote | None = scene.kept.get("points")
        if wanted is None:
            return
        rows = scene.order.discounts.filter(offer_id__in=list(our_offers().values_list("pk", flat=True)))
        yield Number(
            what=f"discount of {scene.called} on the order",
            got=scene.money(scene.minor(sum(row.amount for row in rows))),
            expected=scene.money(wanted.minor),
            path=(*scene.in_order, *scene.in_basket),
        )
        used = -scene.booked(Kind.CAPTURE)
        yield Number(
            what=f"{scene.called} used",
            got=scene.counted(used),
            expected=scene.counted(wanted.points),
            path=scene.in_order,
        )
        scene.account.refresh_from_db(using=write_db())
        yield Number(
            what=f"{scene.called} still set aside",
            got=scene.counted(scene.account.reserved),
            expected=scene.counted(0),
            path=scene.in_order,
        )
        yield scene.kept["webhook"]

    def returned(self, *, scene: Scene) -> Iterator[Number]:
        """Look for the share of the unit among the points."""
        use = use_in_force(order_id=scene.order.pk) if "points" in scene.kept else None
        if use is None:
            return
        due = taken_back(points=use.points, gone=1, quantity=scene.quantity)
        came = scene.booked(Kind.RESTORE)
        yield Number(
            what=f"{scene.called} returned with a unit",
            got=scene.counted(came),
            expected=scene.counted(due),
            path=scene.in_order,
        )


rehearsal_parts.register("redemption", order=20)(RedemptionPart())
