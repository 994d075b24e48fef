"""
What is known of people: birthdays they told, mails they do not want, addresses they confirmed, letters they allow; what
each order was, and how each member buys.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Member, Program


class Birthday(models.Model):
    """The day and month of a member's birthday, told by the member. Nobody asks for the year."""

    member = models.OneToOneField(Member, models.CASCADE, related_name="birthday")
    day = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "day"))
    month = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "month"))
    set_at = models.DateTimeField(pgettext_lazy("loyalty", "told"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "birthday")
        verbose_name_plural = pgettext_lazy("loyalty", "birthdays")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(day__gte=1, day__lte=31, month__gte=1, month__lte=12),
                name="loyalty_birthday_day",
                violation_error_message=pgettext_lazy("loyalty", "That day doesn’t exist."),
            ),
        ]
        indexes = [models.Index(fields=["month", "day"], name="loyalty_birthday_date")]

    def __str__(self) -> str:
        return f"{self.month:02}-{self.day:02}"


class UnwantedMail(models.Model):
    """A member wants no mails about events of a topic; what is told stands in Oscar's inbox all the same."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="unwanted_mails")
    topic = models.CharField(pgettext_lazy("loyalty", "topic"), max_length=40)
    since = models.DateTimeField(pgettext_lazy("loyalty", "since"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "unwanted mail")
        verbose_name_plural = pgettext_lazy("loyalty", "unwanted mails")
        constraints = [models.UniqueConstraint(fields=["member", "topic"], name="loyalty_unwanted_mail_once")]

    def __str__(self) -> str:
        return self.topic


class ConfirmedAddress(models.Model):
    """Somebody has proved to read a mailbox: of its address stays the keyed hash (`mark`), the latest one confirmed."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(pgettext_lazy("loyalty", "confirmed"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "confirmed address")
        verbose_name_plural = pgettext_lazy("loyalty", "confirmed addresses")

    def __str__(self) -> str:
        return self.mark


class Receipt(models.Model):
    """
    What an order was, guests' too: one row an order, by what is left of it now.

    `buyer` is who bought it whatever the account: `u:` and the user's key, or a keyed hash of a guest's mailbox; random
    once the person is forgotten: then `is_member` still says that a member bought it, and nothing says who. Money is
    minor units of `currency`, as the shop shows prices: `goods_minor` what is
    left of the goods before discounts, `paid_minor` what was paid for that. `pieces` are those that are left.
    `final_at` is when it reached its last status (None = not yet), `is_gone` that it came to nothing, `is_first` that
    it was this buyer's first when it was placed.
    """

    order_id = models.BigIntegerField(unique=True)
    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    buyer = models.CharField(max_length=64)
    is_member = models.BooleanField(default=False)
    placed_at = models.DateTimeField(pgettext_lazy("loyalty", "placed"))
    final_at = models.DateTimeField(pgettext_lazy("loyalty", "arrived"), null=True)
    currency = models.CharField(pgettext_lazy("loyalty", "currency"), max_length=12)
    goods_minor = models.BigIntegerField(pgettext_lazy("loyalty", "goods"))
    paid_minor = models.BigIntegerField(pgettext_lazy("loyalty", "paid"))
    pieces = models.PositiveIntegerField(pgettext_lazy("loyalty", "pieces"))
    is_gone = models.BooleanField(default=False)
    is_first = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "receipt")
        verbose_name_plural = pgettext_lazy("loyalty", "receipts")
        default_permissions = ()
        indexes = [
            models.Index(fields=["member", "placed_at"], name="loyalty_receipt_member"),
            models.Index(fields=["program", "placed_at"], name="loyalty_receipt_placed"),
            models.Index(fields=["buyer"], name="loyalty_receipt_buyer"),
            models.Index(fields=["changed_at"], name="loyalty_receipt_changed"),
        ]

    def __str__(self) -> str:
        return f"order {self.order_id}"


class BuyerStats(models.Model):
    """
    How a member buys, by the receipts of orders that were not all given back. Money is minor units of the program's
    currency; orders in others count, and their money does not.

    `gap_days` is the median of days between the last orders, and `late_at` when the next one is missed by that (None =
    nobody can say); the nightly job writes it for members whose receipts changed.
    """

    member = models.OneToOneField(Member, models.CASCADE, related_name="buyer_stats")
    orders = models.PositiveIntegerField(pgettext_lazy("loyalty", "orders"))
    spend_minor = models.BigIntegerField(pgettext_lazy("loyalty", "spent"))
    biggest_minor = models.BigIntegerField(pgettext_lazy("loyalty", "biggest order"))
    first_at = models.DateTimeField(pgettext_lazy("loyalty", "first order"), null=True)
    last_at = models.DateTimeField(pgettext_lazy("loyalty", "last order"), null=True)
    gap_days = models.PositiveIntegerField(pgettext_lazy("loyalty", "days between orders"), null=True)
    late_at = models.DateTimeField(pgettext_lazy("loyalty", "missed from"), null=True)
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "buyer")
        verbose_name_plural = pgettext_lazy("loyalty", "buyers")
        default_permissions = ()
        indexes = [models.Index(fields=["late_at"], name="loyalty_buyerstats_late")]

    def __str__(self) -> str:
        return str(self.member)


class Consent(models.Model):
    """
    A member allows something: letters, or personal content. Rows are the proof, and stay as they were.

    `words` is what was asked, word for word, and `language` its language. Letters are allowed once that was confirmed
    through the mailbox (`confirmed_at`), whose keyed hash is `mark`, and for no other; until `withdrawn_at`. The row
    that counts now holds `is_current` (True, else NULL): what was asked and not answered does not count yet. A refusal
    that nobody was asked for has no words.
    """

    class Purpose(models.TextChoices):
        LETTERS = "letters", pgettext_lazy("loyalty", "letters")
        PERSONAL = "personal", pgettext_lazy("loyalty", "personal content")

    member = models.ForeignKey(Member, models.CASCADE, related_name="consents", db_index=False)
    purpose = models.CharField(pgettext_lazy("loyalty", "what for"), max_length=10, choices=Purpose)
    words = models.TextField(pgettext_lazy("loyalty", "words"))
    language = models.CharField(pgettext_lazy("loyalty", "language"), max_length=12)
    asked_at = models.DateTimeField(pgettext_lazy("loyalty", "asked"))
    confirmed_at = models.DateTimeField(pgettext_lazy("loyalty", "confirmed"), null=True, blank=True)
    mark = models.CharField(max_length=64, blank=True, default="")
    withdrawn_at = models.DateTimeField(pgettext_lazy("loyalty", "withdrawn"), null=True, blank=True)
    is_current = models.BooleanField(null=True, default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "consent")
        verbose_name_plural = pgettext_lazy("loyalty", "consents")
        constraints = [
            models.UniqueConstraint(fields=["member", "purpose", "is_current"], name="loyalty_consent_current"),
            models.CheckConstraint(
                condition=models.Q(is_current=None)
                | models.Q(confirmed_at__isnull=False)
                | models.Q(withdrawn_at__isnull=False),
                name="loyalty_consent_answered",
            ),
        ]

    def __str__(self) -> str:
        return self.get_purpose_display()


class Contact(models.Model):
    """
    When a member was last written a letter to (`told_at`, None = never), so that letters keep their distance; and the
    keyed hash of the address that mail came back from (`bounced`), which gets no letters until it is changed.
    """

    member = models.OneToOneField(Member, models.CASCADE, related_name="contact")
    told_at = models.DateTimeField(null=True)
    language = models.CharField(pgettext_lazy("loyalty", "language"), max_length=12, blank=True, default="")
    bounced = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "contact")
        verbose_name_plural = pgettext_lazy("loyalty", "contacts")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.member)
