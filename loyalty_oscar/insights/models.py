"""
Roll-ups: what the entries of the ledger did day by day, and how people bought month by month. Nothing stands here that
could not be counted anew from entries and receipts.

A day is one of the program's time zone, and an entry belongs to the day on which it was written down
(`Entry.created_at`), so that a day that is over never changes.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.ledger.models import Counter, Kind
from loyalty_oscar.program.models import Program, Unit


class Book(models.Model):
    """
    How far the entries of a unit are counted: to the one of `upto_entry`, which are all that are older than `upto_at`.

    The days are those of `zone`. `checked_at` is when the sum was last compared with that of the accounts, `off_at`
    when it last differed, by `off_points`, and was counted anew; with `is_off` it differs still.
    """

    unit = models.OneToOneField(
        Unit, models.CASCADE, related_name="book", verbose_name=pgettext_lazy("loyalty", "program")
    )
    upto_entry = models.BigIntegerField(default=0)
    upto_at = models.DateTimeField(null=True)
    zone = models.CharField(max_length=64)
    checked_at = models.DateTimeField(null=True)
    off_at = models.DateTimeField(null=True)
    off_points = models.BigIntegerField(default=0)
    is_off = models.BooleanField(default=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "figures")
        verbose_name_plural = pgettext_lazy("loyalty", "figures")

    def __str__(self) -> str:
        return str(self.unit)


class Day(models.Model):
    """
    What the entries of one kind and other side did on a day: how many they are (`n`), the sum of those that added to
    what members have (`plus`), of those that took (`minus`, not negative), and the change of each bucket (points).
    """

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    kind = models.CharField(max_length=10, choices=Kind)
    counter = models.CharField(max_length=10, choices=Counter)
    n = models.PositiveBigIntegerField()
    plus = models.BigIntegerField()
    minus = models.BigIntegerField()
    d_available = models.BigIntegerField()
    d_pending = models.BigIntegerField()
    d_reserved = models.BigIntegerField()
    d_debt = models.BigIntegerField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "day")
        verbose_name_plural = pgettext_lazy("loyalty", "days")
        constraints = [
            models.UniqueConstraint(fields=["unit", "day", "kind", "counter"], name="loyalty_day_once"),
            models.CheckConstraint(
                condition=models.Q(plus__gte=0, minus__gte=0)
                & models.Q(
                    plus=models.F("minus")
                    + models.F("d_available")
                    + models.F("d_pending")
                    + models.F("d_reserved")
                    - models.F("d_debt")
                ),
                name="loyalty_day_sound",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}"


class Given(models.Model):
    """
    What one thing of a giver (`ledger.givers`) gave on a day (`plus`) and took back again (`minus`; below zero where
    more was given again than taken back; points), how often it gave (`n`), and to whom: `accounts` are their ids,
    packed, so that those of several days are counted once.
    """

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    giver = models.CharField(max_length=40)
    item = models.CharField(max_length=120)
    n = models.PositiveBigIntegerField()
    plus = models.BigIntegerField()
    minus = models.BigIntegerField()
    accounts = models.BinaryField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "given")
        verbose_name_plural = pgettext_lazy("loyalty", "given")
        constraints = [
            models.UniqueConstraint(fields=["unit", "day", "giver", "item"], name="loyalty_given_once"),
            models.CheckConstraint(condition=models.Q(plus__gte=0), name="loyalty_given_sound"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.giver} {self.item}"


class Month(models.Model):
    """
    How people bought up to the end of a month (its first day): `n` buyers, and what they paid (`value`, minor units of
    the program's currency). Of several figures (`metric`), each in several ways (`cut`): see `monthly`.
    """

    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    month = models.DateField()
    metric = models.CharField(max_length=20)
    cut = models.CharField(max_length=20)
    value = models.BigIntegerField(default=0)
    n = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "month")
        verbose_name_plural = pgettext_lazy("loyalty", "months")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["program", "month", "metric", "cut"], name="loyalty_month_once"),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.metric} {self.cut}"


class Element(models.Model):
    """
    What one thing of a program (a rule, a level, a campaign) did in the year before `day`, counted each night.

    `kind` is the name in `elements`, `item` which one of them, its `name` what somebody called it (empty: what `kind`
    says). Customers can have it `since` a day, which may lie ahead (None: nobody knows). It cost
    `cost` minor units of the program's currency (None: nobody can say), and `uptake` members used it (None: not
    counted) of those who `could` (None: everybody). Of those `told` members `told_bought` ordered, of those `held` out
    `held_bought` did; None where nobody is held out, so that there is nobody to compare with.
    """

    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=40)
    item = models.CharField(max_length=120)
    name = models.CharField(max_length=200)
    day = models.DateField()
    since = models.DateField(null=True)
    cost = models.BigIntegerField(null=True)
    uptake = models.PositiveBigIntegerField(null=True)
    could = models.PositiveBigIntegerField(null=True)
    told = models.PositiveBigIntegerField(null=True)
    told_bought = models.PositiveBigIntegerField(null=True)
    held = models.PositiveBigIntegerField(null=True)
    held_bought = models.PositiveBigIntegerField(null=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "part of a program")
        verbose_name_plural = pgettext_lazy("loyalty", "parts of programs")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["program", "kind", "item"], name="loyalty_element_once")]

    def __str__(self) -> str:
        return self.name or self.item


class Aim(models.Model):
    """
    What a program is to reach: a `figure`, from `start` on the day `starts_on` to `target` on the day `ends_on`.

    A share is in hundredths of a percent, everything else a number. It is the figure of the `length` months before a
    day, with customers counted over `window` days.
    """

    class Figure(models.TextChoices):
        RETENTION = "retention", pgettext_lazy("loyalty", "Retention, as in the articles")
        KEPT = "kept", pgettext_lazy("loyalty", "Kept")
        REPEAT = "repeat", pgettext_lazy("loyalty", "Repeat rate")
        EXISTING = "existing", pgettext_lazy("loyalty", "Share of existing customers")
        GIVE_BACK = "give_back", pgettext_lazy("loyalty", "Give-back rate")
        CUSTOMERS = "customers", pgettext_lazy("loyalty", "Customers at the end")
        MEMBERS = "members", pgettext_lazy("loyalty", "Members")

    #: Those that are numbers, and no shares.
    NUMBERS = (Figure.CUSTOMERS, Figure.MEMBERS)

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="aims", verbose_name=pgettext_lazy("loyalty", "program")
    )
    figure = models.CharField(pgettext_lazy("loyalty", "figure"), max_length=20, choices=Figure)
    length = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "over"), default=3)
    window = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "a customer has bought in the last"), default=365
    )
    starts_on = models.DateField(pgettext_lazy("loyalty", "from"))
    start = models.BigIntegerField(pgettext_lazy("loyalty", "start value"))
    ends_on = models.DateField(pgettext_lazy("loyalty", "until"))
    target = models.BigIntegerField(pgettext_lazy("loyalty", "target"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "goal of a program")
        verbose_name_plural = pgettext_lazy("loyalty", "goals of programs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gt=models.F("starts_on")) & ~models.Q(target=models.F("start")),
                name="loyalty_aim_leads_on",
                violation_error_message=pgettext_lazy(
                    "loyalty", "The target must differ from the start value, and its day come after."
                ),
            )
        ]

    def __str__(self) -> str:
        return self.get_figure_display()

    @property
    def is_share(self) -> bool:
        """Whether its figure is a share."""
        return self.figure not in self.NUMBERS


class Trial(models.Model):
    """
    A program tried on the orders placed from `since` to before `until`, beside another draft (`against`, where one was
    chosen) and the one that is live (`beside`). A program has one, the last that somebody asked for.

    `versions` are those of the programs as they were tried, `sums` what was counted so far (`trial.Play.sums`), and
    `otherwise` the names of rules that a trial can't count as they are, each by the key of the program. `cursor` is the
    last customer that was played, `done` how many of the `total` orders were. Members use `share` percent in one of the
    ways.
    """

    program = models.OneToOneField(
        Program, models.CASCADE, related_name="trial", verbose_name=pgettext_lazy("loyalty", "program")
    )
    against = models.ForeignKey(Program, models.SET_NULL, null=True, related_name="+")
    beside = models.ForeignKey(Program, models.SET_NULL, null=True, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    share = models.PositiveSmallIntegerField()
    versions = models.JSONField(default=dict)
    sums = models.JSONField(default=dict)
    otherwise = models.JSONField(default=dict)
    cursor = models.JSONField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    asked_by = models.CharField(max_length=40)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "trial")
        verbose_name_plural = pgettext_lazy("loyalty", "trials")

    def __str__(self) -> str:
        return str(self.program)

    @property
    def programs(self) -> list[Program]:
        """The program that is tried, and those beside it."""
        return [self.program, *(one for one in (self.against, self.beside) if one)]
