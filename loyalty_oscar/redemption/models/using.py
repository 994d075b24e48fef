"""What points may pay for in a program; what members put on a basket, its price in money, its order, the way back."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program import money
from loyalty_oscar.program.models import ProductSet, Program

from .claims import Claim


class UseTerms(models.Model):
    """What a merchant allows points to pay for. A program without this row lets nobody use points."""

    program = models.OneToOneField(
        Program, models.CASCADE, related_name="use_terms", verbose_name=pgettext_lazy("loyalty", "program")
    )
    is_on = models.BooleanField(pgettext_lazy("loyalty", "customers can use what they have"), default=True)
    share = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "share of the goods in percent"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=pgettext_lazy("loyalty", "So much of the goods can be paid this way. Delivery never is."),
    )
    minimum = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "least at once"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)],
    )
    step = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "in steps of"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)],
        help_text=pgettext_lazy("loyalty", "Only whole steps of this can be used."),
    )
    per_day = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "most a day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)],
        help_text=pgettext_lazy("loyalty", "For each member, by the program's calendar. Empty: no limit."),
    )
    excluded_sets = models.ManyToManyField(
        ProductSet,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "products that are never paid this way"),
    )
    not_on_exclusive = models.BooleanField(
        pgettext_lazy("loyalty", "not on products that an exclusive offer applies to"),
        default=False,
        help_text=pgettext_lazy("loyalty", "Oscar makes every offer exclusive unless you say otherwise."),
    )
    not_on_discounted = models.BooleanField(
        pgettext_lazy("loyalty", "not on products that are reduced already"), default=False
    )
    not_with_vouchers = models.BooleanField(pgettext_lazy("loyalty", "not together with a voucher"), default=False)

    #: Where `queries` read it: codes of the sets that points do not pay for, and least orders by currency.
    known_sets: frozenset[str]
    known_least: dict[str, int]

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "set of limits")
        verbose_name_plural = pgettext_lazy("loyalty", "limits of use")
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gte=1, share__lte=100, minimum__gte=1, step__gte=1),
                name="loyalty_useterms_sound",
                violation_error_message=pgettext_lazy(
                    "loyalty", "The share must be from 1 to 100 percent, the least and the steps above 0."
                ),
            )
        ]

    def __str__(self) -> str:
        return str(self.program)


class LeastOrder(models.Model):
    """From which amount of goods on points can be used, a row per currency; none: from the first cent on."""

    terms = models.ForeignKey(UseTerms, models.CASCADE, related_name="least_orders")
    currency = models.CharField(pgettext_lazy("loyalty", "currency"), max_length=3, validators=[money.check_currency])
    minor = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "goods for at least (in cents)"), validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "least order")
        verbose_name_plural = pgettext_lazy("loyalty", "least orders")
        constraints = [
            models.UniqueConstraint(
                fields=["terms", "currency"],
                name="loyalty_leastorder_currency",
                violation_error_message=pgettext_lazy("loyalty", "There is a least order in this currency already."),
            )
        ]

    def __str__(self) -> str:
        return money.in_words(minor=self.minor, currency=self.currency)


class Redemption(models.Model):
    """
    Something of a member's put on a basket, and what it took off the order: a row from then on, not only once used.

    It is either a `hold`, and then the row is its money side, what its points buy, promised when they were set aside;
    or a `claim`, the one of that `number` (a claim that was opened again is put on baskets as the next).
    `slot` names what it is on (`basket:42`). That of points stays also after the hold went back, until they are used
    or others are set aside there; so several may name one, and the newest counts. A claim is on one basket at most.
    `promise` is what held then (see `promises`); `payment_at` is when a payment began with it.
    Once used: `order_id`, `points` (none of a claim) and `minor` off, and `lines` with what each line of the order got
    (`{"product", "quantity", "minor", "points"}` in basket order; `"line"`, `"paid"` and `"list"`, its order line and
    what that cost with and without discounts, are noted while the order is written). Of a gift `lines` says from the
    start which product it is, and how many.
    `returned` points came back since. A use that a second payment of the same order replaced `is_replaced`.
    """

    # Of points there always is one: whoever reads rows of points asks for them alone.
    hold: models.OneToOneField[Hold, Hold] = models.OneToOneField(  # type: ignore[misc]
        Hold, models.PROTECT, related_name="redemption", null=True
    )
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="uses", null=True, db_index=False)
    number = models.PositiveIntegerField(default=0)
    per_points = models.PositiveIntegerField(default=0)
    per_minor = models.PositiveIntegerField(default=0)
    currency = models.CharField(pgettext_lazy("loyalty", "currency"), max_length=3)
    slot = models.CharField(max_length=60, null=True)
    promise = models.JSONField(null=True)
    payment_at = models.DateTimeField(null=True)
    order_id = models.BigIntegerField(pgettext_lazy("loyalty", "order"), null=True, db_index=True)
    points = models.BigIntegerField(pgettext_lazy("loyalty", "how much is used"), default=0)
    minor = models.BigIntegerField(pgettext_lazy("loyalty", "taken off (in cents)"), default=0)
    lines = models.JSONField(default=list)
    used_at = models.DateTimeField(pgettext_lazy("loyalty", "used"), null=True)
    returned = models.BigIntegerField(pgettext_lazy("loyalty", "how much came back"), default=0)
    is_replaced = models.BooleanField(default=False)
    syncs = models.PositiveIntegerField(default=0)

    #: The number of its order, or the basket it waits for, on a page of staff.
    known_number: str

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "use in an order")
        verbose_name_plural = pgettext_lazy("loyalty", "uses in orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gte=0, minor__gte=0, returned__gte=0) & Q(returned__lte=F("points")),
                name="loyalty_redemption_sound",
            ),
            models.CheckConstraint(
                condition=Q(order_id__isnull=True, points=0, minor=0) | Q(order_id__isnull=False),
                name="loyalty_redemption_used_or_not",
            ),
            # All that is true of points alone, or of claims alone, stands here.
            models.CheckConstraint(
                condition=(
                    Q(hold__isnull=False, claim__isnull=True, per_points__gt=0, per_minor__gt=0)
                    & (Q(order_id__isnull=True) | Q(points__gt=0))
                )
                | Q(hold__isnull=True, claim__isnull=False, points=0),
                name="loyalty_redemption_of_points",
            ),
            models.UniqueConstraint(fields=["claim", "number"], name="loyalty_redemption_once"),
        ]
        # Not unique: points are one thing on a basket (`loyalty_hold_slot` sees to that), and others come beside them.
        indexes = [models.Index(fields=["slot"], name="loyalty_redemption_slot")]

    def __str__(self) -> str:
        return str(self.claim or self.hold)
