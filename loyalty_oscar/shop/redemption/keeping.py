"""
Keeping what was promised where Oscar's own machinery would not: a second offer stands in for ours where staff close it
while somebody pays, and an order that would be dearer than what was paid is not placed.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, pre_save
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.promises import BasketPromise
from loyalty_oscar.redemption.queries import can_be_set_aside

from ..storefront.offer_hooks import PointsUnavailable
from ..storefront.shown_total import total_of
from .offer import KEEPER, is_lasting, is_ours, keep_offering
from .promise import comes_back, in_force, lines_of, lost_by, set_aside_for
from .quotes import quote_of


def gone() -> str:
    """Return what the customer is told whose points are not there any more."""
    return pgettext("loyalty", "Nothing is set aside for this basket any more. Please look at the total.")


@harmless
def offer_changes(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Where our offer will no longer be open to everybody and somebody may be paying, have what was promised kept.

    Before it is written: afterwards a payment that comes back in between would find neither of the two offers.
    """
    if (
        instance.priority != KEEPER
        and is_ours(offer=instance)
        and not is_lasting(instance)
        and _is_anything_set_aside()
    ):
        keep_offering()


@harmless
def offer_gone(sender: Any, instance: Any, **kwargs: Any) -> None:
    """The same where it is gone (in the transaction that took it, so nobody finds neither)."""
    if instance.priority != KEEPER and is_ours(offer=instance) and _is_anything_set_aside():
        keep_offering()


def _is_anything_set_aside() -> bool:
    return Redemption.objects.using(write_db()).filter(slot__isnull=False, hold__state=Hold.State.OPEN).exists()


def is_to_be_kept(*, basket: Any, redemption: Redemption) -> bool:
    """Return whether our own offer did not take off what was promised, so that the second one does."""
    promise = in_force(basket=basket, redemption=redemption)
    if promise is None or promise.minor == 0:
        return False
    return not any(d.offer and is_ours(offer=d.offer) for line in basket.all_lines() for d in line.discounts)


def check_order(*, basket: Any, off: int) -> None:
    """
    Raise `PointsUnavailable` where an order would cost more than was paid: points take less off (`off` minor units)
    than when the payment began that comes back, and its goods are dearer for it.

    A basket that was thawed longer ago is in its customer's hands, who sees what it costs.
    """
    if not comes_back(basket=basket):
        return
    redemption = set_aside_for(basket=basket)
    if _is_dearer(basket, redemption, off) if redemption else _was_owed(basket):
        raise PointsUnavailable(gone())


def _is_dearer(basket: Any, redemption: Redemption, off: int) -> bool:
    promise = BasketPromise.from_json(redemption.promise) if redemption.promise and redemption.payment_at else None
    promise = in_force(basket=basket, redemption=redemption) or promise
    if promise is None or (promise.lines and not promise.is_of(lines_of(basket=basket))):
        return False
    if promise.minor is None:
        applied = getattr(basket, "_loyalty_applied", None)
        wanted = (
            applied.wanted
            if applied
            else quote_of(basket=basket, unit=redemption.hold.account.unit, redemption=redemption).minor
        )
        return off < wanted
    is_alike = promise.with_tax == basket.is_tax_known and basket.currency == redemption.currency
    return off < promise.minor and not (is_alike and total_of(basket=basket) <= (promise.total or 0))


def _was_owed(basket: Any) -> bool:
    """Return whether points that went back had lowered this very basket when its payment began."""
    lost = lost_by(basket=basket)
    if lost is None or not lost.promise:
        return lost is not None
    promise = BasketPromise.from_json(lost.promise)
    return promise.minor != 0 and (not promise.lines or promise.is_of(lines_of(basket=basket)))


@harmless(but=PointsUnavailable, later="an order is placed without a look at what was promised of its points")
def new_line(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Refuse an order at its first line where its points were promised and nobody took them, whatever way it is placed.

    No query where our offer was asked when offers were applied, and none where nothing is set aside for anything.
    """
    order = instance._state.fields_cache.get("order")
    if order is None or not instance._state.adding or hasattr(order, "_loyalty_checked"):
        return
    order._loyalty_checked = True
    basket = order._state.fields_cache.get("basket")
    if basket is None or basket.owner_id is None or hasattr(order, "_loyalty_used"):
        return
    if comes_back(basket=basket) and (hasattr(basket, "_loyalty_redemption") or can_be_set_aside()):
        check_order(basket=basket, off=0)


pre_save.connect(
    new_line, sender=get_model("order", "Line"), weak=False, dispatch_uid="loyalty_oscar.redemption.new_line"
)
for _signal, _receiver in ((pre_save, offer_changes), (post_delete, offer_gone)):
    _signal.connect(
        _receiver,
        sender=get_model("offer", "ConditionalOffer"),
        weak=False,
        dispatch_uid=f"loyalty_oscar.redemption.{_receiver.__name__}",
    )
