"""Who takes part in a program."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from ..naming import called
from .programs import Program


class Member(models.Model):
    """One person in one program. The user may go; the pseudonym and its history stay."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
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
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    terms_accepted_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "member")
        verbose_name_plural = pgettext_lazy("loyalty", "members")
        constraints = [models.UniqueConstraint(fields=["program", "user"], name="loyalty_member_person")]

    def __str__(self) -> str:
        return called(user=self.user) if self.user is not None else str(self.public_id)
