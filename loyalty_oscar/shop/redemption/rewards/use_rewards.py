"""Putting a reward on a basket and taking it off again: one call each for the pages and the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.operations.desk import outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.redemption.kinds import OFF, PRODUCT
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.operations import CannotClaim, on_baskets

from ...storefront.basket_holds import slot_of
from ..discount import look_again
from . import gifts
from .in_basket import given_to, params_of, rewards_on


@outermost_retried
def use_reward(*, claim: Claim, basket: Any, at: datetime, product_id: int | None = None) -> Redemption:
    """
    Put a reward on the basket of its member; of a gift the product too, `product_id` where there are several.

    One that takes money off takes the place of another. Raises `CannotClaim` with the reason, and changes nothing.
    """
    slot, kind = slot_of(basket=basket), claim.reward.kind
    with transaction.atomic(using=write_db()):
        _check_basket(basket, claim.member.user_id)
        if params_of(basket=basket, claim=claim) is None:
            raise CannotClaim(Because("reward_other_currency", currency=basket.currency))
        product, pieces = _product(claim, product_id) if kind == PRODUCT else (None, 0)
        for other in rewards_on(basket=basket, kind=kind) if kind == OFF else ():
            if other.claim_id != claim.pk:
                on_baskets.take_off(claim=other.claim, at=at)
        before = Redemption.objects.using(write_db()).filter(claim=claim, number=claim.number).first()
        lines = [{"product": product.pk, "quantity": pieces}] if product is not None else []
        if before is not None and before.slot == slot and before.lines != lines:
            gifts.take_out(basket=basket, row=before)
        row = on_baskets.put_on(claim=claim, slot=slot, currency=basket.currency or "", lines=lines, at=at)
        _forget(basket)
        if product is not None:
            if before is not None and before.slot != slot:
                gifts.leave_other_basket(before=before)
            try:
                gifts.put_in(basket=basket, row=row, product=product)
            except CannotClaim:
                _forget(basket)  # Its row goes back with the transaction.
                raise
    return row


@outermost_retried
def leave_reward(*, claim: Claim, basket: Any, at: datetime) -> bool:
    """Take a reward off the basket, a gift's line with it; returns whether it lay there. Raises `CannotClaim`."""
    with transaction.atomic(using=write_db()):
        _check_basket(basket, claim.member.user_id)
        rows = Redemption.objects.using(write_db()).filter(claim=claim, slot=slot_of(basket=basket))
        row = rows.select_related("claim__reward").first()
        if row is None:
            return False
        gifts.take_out(basket=basket, row=row)
        on_baskets.take_off(claim=claim, at=at)
        _forget(basket)
    return True


def use_in_request(*, request: Any, claim: Claim, basket: Any, at: datetime, product_id: int | None = None) -> Because:
    """
    Put a reward on a basket that somebody looks at, and apply all its offers anew.

    Returns why it takes nothing off yet, or less than it could (`as_asked` where nothing is to be said). Raises as
    `use_reward` does.
    """
    row = use_reward(claim=claim, basket=basket, at=at, product_id=product_id)
    look_again(basket=basket, request=request)
    return given_to(basket=basket).because.get(row.pk, Because("as_asked"))


def leave_in_request(*, request: Any, claim: Claim, basket: Any, at: datetime) -> bool:
    """Take a reward off a basket that somebody looks at, and apply all its offers anew."""
    was_there = leave_reward(claim=claim, basket=basket, at=at)
    look_again(basket=basket, request=request)
    return was_there


def _check_basket(basket: Any, user_id: Any) -> None:
    """See that the basket is open and the member's; lock its row before the account, as Oscar's checkout does."""
    baskets = get_model("basket", "Basket").objects.using(write_db()).select_for_update()
    if not baskets.filter(pk=basket.pk, owner_id=user_id, status=basket.OPEN).values_list("pk").first():
        raise CannotClaim(Because("reward_at_payment"))


def _product(claim: Claim, product_id: int | None) -> tuple[Any, int]:
    """Return the product of a gift and how many pieces: the only one, or the one that was chosen."""
    found = gifts.choices(claim=claim)
    if product_id is not None:
        found = [one for one in found if one.pk == product_id]
    if len(found) != 1:
        raise CannotClaim(Because("gift_to_choose") if found else Because("gift_sold_out"))
    return found[0], int(claim.reward.params.get("pieces") or 1)


def _forget(basket: Any) -> None:
    for name in ("_loyalty_rows", "_loyalty_redemption", "_loyalty_rewards"):
        if hasattr(basket, name):  # A request's basket is lazy, and its own dictionary another.
            delattr(basket, name)
