"""
What a reward changes of an order's delivery, tried on the very basket and put back: money off may end free delivery,
and free delivery is worth nothing where delivery costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import money
from loyalty_oscar.redemption.kinds import DELIVERY, OFF
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.words import sentence

from ...storefront.shown_total import order_cost
from ..discount import KeptLine, take_off
from ..trying import stand_in, without_points
from .in_basket import given_to, reduction_of
from .offers import OFFERS

logger = logging.getLogger("loyalty_oscar")


def said_of_delivery(*, basket: Any, claim: Claim, row: Redemption | None, request: Any) -> str:
    """
    Return what a reward that lies on a basket (`row`) or might does to the delivery of its order, or nothing.

    Asks the shop what delivery costs, of money off and of delivery alone. Where the shop's own code fails nothing is
    said.
    """
    if claim.reward.kind not in (OFF, DELIVERY):
        return ""
    try:
        with without_points(basket=basket):
            if claim.reward.kind == DELIVERY:
                with _undelivered(basket):
                    is_free = not order_cost(basket=basket, request=request).delivery
                return (
                    sentence(because=Because("delivery_is_free_already"), unit=request.loyalty.unit) if is_free else ""
                )
            return _in_words(*_delivery(basket, claim, row, request), basket.currency)
    except Exception:
        # The shop's own code runs here, and its page tells the total in any case.
        logger.debug("nobody can say what delivery costs with a reward", exc_info=True)
        return ""


def _in_words(before: int, after: int, currency: str) -> str:
    if after <= before:
        return ""
    told = {"amount": money.in_words(minor=after - before, currency=currency)}
    if before == 0:
        return pgettext("loyalty", "With it, delivery is no longer free: it costs %(amount)s.") % told
    return pgettext("loyalty", "With it, delivery costs %(amount)s more.") % told


def _delivery(basket: Any, claim: Claim, row: Redemption | None, request: Any) -> tuple[int, int]:
    """Return what delivery costs without a reward that takes money off, and with it (minor units)."""
    here = order_cost(basket=basket, request=request).delivery
    lines = list(basket.all_lines())
    now = [KeptLine(line) for line in lines]
    try:
        if row is not None:
            for line in given_to(basket=basket).before:
                line.put_back()
            return order_cost(basket=basket, request=request).delivery, here
        quote = reduction_of(basket=basket, row=Redemption(claim=claim))
        if not quote.minor:
            return here, here
        offer = stand_in(lines=lines, priority=OFFERS[OFF].priority)
        take_off(lines=lines, parts=quote.parts, offer=offer, currency=basket.currency or "")
        return here, order_cost(basket=basket, request=request).delivery
    finally:
        for line in now:
            line.put_back()


@contextmanager
def _undelivered(basket: Any) -> Iterator[None]:
    """Let rewards pay for no delivery for so long."""
    given = given_to(basket=basket)
    given.pays_delivery = False
    try:
        yield
    finally:
        given.pays_delivery = True
