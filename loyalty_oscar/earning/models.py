"""Rules with versions (append-only), and awards of orders line by line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_BUDGET
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program, Unit, code_validator


class Rule(models.Model):
    """A way to earn. What it says is in its versions; the one that began last is in force."""

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="rules", verbose_name=pgettext_lazy("loyalty", "program")
    )
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "program"))
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    type = models.CharField(pgettext_lazy("loyalty", "type"), max_length=40)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "earning rule")
        verbose_name_plural = pgettext_lazy("loyalty", "earning rules")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_rule_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a rule with this code already. Choose another code."
                ),
            )
        ]

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """
    What a rule says from a moment on, which may lie ahead. Never changed, only followed: orders keep the terms they
    were placed under. One that has not begun can be taken back.
    """

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    params = models.JSONField(default=dict)
    conditions = models.JSONField(default=list)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)
    valid_from = models.DateTimeField(pgettext_lazy("loyalty", "from"))
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40, default="system")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "version of a rule")
        verbose_name_plural = pgettext_lazy("loyalty", "versions of rules")
        ordering = ["rule_id", "number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="loyalty_rule_version")]

    def __str__(self) -> str:
        return f"{self.rule} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk and not self._state.adding:
            raise ValidationError("a version of a rule is never changed; save the next one")
        super().save(*args, **kwargs)


class RuleBudget(models.Model):
    """
    How many points of a rule orders have taken of the `most` that it gives in all.

    `taken` is changed by conditional updates alone (`allowances`), a constraint stands behind. What a version says is
    its own budget; `most` is the highest of those that count or are planned.
    """

    rule = models.OneToOneField(Rule, models.CASCADE, primary_key=True, related_name="budget")
    most = models.PositiveBigIntegerField()
    taken = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "budget of a rule")
        verbose_name_plural = pgettext_lazy("loyalty", "budgets of rules")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(taken__gte=0, taken__lte=models.F("most"), most__lte=MOST_BUDGET),
                name="loyalty_rulebudget_taken",
                violation_error_message=pgettext_lazy("loyalty", "More has been given than this budget holds."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.taken} / {self.most}"

    def left_of(self, *, most: int) -> int:
        """Return how many points are left of a budget that a version names."""
        return max(0, min(most, self.most) - self.taken)


class Award(models.Model):
    """
    What a source (an order) was found to bring, once, whoever asks how often.

    `points` is the snapshot, `given` what of it stands in the ledger now, `forgiven` what nobody had to
    give back; `syncs` counts the differences posted so far and numbers their keys. `terms` are those under which it
    was decided, with what was known of the member then; `missed` are the codes of rules that nobody could count.
    `dead` says that the order came to nothing, which an award of no points does not show otherwise.
    `counted` says by rule what it has of a budget or of what a member may have: `points` of the whole award, `held` for
    what stands of it, `most` where there is a budget, and `short` what that had no more for when the order stood again.
    UNIQUE over the source guards across accounts: two members cannot keep one guest order.
    """

    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+")
    source_kind = models.CharField(max_length=20, default="order")
    source_id = models.BigIntegerField()
    account = models.ForeignKey(Account, models.PROTECT, related_name="awards")
    placed_at = models.DateTimeField()
    points = models.BigIntegerField()
    given = models.BigIntegerField()
    forgiven = models.BigIntegerField(default=0)
    syncs = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(null=True, blank=True)
    terms = models.JSONField(default=dict)
    bonuses = models.JSONField(default=list)
    missed = models.JSONField(default=list)
    counted = models.JSONField(default=dict)
    because = models.JSONField(default=dict)
    batch = models.CharField(max_length=60, blank=True, default="")
    revoked = models.BooleanField(default=False)
    dead = models.BooleanField(default=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "award")
        verbose_name_plural = pgettext_lazy("loyalty", "awards")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "unit", "source_kind", "source_id"], name="loyalty_award_source"
            ),
            models.CheckConstraint(
                condition=models.Q(points__gte=0, given__gte=0, forgiven__gte=0)
                & models.Q(given__lte=models.F("points")),
                name="loyalty_award_sound",
            ),
        ]
        indexes = [models.Index(fields=["batch"], name="loyalty_award_batch")]

    def __str__(self) -> str:
        return self.source

    @property
    def source(self) -> str:
        """The name of the source in keys of the ledger (`order:42`)."""
        return f"{self.source_kind}:{self.source_id}"

    @property
    def hold_days(self) -> int:
        """The return period that was promised when the order was placed, in days."""
        days = self.terms.get("hold_days")
        return self.unit.program.hold_days if days is None else days

    @property
    def rules_at(self) -> datetime:
        """The moment whose rules decide it: when the order was placed; of a welcome, when that was given."""
        told = self.terms.get("rules_at")
        return datetime.fromisoformat(told) if told else self.placed_at


class AwardLine(models.Model):
    """The part of an award that one line brought, with what was paid for it (minor units)."""

    award = models.ForeignKey(Award, models.CASCADE, related_name="lines")
    line = models.BigIntegerField()
    quantity = models.PositiveIntegerField()
    points = models.BigIntegerField()
    paid_minor = models.BigIntegerField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "line of an award")
        verbose_name_plural = pgettext_lazy("loyalty", "lines of awards")
        constraints = [models.UniqueConstraint(fields=["award", "line"], name="loyalty_awardline_once")]

    def __str__(self) -> str:
        return f"{self.line}: {self.points}"
