"""A basket for shops without our pages: which one it is, and what points and rewards do to it, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import exponent, to_minor
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.queries import terms_of
from loyalty_oscar.redemption.rules import RedemptionQuote

from .discount import applied_to, look_again
from .promise import rows_on, set_aside_for
from .quotes import quote_of, reason
from .rewards.in_basket import counts, currency_of, given_to
from .use_points import may_use


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketUse:
    """
    What points do to a basket: how many are `ready` beside those that are `set_aside` for it, `asked` by the customer,
    `applied` now, and what those are `worth`.

    `total` is what the goods come to after all discounts, as the customer sees prices; both are money of
    `currency`, with its decimals. `because` says why it is not what was asked.
    """

    ready: int
    set_aside: int
    asked: int
    applied: int
    worth: Decimal
    currency: str
    total: Decimal
    because: Because


def basket_of(*, request: Any, by_session: bool) -> Any | None:
    """
    Return the open basket of a signed-in customer with its offers applied, or None. Makes none.

    With a session it is the request's own, as Oscar's pages use it; else the one that django-oscar-api finds.
    """
    if by_session and hasattr(request, "basket"):
        return request.basket
    baskets = get_model("basket", "Basket").open
    basket = baskets.filter(owner_id=request.user.pk).order_by("pk").first()
    if basket:
        basket.strategy = get_class("partner.strategy", "Selector")().strategy(request=request, user=request.user)
        look_again(basket=basket, request=request)
    return basket


def standing(*, basket: Any, unit: Unit, account: Account | None = None) -> BasketUse:
    """Return what points do to a basket whose offers are applied; `account` is its owner's, as it is now."""
    found, applied = set_aside_for(basket=basket), applied_to(basket=basket)
    currency = currency_of(basket=basket)
    decimals = exponent(currency=currency)
    held = found.hold.points if found and account and found.hold.account_id == account.pk else 0
    return BasketUse(
        ready=may_use(account=account, redemption=found, at=clock.now()) - held if account else 0,
        set_aside=held,
        asked=found.hold.asked if found else 0,
        applied=applied.points if applied else 0,
        worth=to_major(minor=applied.minor if applied else 0, exponent=decimals),
        currency=currency,
        total=_total(basket, currency),
        because=_why(basket, unit, account, found, applied.quote if applied else None),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardInBasket:
    """What a reward does in a basket: what it takes `off` its goods, and `because` why not more."""

    claim: Claim
    off: Decimal
    because: Because


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketRewards:
    """The rewards that lie in a basket, and what its goods come to, as of `BasketUse`."""

    rewards: Sequence[RewardInBasket]
    currency: str
    total: Decimal


def rewards_standing(*, basket: Any) -> BasketRewards:
    """Return what the rewards in a basket do whose offers are applied."""
    currency, given = currency_of(basket=basket), given_to(basket=basket)
    decimals = exponent(currency=currency)
    lying = [row for row in reversed(rows_on(basket=basket)) if row.claim is not None]
    return BasketRewards(
        rewards=[
            RewardInBasket(
                claim=row.claim,
                off=to_major(minor=given.minor.get(row.pk, 0), exponent=decimals),
                because=given.because.get(row.pk, Because("as_asked"))
                if counts(basket=basket, row=row)
                else Because("reward_not_open"),
            )
            for row in lying
        ],
        currency=currency,
        total=_total(basket, currency),
    )


def _total(basket: Any, currency: str) -> Decimal:
    total = basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax
    return to_major(minor=to_minor(amount=total, currency=currency), exponent=exponent(currency=currency))


def _why(
    basket: Any, unit: Unit, account: Account | None, found: Redemption | None, quote: RedemptionQuote | None
) -> Because:
    if account is not None and quote is None and account.member.is_frozen(at=clock.now()):
        return Because("points_frozen")
    if basket.is_empty:
        return Because("no_goods_for_points")
    said = (quote or quote_of(basket=basket, unit=unit, redemption=found)).because
    if found is not None and quote is None and said.code in ("as_asked", "has_more_room"):
        # Points are set aside and would pay, but our offer is switched off.
        return Because("not_now")
    return reason(because=said, terms=terms_of(program_id=unit.program_id))
