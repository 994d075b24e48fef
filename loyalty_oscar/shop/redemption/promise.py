"""
A frozen basket is a promise: what points took off when its payment began they take off on the way back, whatever the
merchant changed meanwhile, until the gateway's own time-out.

A basket that was thawed keeps it as long as nobody changes it: that is how many gateways come back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.signals import post_init, post_save
from oscar.core.loading import get_model

from loyalty_oscar.ledger import queries as ledger
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import State
from loyalty_oscar.redemption import operations
from loyalty_oscar.redemption.models import Redemption, UseTerms
from loyalty_oscar.redemption.promises import BasketPromise, PromisedLine
from loyalty_oscar.redemption.queries import (
    can_be_set_aside,
    is_open,
    latest_for,
    limits_of,
    on_basket,
    promised,
    terms_of,
)

from ..orders.product_sets import sets_shown
from ..storefront.basket_holds import slot_of
from ..storefront.shown_total import total_of
from .offer import keep_offering

#: For so long after it was thawed a basket counts as one whose payment is coming back in this very process.
COMING_BACK = timedelta(minutes=1)
#: A basket that is open again is held to what was promised at most so long after its points were set aside.
LONGEST = timedelta(days=1)
_thawed: dict[tuple[int, datetime], datetime] = {}
MANY = 10_000


def set_aside_for(*, basket: Any) -> Redemption | None:
    """
    Return what is set aside for a basket; asked once for each basket that was loaded, never for strangers.

    Points of a program that does not serve the site of this request count for nothing here, unless they are promised.
    """
    if basket.pk is None or basket.owner_id is None:
        return None
    if not hasattr(basket, "_loyalty_redemption"):
        found = next((row for row in rows_on(basket=basket) if row.claim_id is None), None)
        is_held = found is not None and is_open(redemption=found)
        counts = is_held and (
            in_force(basket=basket, redemption=found) is not None
            or is_served(basket=basket, program_id=found.hold.account.unit.program_id)
        )
        basket._loyalty_redemption = found if counts else None
        basket._loyalty_lost = found if found is not None and not is_held and found.payment_at else None
    return basket._loyalty_redemption


def rows_on(*, basket: Any) -> list[Redemption]:
    """Return all that was set aside for a basket or put on it, newest first; asked once for each that was loaded."""
    if not hasattr(basket, "_loyalty_rows"):
        basket._loyalty_rows = on_basket(slot=slot_of(basket=basket))
    return basket._loyalty_rows


def has_run_out(*, basket: Any) -> bool:
    """Return whether what was last set aside for a basket went back because its time was over. Two queries."""
    found = latest_for(slot=slot_of(basket=basket))
    return found is not None and ledger.has_run_out(hold=found.hold)


def lost_by(*, basket: Any) -> Redemption | None:
    """Return what a payment of this basket had begun with, where its points went back since; else None."""
    set_aside_for(basket=basket)
    return getattr(basket, "_loyalty_lost", None)


def is_served(*, basket: Any, program_id: int) -> bool:
    """Return whether the site of this request is served by a program, whose points or rewards these are."""
    visit = getattr(getattr(basket.strategy, "request", None), "loyalty", None) if has_prices(basket=basket) else None
    return visit is None or (visit.unit is not None and visit.unit.program_id == program_id)


def lines_of(*, basket: Any) -> list[tuple[int, int]]:
    """Return what is in a basket: the key of each line, and how many."""
    return [(line.pk, line.quantity) for line in basket.all_lines()]


def in_force(*, basket: Any, redemption: Redemption | None) -> BasketPromise | None:
    """Return what was promised of points that are set aside, while the basket is being paid for; else None."""
    if redemption is None or not redemption.promise or not is_open(redemption=redemption):
        return None
    promise = BasketPromise.from_json(redemption.promise)
    is_same = promise.is_of(lines_of(basket=basket))
    if basket.status == basket.FROZEN:
        return promise if is_same else replace(promise, lines=(), total=None)
    return promise if is_same and _is_in_time(redemption) and is_there(promise=promise, redemption=redemption) else None


def is_there(*, promise: BasketPromise, redemption: Redemption) -> bool:
    """Return whether as many points are still set aside as what was promised costs."""
    return promised(redemption=redemption).price(promise.minor or 0) <= redemption.hold.points


def _is_in_time(redemption: Redemption) -> bool:
    """Return whether a gateway may still be at work; not for ever, though a payment begins again and again."""
    began, now = redemption.payment_at, clock.now()
    is_young = now < redemption.hold.created_at + LONGEST
    return began is not None and is_young and now < began + timedelta(minutes=conf.GATEWAY_MINUTES)


def can_be_used(*, basket: Any, redemption: Redemption) -> bool:
    """Return whether points that are set aside count in a basket: they are promised, or can be used today."""
    if in_force(basket=basket, redemption=redemption):
        return True
    program = redemption.hold.account.unit.program
    return program.state not in (State.PAUSED, State.CLOSED) and terms_of(program_id=program.pk) is not None


def promise_of_today(*, basket: Any, terms: UseTerms) -> BasketPromise:
    """Return what the merchant lets points pay for in a basket now."""
    limits = limits_of(terms=terms, currency=basket.currency or "")
    lines = list(basket.all_lines())
    ids = [line.product_id for line in lines]
    sets = sets_shown(product_ids=ids, codes=limits.excluded) if limits.excluded else dict.fromkeys(ids, frozenset())
    # A gift is shut to all offers on its own line alone, not on those of own pieces.
    lowered = {line.product_id for line in lines if line.product.is_discountable}
    return BasketPromise(limits=limits, sets={pk: codes if pk in lowered else None for pk, codes in sets.items()})


@harmless
def basket_saved(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """Note that a payment begins (its basket is frozen) or comes back (it is thawed)."""
    was_frozen = vars(instance).pop("_loyalty_frozen", False)
    if created or instance.owner_id is None:
        return
    if instance.status == instance.FROZEN:
        instance._loyalty_frozen = True
        _begin(instance, is_back=was_frozen or _was_thawed(instance))
    elif instance.status == instance.OPEN and was_frozen:
        if len(_thawed) >= MANY:
            _thawed.clear()
        _thawed[instance.pk, instance.date_created] = clock.now()


@harmless
def basket_loaded(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Remember of a basket that it was frozen when it was loaded."""
    if vars(instance).get("status") == instance.FROZEN:
        instance._loyalty_frozen = True


def comes_back(*, basket: Any) -> bool:
    """Return whether a payment comes back with this basket: it is frozen, or was just thawed and not seen since."""
    return basket.status == basket.FROZEN or _was_thawed(basket)


def _was_thawed(basket: Any) -> bool:
    thawed = _thawed.get((basket.pk, basket.date_created))
    return thawed is not None and clock.now() < thawed + COMING_BACK


def is_seen_again(*, basket: Any) -> None:
    """Its customer looks at the basket: from now on it is hers again, and no payment that comes back."""
    if _thawed:
        _thawed.pop((basket.pk, basket.date_created), None)


def _begin(basket: Any, *, is_back: bool) -> None:
    """A payment begins: what its customer saw is promised from now on. Or one `is_back`, and nothing new is seen."""
    if not hasattr(basket, "_loyalty_redemption") and not can_be_set_aside():
        return
    redemption = set_aside_for(basket=basket)
    if redemption is not None:
        redemption.promise, redemption.payment_at = _promised_now(basket, redemption, is_back), clock.now()
        applied = getattr(basket, "_loyalty_applied", None)
        is_closing = applied is not None and not applied.is_lasting
        transaction.on_commit(lambda: _write_down(redemption, is_closing), using=write_db(), robust=True)
    elif (lost := basket._loyalty_lost) and not is_back:
        # Its customer saw what it costs without points, and pays that.
        basket._loyalty_lost = None
        transaction.on_commit(lambda: operations.leave(slot=lost.slot), using=write_db(), robust=True)


def _write_down(redemption: Redemption, is_closing: bool) -> None:
    """Only once it is committed, so that a payment in a long transaction locks nothing of its customer's account."""
    if redemption.order_id is None:
        lasts = timedelta(minutes=conf.GATEWAY_MINUTES)
        operations.begin_payment(redemption=redemption, until=redemption.payment_at + lasts)
        if is_closing:
            keep_offering()


def _promised_now(basket: Any, redemption: Redemption, is_back: bool) -> dict[str, Any] | None:
    """
    Return what is promised from now on: what the customer saw, which on the way back is what was promised before.

    Where offers were applied and ours was not among them, points took nothing off; where nobody looked at prices, the
    limits of today are all there is.
    """
    applied = getattr(basket, "_loyalty_applied", None)
    known = BasketPromise.from_json(redemption.promise) if redemption.promise else None
    lines, is_seen = lines_of(basket=basket), applied is not None or (has_prices(basket=basket) and not is_back)
    is_kept = applied.promise if applied else _is_in_time(redemption) and not is_seen
    if known and is_kept and known.is_of(lines):
        return redemption.promise
    terms = terms_of(program_id=redemption.hold.account.unit.program_id)
    promise = promise_of_today(basket=basket, terms=terms) if terms else known
    if promise is None:
        return None
    parts = (applied.parts if applied else ()) or (0 if is_seen else None,) * len(lines)
    promise = replace(
        promise,
        lines=tuple(
            PromisedLine(line_id=pk, quantity=quantity, minor=part)
            for (pk, quantity), part in zip(lines, parts, strict=True)
        ),
        total=None,
    )
    if is_seen:
        promise = replace(promise, total=total_of(basket=basket), with_tax=basket.is_tax_known)
    return replace(promise, because=applied.quote.because if applied else None).to_json()


def has_prices(*, basket: Any) -> bool:
    """Return whether somebody gave a basket a strategy, so that its lines have prices."""
    try:
        return basket.strategy is not None
    except RuntimeError:  # Oscar's, of a basket that nobody gave a strategy.
        return False


for _signal, _receiver in ((post_init, basket_loaded), (post_save, basket_saved)):
    _signal.connect(
        _receiver,
        sender=get_model("basket", "Basket"),
        weak=False,
        dispatch_uid=f"loyalty_oscar.redemption.{_receiver.__name__}",
    )
