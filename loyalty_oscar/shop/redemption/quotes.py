"""What points could pay for in a basket: its lines as the rules see them, and the decision."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import exact_minor
from loyalty_oscar.redemption import rules
from loyalty_oscar.redemption.models import Redemption, UseTerms
from loyalty_oscar.redemption.promises import BasketPromise
from loyalty_oscar.redemption.queries import limits_of, promised, terms_of, worth_in

from ..models import PointsBenefit
from ..orders.product_sets import sets_shown, ties
from ..pricing.amounts import finer, grain
from .offer import is_of_house
from .promise import in_force, is_there


def quote_of(
    *, basket: Any, unit: Unit, redemption: Redemption | None = None, asked: int = 0, worth: rules.Worth | None = None
) -> rules.RedemptionQuote:
    """
    Return what the points set aside bring on a basket, or without any what so many (`asked`) would, at today's worth;
    `most` is what it could take at all.

    Called before points are applied. While the basket is being paid for, what was promised decides, and nothing of
    today. No query, but for what product sets ask once a minute and, where the merchant forbids them, vouchers.
    """
    terms, currency = terms_of(program_id=unit.program_id), basket.currency or ""
    today = worth or worth_in(program_id=unit.program_id, currency=currency)
    worth = promised(redemption=redemption) if redemption else today
    lines = list(basket.all_lines())
    promise = in_force(basket=basket, redemption=redemption)
    if worth is None or worth.currency != currency or (terms is None and promise is None):
        return rules.RedemptionQuote(parts=(0,) * len(lines), because=Because("other_currency", currency=currency))
    points = redemption.hold.points if redemption else asked
    if promise and promise.minor is not None:
        if is_there(promise=promise, redemption=redemption) and _still_costs(lines, promise, currency):
            return _as_promised(promise, worth)
        points = min(points, worth.price(promise.minor))
    if promise is None and is_shut(terms=terms):
        return rules.RedemptionQuote(parts=(0,) * len(lines), because=Because("not_now"))
    limits = promise.limits if promise else limits_of(terms=terms, currency=currency)
    return rules.quote(
        points=points,
        lines=[
            _payable(line, sets, currency)
            for line, sets in zip(lines, _sets(lines, limits.excluded, promise), strict=True)
        ],
        limits=limits,
        worth=worth,
        has_voucher=limits.not_with_vouchers and basket.contains_a_voucher,
        grain=grain(currency=currency),
        finer=finer(currency=currency),
        asked=redemption.hold.asked if redemption else 0,
    )


def reason(*, because: Because, terms: UseTerms | None) -> Because:
    """Return why no more is used: where the basket has room for more, the most for a day is what kept it low."""
    limit = terms.per_day if terms and because.code == "has_more_room" else None
    return Because("daily_limit", points=limit) if limit else because


def is_shut(*, terms: UseTerms) -> bool:
    """
    Return whether a set of products that points cannot pay for is tied to no products.

    While nobody knows what they may not pay for, they pay for nothing.
    """
    return not terms.known_sets <= ties().keys()


def _still_costs(lines: list[Any], promise: BasketPromise, currency: str) -> bool:
    """Return whether each line costs what was taken off it when the payment began, but for fractions of a cent."""
    each = grain(currency=currency)
    costs = [exact_minor(amount=to_pay(line=line), currency=currency) for line in lines]
    return all(cost + each > line.minor for cost, line in zip(costs, promise.lines, strict=True) if line.minor)


def _as_promised(promise: BasketPromise, worth: rules.Worth) -> rules.RedemptionQuote:
    """Return what was taken off each line when the payment began."""
    parts, points = tuple(line.minor for line in promise.lines), worth.price(promise.minor)
    because = promise.because or Because("as_asked")
    return rules.RedemptionQuote(points=points, minor=promise.minor, parts=parts, most=points, because=because)


def _sets(lines: list[Any], codes: frozenset[str], promise: BasketPromise | None) -> list[frozenset[str] | None]:
    """Return the product sets of each line, as they were promised or as they are; None where nothing lowers a price."""
    known = promise.sets if promise else {}
    ids = [line.product_id for line in lines if line.product_id not in known]
    shown = sets_shown(product_ids=ids, codes=codes) if codes and ids else {}

    def of_today(line: Any) -> frozenset[str] | None:
        return shown.get(line.product_id, frozenset()) if PointsBenefit().can_apply_benefit(line) else None

    return [known[line.product_id] if line.product_id in known else of_today(line) for line in lines]


def payable(*, line: Any, is_open: bool, currency: str) -> rules.Payable:
    """Return a line as a reward sees it that takes money off; not `is_open`, nothing may lower its price."""
    return _payable(line, frozenset() if is_open else None, currency)


def _payable(line: Any, sets: frozenset[str] | None, currency: str) -> rules.Payable:
    # What rewards take off is the customer's own, and makes no line a reduced one.
    others = [one for one in line.discounts if not (one.offer and is_of_house(offer=one.offer))]
    price = to_pay(line=line)
    return rules.Payable(
        minor=exact_minor(amount=price, currency=currency),
        takes_discounts=sets is not None and price > 0 and line.purchase_info.price.exists,
        is_discounted=any(one.amount for one in others) or bool(getattr(line.purchase_info.price, "loyalty_cut", None)),
        has_exclusive=any(one.offer.exclusive for one in others if one.offer),
        sets=sets or frozenset(),
    )


def to_pay(*, line: Any) -> Decimal:
    """Return what the customer sees to pay for a line after all discounts: with tax where it is known."""
    if line.is_tax_known:
        return Decimal(line.line_price_incl_tax_incl_discounts or 0)
    # None where the product is no longer sold: then nothing is paid for it.
    return Decimal(line.line_price_excl_tax_incl_discounts or 0)
