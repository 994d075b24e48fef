"""Who takes part in a program."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods

from ..naming import called
from .programs import Program


class Member(models.Model):
    """
    One person in one program. The user may go; the pseudonym and its history stay.

    `frozen_since` and `frozen_until` (excluded) are those of the newest `Freeze`, so that whoever reads a member knows
    without a query more whether the points can be used.
    """

    public_id = models.UUIDField(pgettext_lazy("loyalty", "public id"), default=uuid.uuid4, unique=True, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, related_name="members", verbose_name=pgettext_lazy("loyalty", "program")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "person"),
    )
    joined_at = models.DateTimeField(pgettext_lazy("loyalty", "joined"))
    merged_into = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="merged",
        verbose_name=pgettext_lazy("loyalty", "merged into"),
    )
    terms_version = models.PositiveIntegerField(pgettext_lazy("loyalty", "version of the terms"), null=True, blank=True)
    terms_accepted_at = models.DateTimeField(pgettext_lazy("loyalty", "terms accepted"), null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)
    frozen_since = models.DateTimeField(null=True, blank=True, editable=False)
    frozen_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "member")
        verbose_name_plural = pgettext_lazy("loyalty", "members")
        permissions = [
            ("freeze_member", "Can freeze the points of a member and release them"),
            ("merge_member", "Can merge two members and undo it"),
            ("export_member", "Can download all that is kept about a member"),
        ]
        constraints = [models.UniqueConstraint(fields=["program", "user"], name="loyalty_member_person")]
        indexes = [models.Index(fields=["program", "joined_at"], name="loyalty_member_joined")]

    def __str__(self) -> str:
        return called(user=self.user) if self.user is not None else str(self.public_id)

    def is_frozen(self, *, at: datetime) -> bool:
        """
        Return whether the member's points cannot be used now (`at`); no query.

        A freeze begins when it is made, so its start is not asked: who waited for a lock may have looked at the clock
        before.
        """
        return self.frozen_since is not None and (self.frozen_until is None or at < self.frozen_until)


class Freeze(models.Model):
    """
    A time in which a member's points cannot be used, with who began it and why. Ended ones stay: they are the history.

    It is over at `until` (excluded; None = until somebody ends it) or, before that, at `ended_at`. Where `earns` is
    false, orders placed in it bring nothing. The newest row that nobody ended holds `is_current` (True, else NULL).
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="freezes", db_index=False)
    since = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    until = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    earns = models.BooleanField(pgettext_lazy("loyalty", "orders go on counting"), default=True)
    reason = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=300, blank=True)
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40)
    ended_at = models.DateTimeField(pgettext_lazy("loyalty", "ended"), null=True, blank=True)
    ended_by = models.CharField(pgettext_lazy("loyalty", "ended by"), max_length=40, blank=True)
    is_current = models.BooleanField(null=True, default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "freeze")
        verbose_name_plural = pgettext_lazy("loyalty", "freezes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["member", "is_current"], name="loyalty_freeze_current"),
            models.CheckConstraint(
                condition=models.Q(until__isnull=True) | models.Q(until__gt=models.F("since")),
                name="loyalty_freeze_lasts",
                violation_error_message=pgettext_lazy("loyalty", "It has to end after it began."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.member)

    @property
    def over_at(self) -> datetime | None:
        """When it is over, or was; None = nobody knows yet."""
        return self.ended_at or self.until

    def is_on(self, *, at: datetime) -> bool:
        """Return whether it is in force at a moment."""
        return periods.is_within(at=at, since=self.since, until=self.over_at)


class Merge(models.Model):
    """
    Two members that became one: what `member` had went to `into`, which both logins lead to. Undone ones stay.

    `moved` says by name of who moved it what went where (JSON): what undoing needs, and nothing else reads it.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="merges")
    into = models.ForeignKey(Member, models.CASCADE, related_name="merges_in")
    at = models.DateTimeField(pgettext_lazy("loyalty", "at"))
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40)
    moved = models.JSONField(default=dict)
    undone_at = models.DateTimeField(pgettext_lazy("loyalty", "undone"), null=True, blank=True)
    undone_by = models.CharField(pgettext_lazy("loyalty", "undone by"), max_length=40, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "merge of two members")
        verbose_name_plural = pgettext_lazy("loyalty", "merges of members")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(member=models.F("into")),
                name="loyalty_merge_not_oneself",
                violation_error_message=pgettext_lazy("loyalty", "Nobody is merged with themselves."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} → {self.into_id}"
