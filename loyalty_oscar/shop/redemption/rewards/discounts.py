"""What rewards do to a basket through our offers: gifts cost nothing, money comes off, delivery is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils.translation import pgettext
from oscar.core.loading import get_class

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import clock
from loyalty_oscar.program.money import exponent, to_minor
from loyalty_oscar.redemption.kinds import DELIVERY, OFF, PRODUCT
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.operations import on_baskets
from loyalty_oscar.redemption.reductions import ReductionQuote

from ...storefront.offer_hooks import RewardUnavailable, discounts
from ..apart import keep_quiet
from ..discount import KeptLine, called, count_after_commit, know_combinations, take_off
from ..offer import is_lasting
from .gift_lines import is_gift
from .gifts import shares
from .in_basket import AppliedRewards, given_to, is_promised, kept_by_goods, params_of, reduction_of, rewards_on
from .offers import is_keeper


def gone() -> str:
    """Return what the customer is told whose reward is not there any more."""
    return pgettext("loyalty", "A reward can no longer be used with this basket. Please look at the total.")


class RewardDiscount:
    """What the offers of all kinds of rewards have in common."""

    kind = ""

    def is_wanted(self, *, basket: Any, offer: Any) -> bool:
        """
        Return whether a reward of the kind lies on the basket; of the offer that stands in for another, whether one
        was promised to its payment that the other did not take off.
        """
        rows = rewards_on(basket=basket, kind=self.kind)
        if not is_keeper(offer=offer):
            return bool(rows)
        known = given_to(basket=basket).keys
        return any(is_promised(basket=basket, row=row) and row.promise for row in rows if row.pk not in known)

    def take(self, *, basket: Any, order: Any) -> str:
        """
        Use the rewards that took something off, inside the order's transaction.

        Raises `RewardUnavailable` where one is used or gone by now, and the order is not placed.
        """
        given = given_to(basket=basket)
        rows = [row for row in rewards_on(basket=basket, kind=self.kind) if row.pk in given.keys]
        for row in rows:
            use(basket=basket, order=order, row=row, minor=given.minor[row.pk])
        return called(order=order, name=names_of(rows))

    def quietly(self, *, basket: Any, offer: Any, lines: list[Any], rows: list[Redemption]) -> None:
        """Call an offer by the names of the rewards, count it after the order, and name it to nobody else."""
        know_combinations(lines=lines, offer=offer)
        keep_quiet(basket=basket)
        if not is_lasting(offer):
            given_to(basket=basket).closing.add(self.kind)
        # This instance only: the name stands in the totals, on the order and in its mail, and nobody saves it.
        offer.name, offer.loyalty_gives_rewards = names_of(rows), True
        offer.record_usage = partial(count_after_commit, offer.pk)


def names_of(rows: Sequence[Redemption]) -> str:
    """Return the names of rewards, each once, as the name of an offer."""
    return ", ".join(dict.fromkeys(row.claim.reward.name for row in rows if row.claim))[:128]


def use(*, basket: Any, order: Any, row: Redemption, minor: int) -> None:
    """Use a reward for an order. Raises `RewardUnavailable`."""
    payer = order.user_id if order.user_id is not None else basket.owner_id
    if row.claim.member.user_id != payer:
        raise RewardUnavailable(gone())
    try:
        on_baskets.use(redemption=row, order_id=order.pk, minor=minor, currency=basket.currency or "", at=clock.now())
    except NotAllowed as error:
        raise RewardUnavailable(gone()) from error
    order.__dict__.setdefault("_loyalty_rewards_used", set()).add(row.pk)


class GiftDiscount(RewardDiscount):
    """Brings the pieces that rewards pay for to nothing, before any other offer looks at them."""

    kind = PRODUCT

    def apply(self, *, basket: Any, offer: Any) -> Any:
        lines, zero = list(basket.all_lines()), get_class("offer.results", "ZERO_DISCOUNT")
        if _is_applied(lines, offer):
            return zero
        for line in lines:
            if is_gift(line=line):
                # Of this loaded line alone: every other offer, and points, pass it by.
                line.product.is_discountable = False
        parts, minors = shares(basket=basket, lines=lines)
        rows = [row for row in rewards_on(basket=basket, kind=self.kind) if row.pk in minors]
        return _take_off(self, basket, offer, lines, parts, minors, rows)


class ReductionDiscount(RewardDiscount):
    """Takes money off what the goods cost after all other offers; one reward of an order does."""

    kind = OFF

    def apply(self, *, basket: Any, offer: Any) -> Any:
        lines, zero = list(basket.all_lines()), get_class("offer.results", "ZERO_DISCOUNT")
        if _is_applied(lines, offer):
            return zero
        given, chosen, quote = given_to(basket=basket), None, ReductionQuote()
        for row in rewards_on(basket=basket, kind=self.kind):
            if chosen is None:
                quote = reduction_of(basket=basket, row=row)
                chosen = row if quote.minor else None
                given.because[row.pk] = quote.because
            else:
                given.because[row.pk] = Because("one_reduction")
        if chosen is None:
            return zero
        given.before = [KeptLine(line) for line in lines]
        return _take_off(self, basket, offer, lines, list(quote.parts), {chosen.pk: quote.minor}, [chosen])


def _is_applied(lines: list[Any], offer: Any) -> bool:
    return any(discount.offer is offer for line in lines for discount in line.discounts)


def _take_off(
    discount: RewardDiscount,
    basket: Any,
    offer: Any,
    lines: list[Any],
    parts: list[int],
    minors: Mapping[int, int],
    rows: list[Redemption],
) -> Any:
    """Take parts off lines, and write down for which reward; nothing where the shop's own prices do not follow."""
    currency, given = basket.currency or "", given_to(basket=basket)
    discount.quietly(basket=basket, offer=offer, lines=lines, rows=rows)
    got = take_off(lines=lines, parts=parts, offer=offer, currency=currency) if any(parts) else None
    if not got or not sum(got):
        given.because.update({row.pk: Because("reward_not_for_these") for row in rows if row.pk not in given.because})
        return get_class("offer.results", "ZERO_DISCOUNT")
    given.minor.update(minors)
    given.keys.update(minors)
    amount = to_major(minor=sum(got), exponent=exponent(currency=currency))
    return get_class("offer.results", "BasketDiscount")(amount)


class DeliveryDiscount(RewardDiscount):
    """Pays for delivery, where no other offer does."""

    kind = DELIVERY

    def apply(self, *, basket: Any, offer: Any) -> Any:
        zero, currency = get_class("offer.results", "ZERO_DISCOUNT"), basket.currency or ""
        row, given, lines = self._first(basket), given_to(basket=basket), list(basket.all_lines())
        if row is None:
            return zero
        self.quietly(basket=basket, offer=offer, lines=lines, rows=[row])
        most = (params_of(basket=basket, claim=row.claim) or {}).get("most")
        pays = to_major(minor=most, exponent=exponent(currency=currency)) if most else None
        offer.shipping_discount = partial(_pays, pays, given)
        # Oscar records an offer on delivery only where it lowered what an order pays for it: then the reward is used.
        offer.loyalty_delivery = row
        given.keys.add(row.pk)
        return get_class("offer.results", "SHIPPING_DISCOUNT")

    def _first(self, basket: Any) -> Redemption | None:
        """Return the reward that pays for delivery, and say of each other why it does not."""
        given, chosen = given_to(basket=basket), None
        for row in rewards_on(basket=basket, kind=self.kind):
            because = kept_by_goods(basket=basket, claim=row.claim)
            if because is None and chosen is None:
                chosen = row
            else:
                given.because[row.pk] = because or Because("one_reduction")
        return chosen

    def take(self, *, basket: Any, order: Any) -> str:
        """Use the reward once Oscar records what its offer took off delivery, if it is the one that did."""
        found = list(basket.shipping_discounts)
        for number, application in enumerate(found):
            offer = application["offer"]
            row = getattr(offer, "loyalty_delivery", None)
            if row is not None:
                count = partial(count_after_commit, offer.pk)
                offer.record_usage = partial(_recorded, basket, order, row, count, number == 0)
                return called(order=order, name=names_of([row]))
        return ""


def _pays(most: Decimal | None, given: AppliedRewards, charge: Decimal, currency: str | None = None) -> Decimal:
    if not given.pays_delivery:
        return Decimal(0)
    return charge if most is None else min(charge, most)


def _recorded(basket: Any, order: Any, row: Redemption, count: Any, is_first: bool, application: Any) -> None:
    """An order was written whose delivery got cheaper: by this reward, unless another offer did it (`is_first`)."""
    if not is_first:
        order.discounts.filter(offer_id=application["offer"].pk).update(amount=Decimal(0))
        return
    minor = to_minor(amount=application["discount"], currency=basket.currency or "")
    use(basket=basket, order=order, row=row, minor=minor)
    count(application)


discounts.register("gift")(GiftDiscount())
discounts.register("reduction")(ReductionDiscount())
discounts.register("delivery")(DeliveryDiscount())
