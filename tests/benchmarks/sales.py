"""A list of products with twenty running sales and member prices, for the benchmark: switched on and off again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.pricing import history
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Tier
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import ladder_of

SALES = 20


class Sales:
    """
    Twenty sales that a level entered before the others, ten products each, and a member price on everything.

    `plain` is the shop with none of them in force, `open` has all open to everybody, `locked` to the level alone.
    """

    def __init__(self, shopping: Any, unit: Any, titles: list[str], *, gold: Any) -> None:
        self.unit, self.at = unit, timezone.now()
        self.long_ago = self.at - timedelta(days=40)
        products = [shopping.product(title) for title in titles]
        self.level = self._levels()
        MemberPrice.objects.create(tier=self.level, percent=15, starts_at=self.at - timedelta(days=1), is_on=False)
        for number in range(SALES):
            self._sale(number, [product for n, product in enumerate(products) if (n + number) % 4 == 0])
        history.record(prices=history.prices_now(products=products), at=self.long_ago)
        self.give(gold)
        forget_cache()

    def _levels(self) -> Tier:
        ladder = Ladder.objects.create(program=self.unit.program)
        rows = enumerate((("silver", 15_000), ("gold", 40_000)), start=1)
        return [
            Tier.objects.create(ladder=ladder, rank=rank, code=code, name=code.title(), threshold=threshold)
            for rank, (code, threshold) in rows
        ][-1]

    def _sale(self, number: int, products: list[Any]) -> None:
        code = f"sale{number}"
        found = get_model("offer", "Range").objects.create(name=code)
        for product in products:
            found.add_product(product)
        product_set = ProductSet.objects.create(code=code, name=code)
        ProductSetRange.objects.create(product_set=product_set, range=found)
        sale = Sale.objects.create(
            program=self.unit.program, code=code, name=f"Sale {number}", product_set=product_set, percent=5 + number
        )
        day = timedelta(days=1)
        Door.objects.create(sale=sale, rank=2, seen_from=self.at - 4 * day, buys_from=self.at - 3 * day)

    def give(self, user: Any) -> None:
        """Put somebody on the level that the sales open to."""
        member = join(program=self.unit.program, user_id=user.pk, at=self.at)
        open_account(member=member, unit=self.unit)
        forget_cache()
        ladder = ladder_of(program_id=self.unit.program_id)
        give_tier(
            ladder=ladder,
            member_id=member.pk,
            tier=self.level,
            until=None,
            reason="a friend",
            actor="staff:1",
            at=self.at,
        )

    def switch(self, how: str) -> None:
        """Put the sales and the member price in force (`open` or `locked`), or take them out of it (`plain`)."""
        MemberPrice.objects.update(is_on=how != "plain")
        Sale.objects.update(is_on=how != "plain", public_from=self.at - timedelta(days=1) if how == "open" else None)
        forget_cache()
