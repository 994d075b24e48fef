"""What happened, what became of it with each consumer, and what members were told of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import pgettext_lazy

from .members import Member


class Event(models.Model):
    """
    Something that happened, most often to a member; written in the transaction in which it happened.

    `key` comes once per topic. docs/reference/events.md says what each topic's `payload` holds. An event never changes:
    only `is_new` falls as soon as its consumers have it, and whoever leaves takes their payloads along.
    """

    topic = models.CharField(pgettext_lazy("loyalty", "what happened"), max_length=40)
    key = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=120)
    member = models.ForeignKey(
        Member, models.CASCADE, null=True, related_name="+", verbose_name=pgettext_lazy("loyalty", "member")
    )
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(pgettext_lazy("loyalty", "when"))
    is_new = models.BooleanField(pgettext_lazy("loyalty", "still to be told"), default=True, editable=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "event")
        verbose_name_plural = pgettext_lazy("loyalty", "events")
        constraints = [models.UniqueConstraint(fields=["topic", "key"], name="loyalty_event_key")]
        indexes = [models.Index(fields=["is_new", "id"], name="loyalty_event_new")]

    def __str__(self) -> str:
        return self.topic.replace("-", " ").capitalize()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write it once; an event that is there is refused."""
        if not self._state.adding:
            raise ValidationError("what happened does not change; announce another event")
        super().save(*args, **kwargs)


class Delivery(models.Model):
    """
    What becomes of an event with one of its consumers: tried until it is done.

    Closed without `done_at` it was given up; with `done_at` and an `error` nothing had to be told, and that says why.
    """

    event = models.ForeignKey(
        Event, models.CASCADE, related_name="deliveries", verbose_name=pgettext_lazy("loyalty", "event")
    )
    consumer = models.CharField(pgettext_lazy("loyalty", "way of telling"), max_length=40)
    attempts = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "tries"), default=0)
    next_at = models.DateTimeField(pgettext_lazy("loyalty", "next try"))
    done_at = models.DateTimeField(pgettext_lazy("loyalty", "done"), null=True, blank=True)
    is_open = models.BooleanField(pgettext_lazy("loyalty", "still open"), default=True)
    error = models.CharField(pgettext_lazy("loyalty", "trouble"), max_length=200, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "message")
        verbose_name_plural = pgettext_lazy("loyalty", "messages")
        constraints = [models.UniqueConstraint(fields=["event", "consumer"], name="loyalty_delivery_once")]
        indexes = [models.Index(fields=["is_open", "consumer", "next_at"], name="loyalty_delivery_due")]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.event}"


class Notice(models.Model):
    """
    What a member was told by an event, and whether it arrived: a date binds only if it was announced.

    `topic` and `key` are the event's, `about` names a date that it announces (`account:5:expires:2027-06-01`) and
    `stage` on which of the shop's days before it; empty where it announces none. `accepted_at` is when the mail server
    took it, `bounced_at` when the shop heard that it came back, `seen_at` when the member saw it signed-in; `inbox_id`
    is its row in Oscar's inbox, where it is old from `until` on.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    topic = models.CharField(max_length=40)
    about = models.CharField(max_length=100)
    key = models.CharField(max_length=120)
    stage = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True)
    inbox_id = models.CharField(max_length=40, blank=True, default="")
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "notice")
        verbose_name_plural = pgettext_lazy("loyalty", "notices")
        constraints = [models.UniqueConstraint(fields=["topic", "key", "about"], name="loyalty_notice_key")]
        indexes = [
            models.Index(fields=["topic", "about"], name="loyalty_notice_about"),
            models.Index(fields=["until"], condition=models.Q(until__isnull=False), name="loyalty_notice_until"),
        ]

    def __str__(self) -> str:
        return self.key
