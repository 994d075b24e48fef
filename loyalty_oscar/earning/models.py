"""Rules with versions (append-only), awards of orders line by line, and actions that bring points by themselves."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_POINTS
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Member, Program, Unit, code_validator

from .occasions import occasions


class Rule(models.Model):
    """A way to earn. What it says is in its versions; the newest that has begun is in force."""

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="rules", verbose_name=pgettext_lazy("loyalty", "program")
    )
    unit = models.ForeignKey(
        Unit, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "kind of points")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    type = models.CharField(pgettext_lazy("loyalty", "type"), max_length=40)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "earning rule")
        verbose_name_plural = pgettext_lazy("loyalty", "earning rules")
        constraints = [models.UniqueConstraint(fields=["program", "code"], name="loyalty_rule_code")]

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """What a rule says from a moment on. Never changed, only followed: orders keep the terms they were placed under."""

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

    def save(self, *args, **kwargs) -> None:
        if self.pk and not self._state.adding:
            raise ValidationError("a version of a rule is never changed; save the next one")
        super().save(*args, **kwargs)


class Award(models.Model):
    """
    What a source (an order) was found to bring, once, whoever asks how often.

    `points` is the snapshot, `given` what of it stands in the ledger now, `forgiven` what nobody had to
    give back; `syncs` counts the differences posted so far and numbers their keys. `terms` are those under which it
    was decided, with what was known of the member then; `missed` are the codes of rules that nobody could count.
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
    because = models.JSONField(default=dict)
    batch = models.CharField(max_length=60, blank=True, default="")
    revoked = models.BooleanField(default=False)

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


class Action(models.Model):
    """
    Something that members get points for besides buying: a confirmed address, a review, a birthday, a code word.

    Of several of one `kind` the one that gives most counts, once. `given` is how many points stand given out of
    `budget` (None = no limit); both are changed under the row's own lock, and a constraint stands behind it.
    For whom: `told_days` before the day a birthday must be known, `least_orders` paid orders have arrived and were kept
    (None = what the occasion asks for), and `confirmed_only` asks for a confirmed address.
    """

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    kind = models.CharField(pgettext_lazy("loyalty", "for what"), max_length=40)
    points = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)]
    )
    word = models.CharField(pgettext_lazy("loyalty", "code word"), max_length=60, null=True, blank=True)
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"), null=True, blank=True)
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    told_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "a birthday is told so many days before"),
        default=30,
        validators=[MaxValueValidator(365)],
    )
    least_orders = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "for members with so many orders"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(50)],
    )
    confirmed_only = models.BooleanField(
        pgettext_lazy("loyalty", "only with a confirmed e-mail address"), default=False
    )
    budget = models.PositiveBigIntegerField(
        pgettext_lazy("loyalty", "at most so many points in all"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_BUDGET)],
    )
    given = models.PositiveBigIntegerField(pgettext_lazy("loyalty", "points given"), default=0, editable=False)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "action that brings points")
        verbose_name_plural = pgettext_lazy("loyalty", "actions that bring points")
        constraints = [
            models.UniqueConstraint(fields=["program", "code"], name="loyalty_action_code"),
            models.UniqueConstraint(fields=["program", "word"], name="loyalty_action_word"),
            models.CheckConstraint(condition=models.Q(points__gte=1), name="loyalty_action_points"),
            models.CheckConstraint(
                condition=models.Q(budget=None) | models.Q(given__lte=models.F("budget")), name="loyalty_action_budget"
            ),
            models.CheckConstraint(
                condition=models.Q(points__lte=MOST_POINTS)
                & (models.Q(budget=None) | models.Q(budget__lte=MOST_BUDGET)),
                name="loyalty_action_most",
                violation_error_message=pgettext_lazy("loyalty", "These are more points than anybody can give."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def orders_wanted(self) -> int:
        """How many paid orders of a member must have arrived; what left the code asks for none."""
        if self.least_orders is not None:
            return self.least_orders
        return occasions.get(self.kind).least_orders if self.kind in occasions else 0


class ActionAward(models.Model):
    """
    Points that a member got for an action, or had until they were taken back. `source` says for which one
    (`review:42`, `birthday:2026`) and comes once per member, whatever actions there are.

    `mark` is a keyed hash of what may bring points once in the whole program (a mailbox); it outlives the person.
    What staff took back (`barred_by`) is not given again.
    """

    program = models.ForeignKey(Program, models.CASCADE, related_name="+")
    action = models.ForeignKey(
        Action, models.PROTECT, related_name="awards", verbose_name=pgettext_lazy("loyalty", "action")
    )
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "member")
    )
    source = models.CharField(pgettext_lazy("loyalty", "for"), max_length=70)
    points = models.PositiveIntegerField(pgettext_lazy("loyalty", "points"))
    is_given = models.BooleanField(pgettext_lazy("loyalty", "given"), default=True)
    at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    mark = models.CharField(max_length=64, null=True, editable=False)
    barred_by = models.CharField(pgettext_lazy("loyalty", "taken back by"), max_length=40, blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "points for an action")
        verbose_name_plural = pgettext_lazy("loyalty", "points for actions")
        constraints = [
            models.UniqueConstraint(fields=["member", "source"], name="loyalty_actionaward_once"),
            models.UniqueConstraint(fields=["program", "mark"], name="loyalty_actionaward_mark"),
        ]
        indexes = [models.Index(fields=["source"], name="loyalty_actionaward_source")]

    def __str__(self) -> str:
        return self.source


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
                condition=models.Q(day__gte=1, day__lte=31, month__gte=1, month__lte=12), name="loyalty_birthday_day"
            ),
        ]
        indexes = [models.Index(fields=["month", "day"], name="loyalty_birthday_date")]

    def __str__(self) -> str:
        return f"{self.month:02}-{self.day:02}"
