"""Named members of a program, with since when and until when."""

from __future__ import annotations

from django.db import models
from django.utils.translation import pgettext_lazy

from .members import Member
from .programs import Program, code_validator


class Segment(models.Model):
    """
    Named members of a program: to members what a product set is to products.

    Of kind `list` somebody names them. Of kind `rule` those are in it of whom all `traits` hold: each is `{"trait": its
    code in registries.traits, "params": …}`; a nightly job looks, so who is in it is up to a day old. Which features
    ask for a segment is their business.
    """

    class Kind(models.TextChoices):
        LIST = "list", pgettext_lazy("loyalty", "members named one by one")
        RULE = "rule", pgettext_lazy("loyalty", "members of whom something is true")

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="segments", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    kind = models.CharField(
        pgettext_lazy("loyalty", "kind"), max_length=10, choices=Kind, default=Kind.LIST, editable=False
    )
    traits = models.JSONField(default=list, blank=True, editable=False)
    counted = models.PositiveIntegerField(pgettext_lazy("loyalty", "members"), default=0, editable=False)
    counted_at = models.DateTimeField(pgettext_lazy("loyalty", "counted"), null=True, editable=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "group of members")
        verbose_name_plural = pgettext_lazy("loyalty", "groups of members")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_segment_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a group with this code already. Choose another code."
                ),
            )
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """
    Since when a member is in a segment, and until when (excluded); the row that holds `is_current` (True, else NULL).

    Ended rows stay a while, so that what was true at a moment can be asked for it.
    """

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="rows", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False)
    since = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    until = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    is_current = models.BooleanField(null=True, default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "member of a group")
        verbose_name_plural = pgettext_lazy("loyalty", "members of groups")
        constraints = [
            models.UniqueConstraint(fields=["segment", "member", "is_current"], name="loyalty_segmentmember_current"),
            models.CheckConstraint(
                condition=models.Q(until__isnull=True, is_current=True)
                | models.Q(until__isnull=False, is_current__isnull=True),
                name="loyalty_segmentmember_open",
            ),
        ]
        indexes = [models.Index(fields=["member", "is_current"], name="loyalty_segmentmember_of")]

    def __str__(self) -> str:
        return str(self.member)


class SegmentCount(models.Model):
    """How many members were in a segment on a day."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="counts", db_index=False)
    day = models.DateField(pgettext_lazy("loyalty", "day"))
    counted = models.PositiveIntegerField(pgettext_lazy("loyalty", "members"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "size of a group")
        verbose_name_plural = pgettext_lazy("loyalty", "sizes of groups")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="loyalty_segmentcount_day")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}"
