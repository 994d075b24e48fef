"""A program: what it promises, counts and how, its sites, phases and terms, and what its points buy."""

from __future__ import annotations

import calendar
import secrets
import zoneinfo
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import pgettext_lazy

from .. import money
from ..lines import LinesField
from ..unit_uses import unit_uses

code_validator = RegexValidator(
    r"^[a-z0-9][a-z0-9-]*$",
    pgettext_lazy("loyalty", "Use small letters, digits and hyphens only, for example paw-club."),
)


#: What is said of a code that another row has.
TAKEN = pgettext_lazy("loyalty", "This code is taken already. Choose another.")


def validate_zone(value: str) -> None:
    """Refuse a time zone that the machine does not know."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(
            pgettext_lazy("loyalty", "There is no such time zone. Write it like Europe/Berlin.")
        ) from error


class State(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("loyalty", "draft")
    LIVE = "live", pgettext_lazy("loyalty", "live")
    PAUSED = "paused", pgettext_lazy("loyalty", "paused")
    CLOSING = "closing", pgettext_lazy("loyalty", "closing")
    CLOSED = "closed", pgettext_lazy("loyalty", "closed")


def new_salt() -> str:
    """Return what chance among the members of a program begins from."""
    return secrets.token_hex(16)


class Program(models.Model):
    """
    A promise to customers. What it says is checked when it is saved; what it brought stands in the ledger.

    `state` and `earns_from` are written by `operations.change_state` alone, together with a `Phase` row.
    """

    class Enrolment(models.TextChoices):
        AUTOMATIC = "automatic", pgettext_lazy("loyalty", "everybody, with the first order")
        OPT_IN = "opt-in", pgettext_lazy("loyalty", "who joins and accepts the terms")

    class Rounding(models.TextChoices):
        FLOOR = "floor", pgettext_lazy("loyalty", "down")
        HALF_UP = "half_up", pgettext_lazy("loyalty", "to the nearest, halves up")
        CEIL = "ceil", pgettext_lazy("loyalty", "up")
        BLOCK = "block", pgettext_lazy("loyalty", "full steps only")

    class Stage(models.TextChoices):
        ORDER = "order", pgettext_lazy("loyalty", "once an order")
        LINE = "line", pgettext_lazy("loyalty", "on every line")

    class Base(models.TextChoices):
        AS_SHOWN = "as-shown", pgettext_lazy("loyalty", "as the shop shows prices")
        INCL = "incl", pgettext_lazy("loyalty", "prices with tax")
        EXCL = "excl", pgettext_lazy("loyalty", "prices without tax")

    class Debt(models.TextChoices):
        DEBT = "debt", pgettext_lazy("loyalty", "the next orders make it up")
        CLAMP = "clamp", pgettext_lazy("loyalty", "the shop bears it")

    class Expiry(models.TextChoices):
        MONTHS = "months", pgettext_lazy("loyalty", "so many months after it is ready")
        INACTIVITY = "inactivity", pgettext_lazy("loyalty", "so many months after the last order")
        FIXED = "fixed", pgettext_lazy("loyalty", "on one day of the year")
        NEVER = "never", pgettext_lazy("loyalty", "never")

    code = models.SlugField(
        pgettext_lazy("loyalty", "code"),
        max_length=40,
        unique=True,
        validators=[code_validator],
        error_messages={"unique": TAKEN},
    )
    name = models.CharField(
        pgettext_lazy("loyalty", "name"),
        max_length=100,
        help_text=pgettext_lazy("loyalty", "As customers read it after “the”, for example Paw Club."),
    )
    state = models.CharField(
        pgettext_lazy("loyalty", "state"), max_length=10, choices=State, default=State.DRAFT, editable=False
    )
    earns_from = models.DateTimeField(pgettext_lazy("loyalty", "earns from"), null=True, blank=True, editable=False)
    is_default = models.BooleanField(
        pgettext_lazy("loyalty", "default program"),
        default=False,
        help_text=pgettext_lazy(
            "loyalty", "Serves every site that has no program of its own. Only one program can be the default."
        ),
    )
    currency = models.CharField(
        pgettext_lazy("loyalty", "currency"),
        max_length=3,
        default="EUR",
        validators=[money.check_currency],
        help_text=pgettext_lazy("loyalty", "Currency of the amounts on this page, as a code of three letters."),
    )
    time_zone = models.CharField(
        pgettext_lazy("loyalty", "time zone"),
        max_length=60,
        default="UTC",
        validators=[validate_zone],
        help_text=pgettext_lazy("loyalty", "Days begin and end here, for example Europe/Berlin."),
    )
    enrolment = models.CharField(
        pgettext_lazy("loyalty", "who takes part"), max_length=10, choices=Enrolment, default=Enrolment.AUTOMATIC
    )
    hold_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "return period in days"),
        default=14,
        validators=[MaxValueValidator(365)],
        help_text=pgettext_lazy(
            "loyalty",
            "What an order brings is ready so many days after it reached its last status. 14 is the EU's period.",
        ),
    )
    rounding = models.CharField(
        pgettext_lazy("loyalty", "rounding"), max_length=10, choices=Rounding, default=Rounding.FLOOR
    )
    rounding_stage = models.CharField(
        pgettext_lazy("loyalty", "rounded"), max_length=10, choices=Stage, default=Stage.ORDER
    )
    earning_base = models.CharField(
        pgettext_lazy("loyalty", "counted on"), max_length=10, choices=Base, default=Base.AS_SHOWN
    )
    excluded_set = models.ForeignKey(
        "ProductSet",
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=pgettext_lazy("loyalty", "products that bring nothing"),
        help_text=pgettext_lazy("loyalty", "For example gift cards."),
    )
    debt_policy = models.CharField(
        pgettext_lazy("loyalty", "when what goes back is used already"),
        max_length=10,
        choices=Debt,
        default=Debt.DEBT,
    )
    expiry = models.CharField(
        pgettext_lazy("loyalty", "it runs out"), max_length=12, choices=Expiry, default=Expiry.MONTHS
    )
    expiry_months = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "months"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=pgettext_lazy("loyalty", "Always rounded up to the end of the month."),
    )
    expiry_month = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "month of the day"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(12)],
    )
    expiry_day = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "day of the month"),
        default=31,
        validators=[MinValueValidator(1), MaxValueValidator(31)],
    )
    max_extensions = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "extensions without an address"),
        default=3,
        help_text=pgettext_lazy(
            "loyalty",
            "What somebody has whom no notice reaches is extended so often before it runs out. 0 = always.",
        ),
    )
    much_percent = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "give-back that asks for a second look, in percent"),
        default=25,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=pgettext_lazy(
            "loyalty", "What gives back more than this of the money paid is only saved by whoever says “I mean it”."
        ),
    )
    much_minor = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "gift that asks for a second look (in cents)"), default=10_000, editable=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    #: Of programs that `queries` read: the sites that they serve, since when they have terms, their phases, oldest
    #: first, whether anybody made a reward, and of which features there are rows.
    known_sites: set[int]
    known_terms_from: datetime | None
    known_phases: list[Phase]
    known_rewards: bool
    known_rows: frozenset[str]

    holdout_percent = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "percent of members who get no surprises"),
        default=0,
        validators=[MaxValueValidator(50)],
        help_text=pgettext_lazy(
            "loyalty",
            "Chosen by chance, for life, so that you can compare what surprises bring back. What was promised, all"
            " members get. 0: nobody is left out.",
        ),
    )
    letter_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "least days between two letters"),
        default=3,
        validators=[MaxValueValidator(90)],
        help_text=pgettext_lazy(
            "loyalty", "To one member. Mails about what they have and about their level are none of these."
        ),
    )
    existing_customers = models.JSONField(
        pgettext_lazy("loyalty", "countries in which customers are written to without asking them first"),
        default=list,
        blank=True,
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "program")
        verbose_name_plural = pgettext_lazy("loyalty", "programs")
        constraints = [
            models.UniqueConstraint(
                models.Case(models.When(is_default=True, then=1)),
                name="loyalty_program_one_default",
                violation_error_message=pgettext_lazy("loyalty", "Another program is the default already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write all but the version: that only counts up, whatever it was when this row was read."""
        if not self._state.adding and not args and kwargs.get("update_fields") is None:
            left = {"id", "version"} | self.get_deferred_fields()
            kwargs["update_fields"] = [f.attname for f in self._meta.concrete_fields if f.attname not in left]
        super().save(*args, **kwargs)

    @property
    def unit_or_none(self) -> Unit | None:
        """What its accounts count, as `unit` says; None while it was never said."""
        return getattr(self, "unit", None)

    def clean(self) -> None:
        """Say which settings clash, field by field."""
        wrong: dict[str, Any] = {}
        if self.rounding == self.Rounding.BLOCK and self.rounding_stage == self.Stage.LINE:
            wrong["rounding_stage"] = pgettext_lazy(
                "loyalty", "Full steps are counted once an order. Choose “once an order”."
            )
        other = Program.objects.filter(is_default=True).exclude(pk=self.pk).first() if self.is_default else None
        if other:
            wrong["is_default"] = pgettext_lazy("loyalty", "“%s” is the default program already.") % other.name
        if self.expiry == self.Expiry.FIXED:
            longest = calendar.monthrange(2024, self.expiry_month)[1] if 1 <= self.expiry_month <= 12 else 0
            if self.expiry_day > longest:
                wrong["expiry_day"] = pgettext_lazy("loyalty", "That month has no such day.")
        before = Program.objects.filter(pk=self.pk, unit__is_money=True).exclude(currency=self.currency)
        if self.pk and before.exists() and is_counted(program_id=self.pk):
            wrong["currency"] = pgettext_lazy(
                "loyalty", "Members have amounts in the currency of before, so it stays as it is."
            )
        if wrong:
            raise ValidationError(wrong)


def is_counted(*, program_id: int) -> bool:
    """Return whether anything was ever counted in the unit of a program: from then on it stays what it is."""
    return any(unit_uses.answers(program_id=program_id))


class ProgramSite(models.Model):
    """A site has at most one program."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="sites")
    site = models.OneToOneField(
        "sites.Site",
        models.CASCADE,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "site"),
        error_messages={"unique": pgettext_lazy("loyalty", "This site has a program already.")},
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "site")
        verbose_name_plural = pgettext_lazy("loyalty", "sites")

    def __str__(self) -> str:
        return str(self.site)


class Phase(models.Model):
    """A dated step in the life of a program, with who and why. The state at any moment can be read from these."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="phases")
    state = models.CharField(max_length=10, choices=State)
    starts_at = models.DateTimeField()
    earning_ends_at = models.DateTimeField(null=True, blank=True)
    spending_ends_at = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=40)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "phase")
        verbose_name_plural = pgettext_lazy("loyalty", "phases")
        ordering = ["starts_at", "pk"]

    def __str__(self) -> str:
        return self.get_state_display()


class TermsVersion(models.Model):
    """What members agreed to: a text per language with a start. Never edited, only followed by the next."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="terms")
    version = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "version"), validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    language = models.CharField(pgettext_lazy("loyalty", "language"), max_length=10, default="en")
    text = LinesField(pgettext_lazy("loyalty", "text"))
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "in force from"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "terms")
        verbose_name_plural = pgettext_lazy("loyalty", "terms")
        ordering = ["-version", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["program", "version", "language"],
                name="loyalty_terms_version",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There are terms of this version in this language already. Choose the next number."
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.program} {self.version} ({self.language})"


class PointWorth(models.Model):
    """What points buy, a row per currency: `points` points are worth `minor` minor units. Never an exchange rate."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="worths")
    currency = models.CharField(pgettext_lazy("loyalty", "currency"), max_length=3, validators=[money.check_currency])
    points = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "so much"), default=100, validators=[MinValueValidator(1)]
    )
    minor = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "is worth (in cents)"),
        default=100,
        validators=[MinValueValidator(1)],
        help_text=pgettext_lazy("loyalty", "In the smallest unit of the currency: 100 cents are 1.00."),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "what it is worth")
        verbose_name_plural = pgettext_lazy("loyalty", "what it is worth")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "currency"],
                name="loyalty_worth_currency",
                violation_error_message=pgettext_lazy(
                    "loyalty", "What it is worth in this currency stands here already."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(points__gt=0, minor__gt=0),
                name="loyalty_worth_positive",
                violation_error_message=pgettext_lazy("loyalty", "Both numbers must be above zero."),
            ),
        ]

    def __str__(self) -> str:
        return f"{money.number(self.points)} = {money.in_words(minor=self.minor, currency=self.currency)}"


class Unit(models.Model):
    """
    What the accounts of a program count. `names` holds the word per language and CLDR plural category.

    One that `is_money` reads and is typed as an amount: each point is a minor unit of the program's currency.
    """

    program = models.OneToOneField(Program, models.CASCADE, related_name="unit")
    code = models.SlugField(
        pgettext_lazy("loyalty", "code"), max_length=40, default="points", validators=[code_validator]
    )
    names = models.JSONField(pgettext_lazy("loyalty", "names"), default=dict, blank=True)
    is_money = models.BooleanField(
        pgettext_lazy("loyalty", "shown as money"),
        default=False,
        help_text=pgettext_lazy(
            "loyalty", "For cashback: members read amounts of the program’s currency, such as 12.50."
        ),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "what members collect")
        verbose_name_plural = pgettext_lazy("loyalty", "what members collect")

    def __str__(self) -> str:
        return str(self.program)

    def clean(self) -> None:
        """Refuse to turn what members have into something else."""
        before = Unit.objects.filter(pk=self.pk).exclude(is_money=self.is_money)
        if self.pk and before.exists() and is_counted(program_id=self.program_id):
            wrong = pgettext_lazy("loyalty", "Members have something already, so this stays as it is.")
            raise ValidationError({"is_money": wrong})
