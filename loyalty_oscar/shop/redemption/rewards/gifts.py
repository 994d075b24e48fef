"""
Gifts in the basket: lines of their own, as many pieces of them free as rewards pay for, and no piece more for sale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import pgettext
from oscar.apps.partner.availability import Base as Availability
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import as_shown, share_out
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.money import exact_minor
from loyalty_oscar.redemption.kinds import PRODUCT
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.operations import CannotClaim

from ...pricing.amounts import finer, grain
from ...pricing.gate import line_gates
from ...storefront.retold import line_texts, too_many
from ..promise import has_prices
from ..quotes import to_pay
from .gift_lines import gift_option, gifts_in, is_gift, option_key
from .in_basket import given_to, kept_by_goods, rewards_on


def in_force(*, basket: Any) -> list[Redemption]:
    """Return the gifts of a basket that it can have: with as many other goods as the reward asks, at least one cent."""
    given, found = given_to(basket=basket), []
    for row in rewards_on(basket=basket, kind=PRODUCT):
        because = kept_by_goods(basket=basket, claim=row.claim)
        if because is None:
            found.append(row)
        else:
            given.because[row.pk] = because if because.params.get("minor", 1) else Because("gift_needs_goods")
    return found


def pieces_of(rows: list[Redemption]) -> Counter[int]:
    """Return how many pieces of each product these gifts are."""
    found: Counter[int] = Counter()
    for row in rows:
        for part in row.lines:
            found[part["product"]] += part["quantity"]
    return found


class NotCovered(Availability):
    """A gift that no reward pays for: nobody can buy it as such."""

    code = "outofstock"

    def __init__(self, because: Because) -> None:
        self.message = words.why(because)

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, Any]:
        return False, self.message


class Covered(Availability):
    """A gift that rewards pay for: as many pieces, beside one's `own` of the same product, and no more."""

    #: Read where a basket is shown.
    loyalty_gift = True

    def __init__(self, *, inner: Any, most: int, own: int) -> None:
        self.inner, self.most, self.own = inner, most, own
        self.code, self.message = inner.code, inner.message

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def num_available(self) -> int:
        """How many there are for this visitor: Oscar caps the field of a basket line by it, and names it."""
        there = getattr(self.inner, "num_available", None)
        return self.most + self.own if there is None else min(there, self.most + self.own)

    @property
    def is_available_to_buy(self) -> bool:
        return self.inner.is_available_to_buy

    def is_purchase_permitted(self, quantity: int) -> tuple[bool, Any]:
        # Oscar also asks for all pieces of a product in the basket at once.
        if quantity > self.most + self.own:
            return False, words.why(Because("gift_pieces", count=self.most))
        return self.inner.is_purchase_permitted(quantity)


class GiftGate:
    """Has a gift sold only with the reward that pays for it."""

    def __call__(self, *, line: Any, info: Any) -> Any:
        if option_key() is None or not is_gift(line=line):
            return info
        basket = line.basket
        if not has_prices(basket=basket):
            return info._replace(availability=NotCovered(Because("gift_not_yours")))
        covered = pieces_of(in_force(basket=basket))[line.product_id]
        same = [one for one in basket.all_lines() if one.product_id == line.product_id]
        gifts = sum(one.quantity for one in same if is_gift(line=one))
        if gifts > covered:
            because = Because("gift_pieces", count=covered) if covered else _why_not(basket, line)
            return info._replace(availability=NotCovered(because))
        own = sum(one.quantity for one in same) - gifts
        return info._replace(availability=Covered(inner=info.availability, most=covered, own=own))


line_gates.register("gifts")(GiftGate())


@line_texts.register("gifts")
def in_words(*, lines: Iterable[Any]) -> dict[str, str]:
    """
    Return what Oscar prints of gifts ("Gift = 'A bowl'") and of too many of them, in plain words. Three queries at most
    for an order, none for a basket without gifts and none without rewards.
    """
    key, found = option_key(), dict[str, str]()
    if key is None:
        return found
    rows = list(lines)
    prefetch_related_objects(rows, "attributes__option")  # Those of a basket are there already, but for options.
    for line in rows:
        for one in line.attributes.all():
            if one.option_id == key:
                text = pgettext("loyalty", "Gift: %(reward)s")
                found[f"{one.option.name} = '{one.value}'"] = text % {"reward": one.value}
        availability = getattr(getattr(line, "purchase_info", None), "availability", None)
        if isinstance(availability, Covered):
            because = Because("gift_pieces", count=availability.most)
            found[too_many(most=availability.num_available)] = words.why(because)
    return found


def _why_not(basket: Any, line: Any) -> Because:
    """Return why a gift is not covered: what its reward still asks for, if it lies on the basket."""
    given = given_to(basket=basket)
    for row in rewards_on(basket=basket, kind=PRODUCT):
        if row.pk in given.because and any(part["product"] == line.product_id for part in row.lines):
            return given.because[row.pk]
    return Because("gift_not_yours")


def shares(*, basket: Any, lines: list[Any]) -> tuple[list[int], dict[int, int]]:
    """
    Return what is taken off each line for gifts, in minor units, and how much of that is for which use (by its key).

    Together it is what the total that is shown falls by. What a reward pays for and is not in the basket takes nothing
    off; the basket says so.
    """
    currency, given = basket.currency or "", given_to(basket=basket)
    left = {line.pk: line.quantity for line in lines if is_gift(line=line)}
    parts, uses = {line.pk: Fraction(0) for line in lines}, dict[int, Fraction]()
    for row in in_force(basket=basket):
        exact = Fraction(0)
        for part in row.lines:
            wanted = part["quantity"]
            for line in lines:
                pieces = min(wanted, left.get(line.pk, 0)) if line.product_id == part["product"] else 0
                if pieces:
                    price = line.unit_price_incl_tax if line.is_tax_known else line.unit_price_excl_tax
                    each = exact_minor(amount=price or 0, currency=currency)
                    wanted, left[line.pk] = wanted - pieces, left[line.pk] - pieces
                    parts[line.pk] += each * pieces
                    exact += each * pieces
        if exact:
            uses[row.pk] = exact
        else:
            given.because[row.pk] = Because("gift_not_in_basket")
    prices = (exact_minor(amount=to_pay(line=line), currency=currency) for line in lines)
    off = _shown_fall(before=sum(prices, Fraction(0)), by=sum(parts.values(), Fraction(0)), currency=currency)
    each_use = _share_out(off, list(uses.values()), currency)
    return _share_out(off, list(parts.values()), currency), dict(zip(uses, each_use, strict=True))


def _shown_fall(*, before: Fraction, by: Fraction, currency: str) -> int:
    """Return by how many of the smallest amounts the total that is shown falls; minor units may be fractions."""
    fine, each = finer(currency=currency), grain(currency=currency)
    return as_shown(exact=before / each, finer=fine) - as_shown(exact=(before - by) / each, finer=fine)


def _share_out(off: int, exact: list[Fraction], currency: str) -> list[int]:
    each = grain(currency=currency)
    return [part * each for part in share_out(total=off, exact=[one / each for one in exact])]


def choices(*, claim: Claim) -> list[Any]:
    """Return the products that a member chooses one of, in the order in which staff named them. One query."""
    keys = list(claim.reward.params.get("products") or ())
    products = get_model("catalogue", "Product").objects.using(write_db())
    found = products.filter(is_public=True).in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _check_stock(basket: Any, product: Any, pieces: int) -> None:
    """Raise `CannotClaim` where a basket cannot hold so many pieces: they are sold out, or have no price here."""
    info = basket.strategy.fetch_for_product(product)
    is_there, _why = info.availability.is_purchase_permitted(pieces)
    if not is_there or not info.price.exists or info.stockrecord is None:
        raise CannotClaim(Because("gift_sold_out"))
    if basket.currency and info.price.currency != basket.currency:
        raise CannotClaim(Because("reward_other_currency", currency=basket.currency))


def put_in(*, basket: Any, row: Redemption, product: Any) -> None:
    """
    Put the line of a gift into the basket; what is there of it already stays. Raises `CannotClaim` where there are not
    so many pieces beside one's own, since Oscar asks line by line what there is.
    """
    same = [line for line in basket.all_lines() if line.product_id == product.pk]
    have = sum(line.quantity for line in same if is_gift(line=line))
    want = pieces_of(_of_product(basket, product.pk))[product.pk]
    if want > have:
        _check_stock(basket, product, want - have + sum(line.quantity for line in same))
        option = {"option": gift_option(), "value": row.claim.reward.name}
        basket.add_product(product, want - have, [option])
    basket._lines = None


def take_out(*, basket: Any, row: Redemption) -> None:
    """Take the pieces of a gift out of the basket that no other reward pays for."""
    for part in row.lines:
        stays = pieces_of(_of_product(basket, part["product"], but=row))[part["product"]]
        for line in gifts_in(basket=basket):
            if line.product_id == part["product"]:
                keep = min(line.quantity, stays)
                stays -= keep
                if not keep:
                    line.delete()
                elif keep < line.quantity:
                    line.quantity = keep
                    line.save(update_fields=["quantity"])
    basket._lines = None


def _of_product(basket: Any, product_id: int, but: Redemption | None = None) -> list[Redemption]:
    rows = rewards_on(basket=basket, kind=PRODUCT)
    return [
        row
        for row in rows
        if (but is None or row.pk != but.pk) and any(part["product"] == product_id for part in row.lines)
    ]


def leave_other_basket(*, before: Redemption) -> None:
    """Take a gift as it was out of the basket from which its reward moved."""
    basket_id = number_of(name=before.slot or "", kind="basket")
    other = get_model("basket", "Basket").objects.using(write_db()).filter(pk=basket_id).first() if basket_id else None
    if other is not None:
        take_out(basket=other, row=before)
