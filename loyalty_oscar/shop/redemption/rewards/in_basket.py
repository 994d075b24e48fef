"""
Rewards in a basket: which lie on it and count, what each does to it, and why it does no more.

Asked with the points that are set aside for the basket, in one query, and kept for as long as the basket is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

from django.conf import settings

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import as_shown
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import State
from loyalty_oscar.program.money import exact_minor
from loyalty_oscar.redemption.claims import is_over
from loyalty_oscar.redemption.currencies import in_currency
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.reductions import Reduction, ReductionQuote, reduce

from ...models import PointsBenefit
from ...orders.product_sets import sets_shown
from ...pricing.amounts import finer, grain
from ..promise import is_served, lines_of, rows_on
from ..quotes import payable
from .gift_lines import is_gift


@dataclass(slots=True)
class AppliedRewards:
    """
    What rewards do to a basket in this request: which uses (by their keys) do something, the minor units that each
    takes off its goods, and `because` why that is not more, or nothing at all. `closing` are the kinds whose offer will
    not stay open for ever, `before` is what lines were like before money came off, and `pays_delivery` is False while
    it is tried what delivery costs without rewards.
    """

    keys: set[int] = field(default_factory=set)
    minor: dict[int, int] = field(default_factory=dict)
    because: dict[int, Because] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    before: list[Any] = field(default_factory=list)
    pays_delivery: bool = True


def given_to(*, basket: Any) -> AppliedRewards:
    """Return what rewards did when the offers of this basket were applied."""
    if not hasattr(basket, "_loyalty_rewards"):
        basket._loyalty_rewards = AppliedRewards()
    return basket._loyalty_rewards


def rewards_on(*, basket: Any, kind: str = "") -> list[Redemption]:
    """Return the rewards that lie on a basket and count, those that were put on first; all, or those of a kind."""
    if basket.pk is None or basket.owner_id is None:
        return []
    rows = [row for row in reversed(rows_on(basket=basket)) if row.claim is not None]
    return [row for row in rows if kind in ("", row.claim.reward.kind) and counts(basket=basket, row=row)]


def counts(*, basket: Any, row: Redemption) -> bool:
    """Return whether a reward that lies on a basket can be used with it now, or was promised to a payment."""
    claim = row.claim
    if claim.state != Claim.State.OPEN or claim.number != row.number or claim.member.user_id != basket.owner_id:
        return False
    if is_promised(basket=basket, row=row):
        return True
    program, at = claim.reward.program, clock.now()
    is_closed = program.state in (State.PAUSED, State.CLOSED) or claim.member.is_frozen(at=at)
    is_gone = claim.revoked is not None or is_over(claim=claim, at=at)
    return not is_closed and not is_gone and is_served(basket=basket, program_id=program.pk)


def is_promised(*, basket: Any, row: Redemption) -> bool:
    """
    Return whether a payment began with a reward on this basket, and may still be at work: once the basket is open
    again, as long as nobody changes it.
    """
    if basket.status == basket.FROZEN:
        return True
    began, told = row.payment_at, (row.promise or {}).get("lines")
    is_young = began is not None and clock.now() < began + timedelta(minutes=conf.GATEWAY_MINUTES)
    return is_young and (told is None or _is_of(told, basket))


def _is_of(told: Sequence[Sequence[Any]], basket: Any) -> bool:
    """Return whether a basket has the lines that it had when a payment began."""
    return [(pk, quantity) for pk, quantity, _is_open in told] == lines_of(basket=basket)


def currency_of(*, basket: Any) -> str:
    """Return the currency that a visitor buys in: of what is in the basket, else the shop's own."""
    found = basket.currency if basket is not None and basket.pk is not None else None
    return found or getattr(settings, "OSCAR_DEFAULT_CURRENCY", "")


def params_of(*, basket: Any, claim: Claim) -> Mapping[str, Any] | None:
    """Return a reward's parameters with the amounts of a basket's currency; None where it cannot be used there."""
    reward = claim.reward
    return in_currency(params=reward.params, currency=basket.currency or "", own=reward.program.currency)


def goods_of(*, basket: Any) -> int:
    """Return what a basket costs before any discount, its gifts apart, in minor units as the sum would be shown."""
    goods = (line for line in basket.all_lines() if not is_gift(line=line))
    prices = (line.line_price_incl_tax if line.is_tax_known else line.line_price_excl_tax for line in goods)
    currency = basket.currency or ""
    each = grain(currency=currency)
    exact = sum((exact_minor(amount=price or 0, currency=currency) for price in prices), Fraction(0))
    return as_shown(exact=exact / each, finer=finer(currency=currency)) * each


def kept_by_goods(*, basket: Any, claim: Claim) -> Because | None:
    """Return why the goods of a basket keep a reward from counting: their currency, or that they cost too little."""
    params, currency = params_of(basket=basket, claim=claim), basket.currency or ""
    if params is None:
        return Because("reward_other_currency", currency=currency)
    least = params.get("least") or 0
    is_too_little = goods_of(basket=basket) < max(least, 1)
    return Because("reward_least_order", minor=least, currency=currency) if is_too_little else None


def reduction_of(*, basket: Any, row: Redemption) -> ReductionQuote:
    """Return what a reward of the kind `off` takes off a basket; queries as of `opened`."""
    lines, params, currency = list(basket.all_lines()), params_of(basket=basket, claim=row.claim), basket.currency or ""
    if params is None:
        because = Because("reward_other_currency", currency=currency)
        return ReductionQuote(parts=(0,) * len(lines), because=because)
    return reduce(
        reduction=Reduction.of(params),
        lines=[
            payable(line=line, is_open=is_open, currency=currency)
            for line, is_open in zip(lines, opened(basket=basket, row=row), strict=True)
        ],
        before=goods_of(basket=basket),
        currency=currency,
        grain=grain(currency=currency),
        finer=finer(currency=currency),
    )


def opened(*, basket: Any, row: Redemption) -> list[bool]:
    """
    Return of each line of a basket whether a reward takes money off it: whether it did when the payment began, as long
    as nobody changes the basket; else whether it is of the reward's goods, and the shop lets something lower its price.

    No query, but for product sets once a minute.
    """
    told = (row.promise or {}).get("lines", ()) if is_promised(basket=basket, row=row) else ()
    if told and _is_of(told, basket):
        return [is_open for _pk, _quantity, is_open in told]
    lines, codes = list(basket.all_lines()), frozenset(filter(None, [row.claim.reward.params.get("set")]))
    sets = sets_shown(product_ids=[line.product_id for line in lines], codes=codes) if codes else {}
    return [
        (not codes or bool(sets.get(line.product_id))) and bool(PointsBenefit().can_apply_benefit(line))
        for line in lines
    ]


def promise_of(*, basket: Any, row: Redemption) -> dict[str, Any]:
    """Return what is promised to the payment that begins: what a reward takes off, and off which lines it could."""
    minor = given_to(basket=basket).minor.get(row.pk, 0)
    of_lines = zip(lines_of(basket=basket), opened(basket=basket, row=row), strict=True)
    return {"minor": minor, "lines": [[pk, quantity, is_open] for (pk, quantity), is_open in of_lines]}
