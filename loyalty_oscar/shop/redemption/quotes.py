"""What points could pay for in a basket: its lines as the rules see them, and the decision."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import exact_minor
from loyalty_oscar.redemption import rules
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.queries import limits_of, promised, terms_of, worth_in

from ..amounts import grain
from ..models import PointsBenefit
from ..product_sets import sets_shown


def quote_of(*, basket: Any, unit: Unit, redemption: Redemption | None = None) -> rules.Quote:
    """
    Return what the points set aside bring on a basket, or without any what it could take at most (`most`).

    Called before points are applied. No query, but for what product sets ask once a minute and, where the
    merchant forbids them, vouchers.
    """
    terms, currency = terms_of(program_id=unit.program_id), basket.currency or ""
    worth = promised(redemption=redemption) if redemption else worth_in(program_id=unit.program_id, currency=currency)
    lines = list(basket.all_lines())
    if terms is None or worth is None or worth.currency != currency:
        return rules.Quote(parts=(0,) * len(lines), because=Because("other_currency", currency=currency))
    limits = limits_of(terms=terms, currency=currency)
    return rules.quote(
        points=redemption.hold.points if redemption else 0,
        lines=payable(lines=lines, codes=limits.excluded, currency=currency),
        limits=limits,
        worth=worth,
        has_voucher=limits.not_with_vouchers and basket.contains_a_voucher,
        grain=grain(currency=currency),
    )


def payable(*, lines: list[Any], codes: frozenset[str], currency: str) -> list[rules.Payable]:
    """Return the lines of a basket as points see them, in its order."""
    sets = sets_shown(product_ids=[line.product_id for line in lines], codes=codes) if codes else {}
    return [_payable(line, sets.get(line.product_id, frozenset()), currency) for line in lines]


def _payable(line: Any, sets: frozenset[str], currency: str) -> rules.Payable:
    others = [discount.offer for discount in line.discounts if discount.offer]
    price = to_pay(line=line)
    takes = price > 0 and line.purchase_info.price.exists and bool(PointsBenefit().can_apply_benefit(line))
    return rules.Payable(
        minor=exact_minor(amount=price, currency=currency),
        takes_discounts=takes,
        is_discounted=bool(line.discount_value or getattr(line.purchase_info.price, "loyalty_cut", None)),
        has_exclusive=any(offer.exclusive for offer in others),
        sets=sets,
    )


def to_pay(*, line: Any) -> Decimal:
    """Return what the customer sees to pay for a line after all discounts: with tax where it is known."""
    if line.is_tax_known:
        return Decimal(line.line_price_incl_tax_incl_discounts or 0)
    # None where the product is no longer sold: then nothing is paid for it.
    return Decimal(line.line_price_excl_tax_incl_discounts or 0)
