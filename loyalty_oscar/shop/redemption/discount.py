"""
Points as a discount on a basket: what they may pay for, spread over the lines to the cent, taken with the order.

Reading a page asks for the hold and changes nothing; `applied = min(set aside, what the basket takes)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, prefetch_related_objects
from django.utils.translation import pgettext
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.rounding import left_to_pay, spread, to_major
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.money import exact_minor, exponent, to_minor
from loyalty_oscar.redemption import operations
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.queries import open_for, promised, terms_of
from loyalty_oscar.redemption.rules import Quote

from ..offers import PointsUnavailable, discounts
from ..slots import slot_of
from .lines import expect, parts_of
from .quotes import quote_of, to_pay


@dataclass(kw_only=True, slots=True)
class Applied:
    """What points do to a basket in this request: the decision, and what each line really got (minor units)."""

    redemption: Redemption
    quote: Quote
    parts: Sequence[int] = ()

    @property
    def minor(self) -> int:
        """Return what comes off the basket, in minor units."""
        return sum(self.parts)

    @property
    def points(self) -> int:
        """Return the points that are charged for it."""
        return promised(redemption=self.redemption).price(self.minor)


def set_aside_for(*, basket: Any) -> Redemption | None:
    """
    Return what is set aside for a basket; asked once for each basket that was loaded, never for strangers.

    Points of a program that does not serve the site of this request count for nothing here.
    """
    if basket.pk is None or basket.owner_id is None:
        return None
    if not hasattr(basket, "_loyalty_redemption"):
        found = open_for(slot=slot_of(basket=basket))
        basket._loyalty_redemption = found if found and _is_here(basket, found) else None
    return basket._loyalty_redemption


def applied_to(*, basket: Any) -> Applied | None:
    """Return what points came to when the offers of this basket were applied, or None."""
    return getattr(basket, "_loyalty_applied", None)


def look_again(*, basket: Any, request: Any) -> None:
    """Apply all offers anew, after points were set aside or given back in this request."""
    for name in ("_loyalty_redemption", "_loyalty_applied"):
        if hasattr(basket, name):
            delattr(basket, name)
    basket.reset_offer_applications()
    if not basket.is_empty:
        get_class("offer.applicator", "Applicator")().apply(basket, request.user, request)


class PointsDiscount:
    """What our offer does; its three parts are called by the classes that Oscar's rows name."""

    def is_wanted(self, *, basket: Any) -> bool:
        """Return whether points are set aside for this basket and can be used at all."""
        found = set_aside_for(basket=basket)
        return found is not None and terms_of(program_id=found.hold.account.unit.program_id) is not None

    def apply(self, *, basket: Any, offer: Any) -> Any:
        """Take what the set-aside points buy off the lines, on top of whatever other offers took."""
        lines, zero = list(basket.all_lines()), get_class("offer.results", "ZERO_DISCOUNT")
        if any(discount.offer is offer for line in lines for discount in line.discounts):
            return zero
        found = set_aside_for(basket=basket)
        quote = quote_of(basket=basket, unit=found.hold.account.unit, redemption=found)
        basket._loyalty_applied = applied = Applied(redemption=found, quote=quote)
        _know_combinations(lines, offer)
        applied.parts = _take_off(lines, quote.parts, offer, found.currency)
        if not applied.minor:
            return zero
        # This instance only: the name stands in the totals, on the order and in its mail, and nobody saves it.
        offer.name = self.name(applied)
        offer.record_usage = partial(_count_after_commit, offer.pk)
        amount = to_major(minor=applied.minor, exponent=exponent(currency=found.currency))
        return get_class("offer.results", "BasketDiscount")(amount)

    def take(self, *, basket: Any, order: Any) -> str:
        """
        Take the points for an order, inside its transaction; returns what stands on its discount.

        Raises `PointsUnavailable` where they are no longer set aside, and the order is not placed.
        """
        applied, at, number = applied_to(basket=basket), clock.now(), str(order.number)
        gone = pgettext("loyalty", "Your points are no longer set aside for this basket. Please look at the total.")
        if applied is None or applied.redemption.hold.account.member.user_id != order.user_id:
            raise PointsUnavailable(gone)
        use = applied.redemption
        lines = parts_of(lines=list(basket.all_lines()), minors=applied.parts, currency=use.currency)
        try:
            if not order.__dict__.pop("_loyalty_written", False):  # One that was just written used nothing before.
                operations.replace(order_id=order.pk, number=number, at=at)
            operations.take(redemption=use, order_id=order.pk, number=number, minor=applied.minor, lines=lines, at=at)
        except LoyaltyError as error:
            raise PointsUnavailable(gone) from error
        expect(order=order, use=use)
        order._loyalty_used = self.name(applied)
        return order._loyalty_used

    def name(self, applied: Applied) -> str:
        """Return "500 paws used"."""
        points = words.points(unit=applied.redemption.hold.account.unit, points=applied.points)
        return pgettext("loyalty", "%(points)s used") % {"points": points}


discounts.register("points")(PointsDiscount())


def _is_here(basket: Any, found: Redemption) -> bool:
    """Return whether the site of this request is served by the program whose points these are."""
    visit = getattr(getattr(basket.strategy, "request", None), "loyalty", None)
    return visit is None or (visit.unit is not None and visit.unit.pk == found.hold.account.unit_id)


def _take_off(lines: Sequence[Any], parts: Sequence[int], offer: Any, currency: str) -> tuple[int, ...]:
    """Take parts off lines; returns what each really gave, which adds up to what the total that is shown fell by."""
    before = [to_pay(line=line) for line in lines]
    left = left_to_pay(exact=[exact_minor(amount=price, currency=currency) for price in before], parts=parts)
    for line, price, minor in zip(lines, before, left, strict=True):
        if minor is not None:
            _leave(line, price, to_major(minor=minor, exponent=exponent(currency=currency)), offer)
    after = [to_pay(line=line) for line in lines]
    fell = to_minor(amount=sum(before), currency=currency) - to_minor(amount=sum(after), currency=currency)
    return tuple(spread(total=fell, weights=[old - new for old, new in zip(before, after, strict=True)]))


def _leave(line: Any, price: Decimal, left: Decimal, offer: Any) -> None:
    """
    Discount a line whose price is seen so that this is left of it.

    Tax-exclusive discounts keep their full precision, so that the price with tax lands on the cent.
    """
    with_tax = _with_tax(line)
    amount = price - left
    if line.is_tax_known and not with_tax:
        amount = line.line_price_excl_tax_incl_discounts - left * line._tax_ratio
    line.discount(amount, line.quantity, incl_tax=with_tax, offer=offer)


def _with_tax(line: Any) -> bool:
    """Return whether a line is discounted with tax: as it was before, else as the shop's setting says. Never mixed."""
    if not line.is_tax_known or line.discounts.excl_tax:
        return False
    return bool(line.discounts.incl_tax) or settings.OSCAR_OFFERS_INCL_TAX


def _know_combinations(lines: Sequence[Any], offer: Any) -> None:
    """Oscar asks each offer of a line for its combinations; ask them all at once. No query without other offers."""
    offer._prefetched_objects_cache = {"combinations": type(offer)._default_manager.none()}
    others = {discount.offer for line in lines for discount in line.discounts if discount.offer}
    prefetch_related_objects([other for other in others if not other.exclusive], "combinations")


def _count_after_commit(offer_id: int, application: Any) -> None:
    """Count a use of our offer once its order is committed: inside, its one row would be a lock for the whole shop."""
    offers = get_model("offer", "ConditionalOffer")._default_manager.filter(pk=offer_id)
    counted = {
        "num_applications": F("num_applications") + application["freq"],
        "num_orders": F("num_orders") + 1,
        "total_discount": F("total_discount") + application["discount"],
    }
    transaction.on_commit(lambda: offers.update(**counted), robust=True)
