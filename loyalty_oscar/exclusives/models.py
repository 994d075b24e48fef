"""Exclusive sales: what is sold, doors with their dates, who is to be told, and every piece taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router, transaction
from django.db.models import F, Q, Sum
from django.utils.translation import npgettext_lazy, pgettext, pgettext_lazy

from loyalty_oscar.program.abstract import ForWhom
from loyalty_oscar.program.lines import LinesField
from loyalty_oscar.program.models import Member, ProductSet, Program, code_validator

from . import rules
from .levels import levels

#: More pieces than any shop sells of anything.
MOST_PIECES = 10_000_000


class Sale(models.Model):
    """
    A sale that opens to some before others.

    Until it is public its products are closed to everybody who is not admitted, shown with a lock or hidden; or
    everybody else buys them at the normal price meanwhile.
    `published_at` is when the products of a hidden one were made public, once.
    """

    class Mode(models.TextChoices):
        LOCK = "lock", pgettext_lazy("loyalty", "everybody sees the products, with a lock")
        HIDE = "hide", pgettext_lazy("loyalty", "nobody else sees the products")
        OPEN = "open", pgettext_lazy("loyalty", "everybody else buys at the normal price")

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="sales", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(
        pgettext_lazy("loyalty", "code"),
        max_length=60,
        validators=[code_validator],
        help_text=pgettext_lazy("loyalty", "Stands in the address of its page."),
    )
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    text = LinesField(pgettext_lazy("loyalty", "text"), blank=True)
    picture = models.ImageField(pgettext_lazy("loyalty", "picture"), upload_to="loyalty/sales", blank=True)
    product_set = models.ForeignKey(
        ProductSet, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "products")
    )
    mode = models.CharField(pgettext_lazy("loyalty", "before it opens"), max_length=5, choices=Mode, default=Mode.LOCK)
    percent = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "off the price, in percent"),
        default=0,
        validators=[MaxValueValidator(95)],
        help_text=pgettext_lazy("loyalty", "For everybody who may buy; 0 leaves the price as it is."),
    )
    public_from = models.DateTimeField(
        pgettext_lazy("loyalty", "open to everybody from"),
        null=True,
        blank=True,
        help_text=pgettext_lazy("loyalty", "Empty: never, it stays with those below."),
    )
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "ends"), null=True, blank=True)
    quota = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "pieces in all"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PIECES)],
        help_text=pgettext_lazy("loyalty", "Empty: as many as there are in stock."),
    )
    per_member = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "pieces for each member"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PIECES)],
    )
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=False)
    published_at = models.DateTimeField(null=True, editable=False)

    #: Its dates as the rules see them, where `queries.sales_in_force` read it.
    dates: rules.SaleTerms

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "exclusive sale")
        verbose_name_plural = pgettext_lazy("loyalty", "exclusive sales")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_sale_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a sale with this code already. Choose another code."
                ),
            ),
            models.CheckConstraint(
                condition=Q(percent__lte=95),
                name="loyalty_sale_percent",
                violation_error_message=pgettext_lazy("loyalty", "A sale takes off at most 95 percent."),
            ),
            models.CheckConstraint(
                condition=~Q(mode="open") | Q(percent__gt=0, quota__isnull=True, per_member__isnull=True),
                name="loyalty_sale_open",
                violation_error_message=pgettext_lazy(
                    "loyalty", "Where everybody else buys at the normal price, say how much is off and count no pieces."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """
        Keep the row that is locked in step with the quota and with what is sold; its constraint refuses to lower that
        below what is sold. What another shop sold beyond it is counted as all.
        """
        if self.published_at and (self.public_from is None or self.public_from > self.published_at):
            self.published_at = None  # it opens to everybody on another day
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(Sale, instance=self)):
            super().save(*args, **kwargs)
            counts = QuotaCounter.objects.using(self._state.db)
            count, _is_new = counts.select_for_update().get_or_create(sale=self)
            taken = pieces_of(sale_id=self.pk, db=self._state.db)
            if self.quota is not None and self.quota == count.quota:
                taken = min(taken, self.quota)
            counts.filter(pk=count.pk).update(quota=self.quota, taken=taken)

    def clean(self) -> None:
        """Say which dates and numbers do not fit."""
        taken = pieces_of(sale_id=self.pk) if self.pk and self.quota is not None else 0
        if self.quota is not None and self.quota < taken and not self._keeps_quota():
            wrong = npgettext_lazy(
                "loyalty",
                "%(taken)d piece is taken already: choose that or more.",
                "%(taken)d pieces are taken already: choose that or more.",
                "taken",
            )
            raise ValidationError({"quota": ValidationError(wrong % {"taken": taken}, code="taken")})
        if self.quota is not None and self.per_member is not None and self.per_member > self.quota:
            wrong = pgettext_lazy("loyalty", "There are fewer pieces in all: choose that number or less.")
            raise ValidationError({"per_member": wrong})
        if self.ends_at and self.public_from and self.ends_at <= self.public_from:
            wrong = pgettext_lazy("loyalty", "It must end after it has opened to everybody.")
            raise ValidationError({"ends_at": wrong})
        if self.mode == self.Mode.OPEN:
            self._check_others()

    def _keeps_quota(self) -> bool:
        """Return whether there are as many pieces in all as before."""
        return QuotaCounter.objects.filter(sale=self.pk, quota=self.quota).exists()

    def _check_others(self) -> None:
        """Say what a sale can't have whose products others buy at the normal price."""
        wrong = {}
        if not self.percent:
            wrong["percent"] = pgettext_lazy("loyalty", "Others buy at the normal price: say how much less these pay.")
        for name in ("quota", "per_member"):
            if getattr(self, name) is not None:
                wrong[name] = pgettext_lazy("loyalty", "Others buy these products too, so no pieces can be counted.")
        if wrong:
            raise ValidationError(wrong)

    @property
    def is_counted(self) -> bool:
        """Whether its pieces are counted."""
        return self.quota is not None or self.per_member is not None

    @property
    def opens_at(self) -> datetime | None:
        """When the first may buy; None where nobody ever may. No query where its doors are loaded."""
        begins = [door.buys_from for door in self.doors.all()] + ([self.public_from] if self.public_from else [])
        return min(begins, default=None)

    def is_over(self, *, at: datetime) -> bool:
        """Return whether its end has passed."""
        return self.ends_at is not None and self.ends_at <= at


class Door(ForWhom):
    """Who gets in before the others, from two dates on: members from a level on, and where it says so of a segment."""

    sale = models.ForeignKey(Sale, models.CASCADE, related_name="doors")
    seen_from = models.DateTimeField(pgettext_lazy("loyalty", "see it from"))
    buys_from = models.DateTimeField(pgettext_lazy("loyalty", "buy from"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "door")
        verbose_name_plural = pgettext_lazy("loyalty", "who gets in, and when")
        constraints = [
            models.CheckConstraint(
                condition=Q(seen_from__lte=F("buys_from")),
                name="loyalty_door_dates",
                violation_error_message=pgettext_lazy(
                    "loyalty", "Nobody buys what they do not see yet: choose that day or a later one."
                ),
            ),
        ]

    def __str__(self) -> str:
        """Return who gets in: the segment, the level by its name, or "every member"."""
        if self.segment_id is not None:
            return str(self.segment)
        called = levels(program_id=self.sale.program_id).get(self.rank, str(self.rank))
        return called if self.rank else pgettext("loyalty", "every member")

    def clean(self) -> None:
        """Say which dates do not fit."""
        if self.seen_from and self.buys_from and self.buys_from < self.seen_from:
            wrong = pgettext_lazy("loyalty", "Nobody buys what they do not see yet: choose that day or a later one.")
            raise ValidationError({"buys_from": wrong})
        # A page that somebody tampered with may name no sale.
        sale = getattr(self, "sale", None)
        self.check_segment(program_id=sale.program_id if sale else None)


class Reminder(models.Model):
    """
    A member asked for one message when a sale opens for them; taking that back removes the row.

    It proves the consent to this single message: `words` is what stood beside the button, `asked_at` when it was
    pressed. `told_at` is when the message was put on its way.
    """

    sale = models.ForeignKey(Sale, models.CASCADE, related_name="reminders", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    words = models.CharField(max_length=400)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "reminder of a sale")
        verbose_name_plural = pgettext_lazy("loyalty", "reminders of sales")
        constraints = [models.UniqueConstraint(fields=["sale", "member"], name="loyalty_reminder_once")]
        indexes = [models.Index(fields=["sale", "told_at"], name="loyalty_reminder_waiting")]

    def __str__(self) -> str:
        return f"{self.sale_id}: {self.member_id}"


class QuotaCounter(models.Model):
    """
    The locked row of a sale: pieces `taken`, reserved or bought. The constraint is the second guard.

    Every sale has one; it repeats the sale's quota (NULL = as many as there are in stock). It follows the places of
    a sale that counts its pieces, and begins with those that were sold before it did.
    """

    sale = models.OneToOneField(Sale, models.CASCADE, related_name="count")
    quota = models.PositiveIntegerField(null=True)
    taken = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "pieces taken")
        verbose_name_plural = pgettext_lazy("loyalty", "pieces taken")
        constraints = [models.CheckConstraint(condition=Q(taken__lte=F("quota")), name="loyalty_count_within_quota")]

    def __str__(self) -> str:
        return f"{self.taken} / {self.quota or '-'}"


class Reservation(models.Model):
    """
    Pieces of a sale that a basket reserved (`slot`, until a moment) or that an order bought (`order_id`).

    A reserved place that ran out counts no more and is removed by the next who asks, unless its basket is being paid
    for; one that was renewed until `longest` stays a while without pieces, so that its basket does not take them again
    at once. `bought` is what the
    order took (product id -> pieces), whatever the sale holds later; `quantity` what it still has.
    """

    sale = models.ForeignKey(Sale, models.PROTECT, related_name="reservations", db_index=False)
    user_id = models.CharField(max_length=40, blank=True, default="")
    slot = models.CharField(max_length=60, null=True)
    order_id = models.BigIntegerField(null=True)
    quantity = models.PositiveIntegerField()
    until = models.DateTimeField(null=True)
    longest = models.DateTimeField(null=True)
    bought = models.JSONField(default=dict)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "reservation")
        verbose_name_plural = pgettext_lazy("loyalty", "reservations")
        constraints = [
            models.UniqueConstraint(fields=["sale", "slot"], name="loyalty_reservation_slot"),
            models.UniqueConstraint(fields=["sale", "order_id"], name="loyalty_reservation_order"),
            models.CheckConstraint(
                condition=Q(slot__isnull=False, until__isnull=False, order_id__isnull=True)
                | Q(slot__isnull=True, until__isnull=True, order_id__isnull=False),
                name="loyalty_reservation_reserved_or_bought",
            ),
        ]
        indexes = [models.Index(fields=["sale", "user_id"], name="loyalty_reservation_user")]

    def __str__(self) -> str:
        return f"{self.quantity}"


def pieces_of(*, sale_id: int, db: str | None = None) -> int:
    """Return how many pieces of a sale its places hold, reserved or bought. One query."""
    return Reservation.objects.using(db).filter(sale_id=sale_id).aggregate(sum=Sum("quantity", default=0))["sum"]
