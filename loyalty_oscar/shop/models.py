"""
What ties the house to Oscar: ranges of product sets, a mark for each order, and the classes that Oscar's rows name.
Those names are for ever, and all are declared whatever is installed.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.html import conditional_escape
from django.utils.translation import pgettext, pgettext_lazy
from oscar.core.loading import get_class, get_model

from loyalty_oscar.program.models import ProductSet

from .storefront.offer_hooks import basket_levels, discounts


class ProductSetRange(models.Model):
    """The Oscar range whose products a product set holds. A set whose range is gone suspends its rules."""

    product_set = models.OneToOneField(
        ProductSet, models.CASCADE, related_name="tie", verbose_name=pgettext_lazy("loyalty", "product set")
    )
    range = models.ForeignKey(
        "offer.Range",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "range of products"),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "range of a product set")
        verbose_name_plural = pgettext_lazy("loyalty", "ranges of product sets")

    def __str__(self) -> str:
        return f"{self.product_set}: {self.range}"


class OrderSync(models.Model):
    """
    Where the house stands with an order: looked at or to be looked at again.

    `final_at` is when the order reached its final status (or when that was first seen), `fingerprint` what it looked
    like last time, `placed` what was true when it was first seen (`shop.placed`). `failed` names the effects that could
    not do their part, each with its error: the others did theirs. `moved_from` is who placed it, where it is somebody
    else's now (`shop.buyers`). No foreign key: a mark may be there before the order is committed, and stays when it is
    deleted.
    """

    order_id = models.BigIntegerField(pgettext_lazy("loyalty", "order"), unique=True)
    is_dirty = models.BooleanField(pgettext_lazy("loyalty", "waits to be counted"), default=True)
    dirty_since = models.DateTimeField(pgettext_lazy("loyalty", "last change"), null=True, blank=True)
    fingerprint = models.CharField(max_length=32, blank=True, default="")
    final_at = models.DateTimeField(pgettext_lazy("loyalty", "came to its end"), null=True, blank=True)
    is_settled = models.BooleanField(default=False)
    placed = models.JSONField(default=dict)
    moved_from = models.CharField(max_length=40, blank=True, default="")
    failed = models.JSONField(default=dict)
    failures = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "tries that failed"), default=0)
    error = models.CharField(pgettext_lazy("loyalty", "trouble"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "counting of an order")
        verbose_name_plural = pgettext_lazy("loyalty", "counting of orders")
        permissions = [("undo_return", "Can undo a return of an order")]
        indexes = [
            models.Index(fields=["is_dirty", "order_id"], name="loyalty_sync_dirty"),
            models.Index(fields=["moved_from"], name="loyalty_sync_moved", condition=~Q(moved_from="")),
        ]

    def __str__(self) -> str:
        return str(self.placed.get("number") or self.order_id)


class PriceSpan(models.Model):
    """
    What a product cost from one moment to the next, with tax where it is known: `minor` units of a currency.

    `audience` "" is everybody, else who paid less ("1:rank:3": a program's members from a level on; "1:segment:7").
    Kept from the day of installation, because reductions are told from the lowest price of the 30 days before. The
    present one `is_current` (True, else NULL).
    """

    product_id = models.BigIntegerField()
    currency = models.CharField(max_length=12)
    audience = models.CharField(max_length=40, blank=True, default="")
    minor = models.BigIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    is_current = models.BooleanField(null=True, default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "past price")
        verbose_name_plural = pgettext_lazy("loyalty", "past prices")
        constraints = [
            models.UniqueConstraint(
                fields=["product_id", "currency", "audience", "is_current"], name="loyalty_pricespan_current"
            ),
        ]
        indexes = [models.Index(fields=["product_id", "ends_at"], name="loyalty_pricespan_ends")]

    def __str__(self) -> str:
        return f"{self.minor} {self.currency}"


class SafelyNamed:
    """
    A condition or benefit under the name that `said` returns.

    Oscar takes the name for the description too and prints that as safe markup, but names of levels in it are what
    people typed.
    """

    @property
    def name(self) -> str:
        return conditional_escape(self.said())

    @property
    def description(self) -> str:
        return self.name


class PointsCondition(SafelyNamed, get_model("offer", "Condition")):
    """The customer has set points aside for this basket."""

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "something is set aside")
        verbose_name_plural = pgettext_lazy("loyalty", "something is set aside")

    def said(self) -> str:
        return pgettext("loyalty", "The customer uses what was earned before")

    def is_satisfied(self, offer: Any, basket: Any) -> bool:
        """Ask the feature; one query for a member's basket, none for others."""
        return "points" in discounts and discounts.get("points").is_wanted(basket=basket, offer=offer)

    def is_partially_satisfied(self, offer: Any, basket: Any) -> bool:
        return False

    def get_upsell_message(self, offer: Any, basket: Any) -> None:
        return None

    def consume_items(self, offer: Any, basket: Any, affected_lines: Any) -> None:
        """Consume nothing: points lie on top of every other offer."""


class TierCondition(SafelyNamed, get_model("offer", "Condition")):
    """The customer's level has at least the rank that stands in `value`: for Oscar's own offers of any kind."""

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "level of the customer")
        verbose_name_plural = pgettext_lazy("loyalty", "levels of customers")

    def said(self) -> str:
        rank = int(self.value or 1)
        called = next(basket_levels.answers("name_of", rank=rank), "")
        if called:
            return pgettext("loyalty", "Members of level %(tier)s or higher") % {"tier": called}
        return pgettext("loyalty", "Members of level %(rank)d or higher") % {"rank": rank}

    def is_satisfied(self, offer: Any, basket: Any) -> bool:
        """Ask the feature for the level of the basket's owner; strangers have none."""
        levels = basket_levels.first()
        if basket.owner_id is None or levels is None:
            return False
        # Of this instance, which lies with what it lowered: the checkout minds it, because a level may be lost.
        offer.loyalty_for_level = levels.rank_of(basket=basket) >= int(self.value or 1)
        return offer.loyalty_for_level

    def is_partially_satisfied(self, offer: Any, basket: Any) -> bool:
        return False

    def get_upsell_message(self, offer: Any, basket: Any) -> None:
        return None

    def consume_items(self, offer: Any, basket: Any, affected_lines: Any) -> None:
        """Consume nothing: the level is no thing in the basket."""


class PointsBenefit(SafelyNamed, get_model("offer", "Benefit")):
    """What points take off a basket, and their capture in the transaction of its order."""

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "what is set aside")
        verbose_name_plural = pgettext_lazy("loyalty", "what is set aside")

    def said(self) -> str:
        return pgettext("loyalty", "What was earned before lowers the price")

    def apply(self, basket: Any, condition: Any, offer: Any, **kwargs: Any) -> Any:
        if "points" in discounts:
            return discounts.get("points").apply(basket=basket, offer=offer)
        return get_class("offer.results", "ZERO_DISCOUNT")

    def apply_deferred(self, basket: Any, order: Any, application: Any) -> str:
        """Take the points. Oscar calls this inside the transaction that writes the order."""
        return discounts.get("points").take(basket=basket, order=order)


class RewardCondition(SafelyNamed, get_model("offer", "Condition")):
    """A reward of the kind that the offer's benefit gives lies on this basket."""

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "a reward is used")
        verbose_name_plural = pgettext_lazy("loyalty", "a reward is used")

    def said(self) -> str:
        return pgettext("loyalty", "The customer uses a reward")

    def is_satisfied(self, offer: Any, basket: Any) -> bool:
        """Ask the feature; no query beyond the one for points."""
        name = getattr(offer.benefit.proxy(), "gives", "")
        return name in discounts and discounts.get(name).is_wanted(basket=basket, offer=offer)

    def is_partially_satisfied(self, offer: Any, basket: Any) -> bool:
        return False

    def get_upsell_message(self, offer: Any, basket: Any) -> None:
        return None

    def consume_items(self, offer: Any, basket: Any, affected_lines: Any) -> None:
        """Consume nothing: a reward is no thing in the basket."""


class GivenByReward(SafelyNamed):
    """What a reward does to a basket, and that it is used in the transaction of its order."""

    gives = ""

    def apply(self, basket: Any, condition: Any, offer: Any, **kwargs: Any) -> Any:
        return discounts.get(self.gives).apply(basket=basket, offer=offer)

    def apply_deferred(self, basket: Any, order: Any, application: Any) -> str:
        """Use the reward. Oscar calls this inside the transaction that writes the order."""
        return discounts.get(self.gives).take(basket=basket, order=order)


class GiftBenefit(GivenByReward, get_model("offer", "Benefit")):
    """A gift in the basket costs nothing."""

    gives = "gift"

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "gift of a reward")
        verbose_name_plural = pgettext_lazy("loyalty", "gifts of rewards")

    def said(self) -> str:
        return pgettext("loyalty", "Gifts of rewards cost nothing")


class ReductionBenefit(GivenByReward, get_model("offer", "Benefit")):
    """A reward takes money off the basket."""

    gives = "reduction"

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "reduction by a reward")
        verbose_name_plural = pgettext_lazy("loyalty", "reductions by rewards")

    def said(self) -> str:
        return pgettext("loyalty", "Rewards take money off")


class DeliveryBenefit(GivenByReward, get_model("offer", "Benefit")):
    """A reward pays for delivery: how much of it, the feature tells the offer, since Oscar asks without a basket."""

    gives = "delivery"

    class Meta:
        proxy = True
        verbose_name = pgettext_lazy("loyalty", "delivery by a reward")
        verbose_name_plural = pgettext_lazy("loyalty", "deliveries by rewards")

    def said(self) -> str:
        return pgettext("loyalty", "Rewards pay for delivery")
