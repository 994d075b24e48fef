"""Birthdays that members told, mails that they do not want, and addresses that people confirmed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Member


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
