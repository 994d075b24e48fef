"""
Points as a discount on a basket: what they may pay for, spread over the lines to the cent, taken with the order.

Reading a page asks for the hold and changes nothing; `applied = min(set aside, what the basket takes)`.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, prefetch_related_objects
from django.utils.translation import pgettext
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.rounding import exact_minor, left_to_pay, spread, to_major
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.money import exponent
from loyalty_oscar.redemption import operations
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.promises import BasketPromise
from loyalty_oscar.redemption.queries import promised
from loyalty_oscar.redemption.rules import RedemptionQuote

from ..pricing.amounts import decimals, finer, grain, shown_minor
from ..rehearsal import forks
from ..storefront.offer_hooks import PointsUnavailable, discounts
from .apart import keep_quiet
from .keeping import check_order, gone, is_to_be_kept
from .lines import expect, parts_of
from .offer import KEEPER, is_lasting
from .promise import can_be_used, in_force, set_aside_for
from .quotes import quote_of, to_pay

logger = logging.getLogger("loyalty_oscar")


@dataclass(kw_only=True, slots=True)
class Applied:
    """
    What points do to a basket in this request: the decision, and what each line really got (minor units).

    `promise` is what was promised, where that decided; `wanted` what should have come off; `is_lasting` whether nothing
    will close the offer that took it off. `before` puts the lines back to where they were without points.
    """

    redemption: Redemption
    quote: RedemptionQuote
    parts: Sequence[int] = ()
    promise: BasketPromise | None = None
    is_lasting: bool = True
    wanted: int = 0
    before: Sequence[KeptLine] = ()

    @property
    def minor(self) -> int:
        """Return what comes off the basket, in minor units."""
        return sum(self.parts)

    @property
    def points(self) -> int:
        """Return the points that are charged for it."""
        return promised(redemption=self.redemption).price(self.minor)


def applied_to(*, basket: Any) -> Applied | None:
    """Return what points came to when the offers of this basket were applied, or None."""
    return getattr(basket, "_loyalty_applied", None)


def look_again(*, basket: Any, request: Any) -> None:
    """Apply all offers anew, after points were set aside or given back in this request."""
    for name in ("_loyalty_rows", "_loyalty_redemption", "_loyalty_lost", "_loyalty_applied", "_loyalty_rewards"):
        if hasattr(basket, name):
            delattr(basket, name)
    basket.reset_offer_applications()
    if not basket.is_empty:
        get_class("offer.applicator", "Applicator")().apply(basket, request.user, request)


class PointsDiscount:
    """What our offer does; its three parts are called by the classes that Oscar's rows name."""

    def is_wanted(self, *, basket: Any, offer: Any) -> bool:
        """Return whether points are set aside for this basket and can be used at all."""
        found = set_aside_for(basket=basket)
        if found is None:
            return False
        is_wanted = is_to_be_kept if offer.priority == KEEPER else can_be_used
        return is_wanted(basket=basket, redemption=found)

    def apply(self, *, basket: Any, offer: Any) -> Any:
        """Take what the set-aside points buy off the lines, on top of whatever other offers took."""
        lines, zero = list(basket.all_lines()), get_class("offer.results", "ZERO_DISCOUNT")
        if any(discount.offer is offer for line in lines for discount in line.discounts):
            return zero
        found = set_aside_for(basket=basket)
        quote = quote_of(basket=basket, unit=found.hold.account.unit, redemption=found)
        promise = in_force(basket=basket, redemption=found)
        basket._loyalty_applied = applied = Applied(
            redemption=found, quote=quote, promise=promise, is_lasting=is_lasting(offer), wanted=quote.minor
        )
        know_combinations(lines=lines, offer=offer)
        if not quote.minor:
            return zero
        before = [KeptLine(line) for line in lines]
        parts = take_off(lines=lines, parts=quote.parts, offer=offer, currency=found.currency)
        if parts is None:
            applied.quote = RedemptionQuote(parts=(0,) * len(lines), because=Because("not_in_this_basket"))
            return zero
        applied.parts, applied.before = parts, before
        keep_quiet(basket=basket)
        # This instance only: the name stands in the totals, on the order and in its mail, and nobody saves it.
        offer.name, offer.loyalty_takes_points = self.name(applied), True
        offer.record_usage = partial(count_after_commit, offer.pk)
        amount = to_major(minor=applied.minor, exponent=exponent(currency=found.currency))
        return get_class("offer.results", "BasketDiscount")(amount)

    def take(self, *, basket: Any, order: Any) -> str:
        """
        Take the points for an order, inside its transaction; returns what stands on its discount.

        Raises `PointsUnavailable` where they are no longer set aside, and the order is not placed.
        """
        applied, at, number = applied_to(basket=basket), clock.now(), str(order.number)
        # A webhook may place the order of a member's basket without its user; its earnings are a guest's then.
        payer = order.user_id if order.user_id is not None else basket.owner_id
        if applied is None or applied.redemption.hold.account.member.user_id != payer:
            raise PointsUnavailable(gone())
        check_order(basket=basket, off=applied.minor)
        use = applied.redemption
        lines = parts_of(lines=list(basket.all_lines()), minors=applied.parts, currency=use.currency)
        try:
            if not order.__dict__.pop("_loyalty_written", False):  # One that was just written used nothing before.
                operations.replace(order_id=order.pk, number=number, at=at)
            operations.take(redemption=use, order_id=order.pk, number=number, minor=applied.minor, lines=lines, at=at)
        except LoyaltyError as error:
            raise PointsUnavailable(gone()) from error
        expect(order=order, use=use)
        order._loyalty_used = self.name(applied)
        return called(order=order, name=order._loyalty_used)

    def name(self, applied: Applied) -> str:
        return used_in_words(applied=applied)


def used_in_words(*, applied: Applied) -> str:
    """Return "500 paws used" for a row with what that takes off; of money, which is that amount, "Credit used"."""
    unit = applied.redemption.hold.account.unit
    if unit.is_money and applied.points == applied.minor and applied.redemption.currency == unit.program.currency:
        return pgettext("loyalty", "%(unit)s used") % {"unit": words.title(unit=unit)}
    return pgettext("loyalty", "%(points)s used") % {"points": words.points(unit=unit, points=applied.points)}


def called(*, order: Any, name: str) -> str:
    """Have the discount of an order bear a name, in place of that of our offer; returns it, to stand as its message."""
    order.__dict__.setdefault("_loyalty_names", set()).add(name)
    return name


discounts.register("points")(PointsDiscount())


def take_off(*, lines: Sequence[Any], parts: Sequence[int], offer: Any, currency: str) -> tuple[int, ...] | None:
    """
    Take parts off lines; returns what each really gave, which adds up to what the total that is shown fell by.

    A shop may work out its prices in its own way. None, and the lines are as they were, where nothing brings that
    total to fall by exactly what was asked.
    """
    places, each, fine = decimals(currency=currency), grain(currency=currency), finer(currency=currency)
    before, asked = [to_pay(line=line) for line in lines], [part // each for part in parts]
    left = left_to_pay(exact=[exact_minor(amount=price, exponent=places) for price in before], parts=asked, finer=fine)
    touched = [
        (line, price, to_major(minor=grains, exponent=places))
        for line, price, grains in zip(lines, before, left, strict=True)
        if grains is not None
    ]
    total = shown_minor(amount=sum(before), currency=currency)
    for off in (_as_oscar_counts, _as_it_is_seen):
        kept = [KeptLine(line) for line, _price, _left in touched]
        try:
            for line, price, rest in touched:
                line.discount(max(Decimal(0), off(line, price, rest)), line.quantity, _with_tax(line), offer)
            after = [to_pay(line=line) for line in lines]
            if total - shown_minor(amount=sum(after), currency=currency) == sum(asked):
                fell = [max(Decimal(0), old - new) for old, new in zip(before, after, strict=True)]
                return tuple(grains * each for grains in spread(total=sum(asked), weights=fell))
        except Exception:
            # The shop's own code runs here, and its baskets cost without us what they cost.
            logger.debug("a line does not take this discount", exc_info=True)
        for line in kept:
            line.put_back()
    _told(type(lines[0]))
    return None


def _as_oscar_counts(line: Any, price: Decimal, left: Decimal) -> Decimal:
    """
    Return the discount that leaves so much of a line whose price is seen.

    Tax-exclusive discounts keep their full precision, so that the price with tax lands on the cent.
    """
    if line.is_tax_known and not _with_tax(line):
        return line.line_price_excl_tax_incl_discounts - left * line._tax_ratio
    return price - left


def _as_it_is_seen(line: Any, price: Decimal, left: Decimal) -> Decimal:
    """Return the same for shops that take every discount off the price that is seen, as django-oscar-bluelight does."""
    return price - left


class KeptLine:
    """A line and what it says of its discounts, to be put back. Its shop may note more than Oscar does."""

    def __init__(self, line: Any) -> None:
        self.said = [(thing, {name: _copied(value) for name, value in vars(thing).items()}) for thing in _noting(line)]

    def put_back(self) -> None:
        for thing, said in self.said:
            vars(thing).clear()
            vars(thing).update({name: _copied(value) for name, value in said.items()})


def _noting(line: Any) -> tuple[Any, Any]:
    return line, line.discounts


def _copied(value: Any) -> Any:
    return copy.copy(value) if isinstance(value, list | dict | set) else value


@lru_cache(maxsize=100)
def _told(lines: type) -> None:
    """Log once that lines of this class fall by something else than their discounts."""
    fork = forks.first_fork(path=[(lines, forks.LINE)]) or f"{lines.__module__}.{lines.__qualname__}"
    text = "points take nothing off: prices fall by something else than what was asked, see %s; try it with %s"
    logger.error(text, fork, "manage.py loyalty_doctor --rehearse")


def _with_tax(line: Any) -> bool:
    """Return whether a line is discounted with tax: as it was before, else as the shop's setting says. Never mixed."""
    if not line.is_tax_known or line.discounts.excl_tax:
        return False
    return bool(line.discounts.incl_tax) or settings.OSCAR_OFFERS_INCL_TAX


def know_combinations(*, lines: Sequence[Any], offer: Any) -> None:
    """Oscar asks each offer of a line for its combinations; ask them all at once. No query without other offers."""
    offer._prefetched_objects_cache = {"combinations": type(offer)._default_manager.none()}
    others = {discount.offer for line in lines for discount in line.discounts if discount.offer}
    prefetch_related_objects([other for other in others if not other.exclusive], "combinations")


def count_after_commit(offer_id: int, application: Any) -> None:
    """Count a use of our offer once its order is committed: inside, its one row would be a lock for the whole shop."""
    offers = get_model("offer", "ConditionalOffer")._default_manager.using(write_db()).filter(pk=offer_id)
    counted = {
        "num_applications": F("num_applications") + application["freq"],
        "num_orders": F("num_orders") + 1,
        "total_discount": F("total_discount") + application["discount"],
    }
    transaction.on_commit(lambda: offers.update(**counted), using=write_db(), robust=True)
