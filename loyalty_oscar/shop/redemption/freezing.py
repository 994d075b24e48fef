"""
The last look before money is taken: a checkout freezes its basket, and from then on nobody takes its points away.

What was taken between the page and the freeze shows here, while nothing is paid yet.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.urls import reverse
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless

from ..storefront.offer_hooks import LookAgain
from .discount import applied_to


@harmless(but=LookAgain, later="nobody could see whether the points of a basket are still set aside")
def look_once_more(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Refuse to go on to the payment of a basket whose points are no longer all set aside; it is open again then.

    Costs one query where points lower the price, none elsewhere. A fault of ours never stops a checkout.
    """
    if instance.status != instance.FROZEN or not applied_to(basket=instance):
        return
    if _is_short(applied_to(basket=instance)):
        # Only this: other fields of the instance are the checkout's, and no receiver shall hear of a save.
        frozen = sender._default_manager.using(write_db()).filter(pk=instance.pk, status=instance.FROZEN)
        frozen.update(status=instance.OPEN)
        instance.status = instance.OPEN
        text = pgettext("loyalty", "Nothing is set aside for this basket any more. Please look at the total.")
        raise LookAgain(text, url=f"{reverse('checkout:preview')}#points")


def _is_short(applied: Any) -> bool:
    held = Hold.objects.using(write_db()).filter(pk=applied.redemption.hold_id)
    state, points = held.values_list("state", "points").first() or ("", 0)
    # django-oscar-api freezes the basket of an order that is placed, whose points are used by then.
    return (
        bool(applied.minor) and state != Hold.State.CAPTURED and (state != Hold.State.OPEN or points < applied.points)
    )


post_save.connect(
    look_once_more, sender=get_model("basket", "Basket"), dispatch_uid="loyalty_oscar.shop.redemption.look_once_more"
)
