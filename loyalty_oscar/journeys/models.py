"""
Campaigns (on which occasion, for whom, what they give), and the times that a member came into one; goals that orders
reach, what each order counts for one, and how often a member reached it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_POINTS
from loyalty_oscar.program.abstract import EITHER_ONE, ForWhom, Promising, not_both
from loyalty_oscar.program.lines import LinesField
from loyalty_oscar.program.models import Member, Program, code_validator
from loyalty_oscar.program.models.rewards import MOST_CLAIMS

from .occasions import BIRTHDAY, TOLD_DAYS, occasions


class Campaign(Promising, ForWhom):
    """
    Something that members get points or a reward for besides buying: a confirmed address, a review, a birthday, a word.

    Of several of one `occasion` the one that gives most counts, once. `given` is how many times it stands given, of
    `most`, and `spent` how many points that is, of `budget` (None = no limit); all are changed by one conditional
    update, and constraints stand behind it. `params` are those of its occasion. For whom: `least_orders` paid orders
    have arrived and were kept (None = what the occasion asks for), and `confirmed_only` asks for a confirmed address.
    Members know of one that `is_public`: what it gives is promised, and nobody is left out. One that is not is a
    surprise: a part of the members never gets any (`Program.holdout_percent`), and who gets one may be told by a letter
    alone, for which consent is needed. It waits `delay_days`, a member rests `rest_days` from it, and only those from a
    level on (`rank`) and in a `segment` are meant. It may only say something, and give nothing.
    """

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    occasion = models.CharField(pgettext_lazy("loyalty", "for what"), max_length=40)
    params = models.JSONField(default=dict)
    word = models.CharField(pgettext_lazy("loyalty", "code word"), max_length=60, null=True, blank=True)
    delay_days = models.PositiveSmallIntegerField(default=0)
    rest_days = models.PositiveSmallIntegerField(default=0)
    least_orders = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "for members with so many orders"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(50)],
    )
    confirmed_only = models.BooleanField(
        pgettext_lazy("loyalty", "only with a confirmed e-mail address"), default=False
    )
    is_public = models.BooleanField(default=True)
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"), null=True, blank=True)
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    most = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "at most so many times in all"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CLAIMS)],
    )
    given = models.PositiveIntegerField(pgettext_lazy("loyalty", "times given"), default=0, editable=False)
    budget = models.PositiveBigIntegerField(
        pgettext_lazy("loyalty", "at most so much in all"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_BUDGET)],
    )
    spent = models.PositiveBigIntegerField(pgettext_lazy("loyalty", "given"), default=0, editable=False)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "campaign")
        verbose_name_plural = pgettext_lazy("loyalty", "campaigns")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_campaign_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a campaign with this code already. Choose another code."
                ),
            ),
            models.UniqueConstraint(
                fields=["program", "word"],
                name="loyalty_campaign_word",
                violation_error_message=pgettext_lazy(
                    "loyalty", "Another campaign has this code word already. Choose another word."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(points=0) | models.Q(reward=None),
                name="loyalty_campaign_gives",
                violation_error_message=pgettext_lazy("loyalty", "A campaign gives so much or a reward, not both."),
            ),
            models.CheckConstraint(
                condition=(models.Q(most=None) | models.Q(given__lte=models.F("most")))
                & (models.Q(budget=None) | models.Q(spent__lte=models.F("budget"))),
                name="loyalty_campaign_given",
                violation_error_message=pgettext_lazy("loyalty", "More than that has been given already."),
            ),
            models.CheckConstraint(
                condition=models.Q(points__lte=MOST_POINTS)
                & (models.Q(budget=None) | models.Q(budget__lte=MOST_BUDGET)),
                name="loyalty_campaign_most",
                violation_error_message=pgettext_lazy("loyalty", "That is more than anybody can give."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_promise(self) -> bool:
        """Whether it is promised to members what they get: nobody is left out, and it comes however late."""
        return self.is_public and (bool(self.points) or self.reward_id is not None)

    def speaks_at(self, *, at: datetime) -> bool:
        """Return whether what it planned still comes: it is switched on, and has not ended or promised it before."""
        return self.is_on and (self.is_promise or self.ends_at is None or at < self.ends_at)

    @property
    def orders_wanted(self) -> int:
        """How many paid orders of a member must have arrived; what left the code asks for none."""
        if self.least_orders is not None:
            return self.least_orders
        return occasions.get(self.occasion).least_orders if self.occasion in occasions else 0

    @property
    def about(self) -> tuple[Any, ...]:
        """What it is about, to compare: of several promises about the very same the one that gives most counts."""
        day = self.params.get("month"), self.params.get("day")
        return (self.occasion, *day, frozenset(self.params.get("sets") or ()))

    @property
    def weight(self) -> int:
        """What of several counts most: points, or what a reward costs in points where it has a price."""
        return self.points if self.reward is None else self.reward.price or 1

    @property
    def times_left(self) -> int | None:
        """How many times it may still give, as far as this row knows; None = no limit."""
        times = [] if self.most is None else [self.most - self.given]
        if self.budget is not None and self.points:
            times.append((self.budget - self.spent) // self.points)
        return min(times, default=None)

    @property
    def has_left(self) -> bool:
        """Whether it may give once more, as far as this row knows."""
        return self.times_left != 0

    @property
    @admin.display(description=pgettext_lazy("loyalty", "a birthday is told so many days before"))
    def told_days(self) -> int:
        """How many days before a birthday it must have been told; 0 for every other occasion."""
        return int(self.params.get("told_days", TOLD_DAYS)) if self.occasion == BIRTHDAY else 0


class CampaignText(models.Model):
    """What a campaign says in a language (a code of `LANGUAGES`): a letter's subject and text, with placeholders."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="texts", db_index=False)
    language = models.CharField(pgettext_lazy("loyalty", "language"), max_length=12)
    subject = models.CharField(pgettext_lazy("loyalty", "subject"), max_length=150)
    body = LinesField(pgettext_lazy("loyalty", "text"), max_length=5000)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "text of a campaign")
        verbose_name_plural = pgettext_lazy("loyalty", "texts of campaigns")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "language"],
                name="loyalty_campaigntext_language",
                violation_error_message=pgettext_lazy("loyalty", "There is a text in this language already."),
            )
        ]

    def __str__(self) -> str:
        return self.subject


class Occurrence(models.Model):
    """
    A member comes into a campaign: gets what it gives, or had it until it was taken back. `source` says for what
    (`review:42`, `birthday:2026`), and comes once per member, whatever campaigns there are.

    `mark` is a keyed hash of what may bring something once in the whole program (a mailbox); it outlives the person.
    `at` is when it came into its `state`, and `because` says why. What staff took back (`barred_by`) is not given
    again. A planned one waits `is_open` until it is carried out when it is due (`due_at`); it goes with the order of
    `order_id`, and its member was written to at `told_at`. A reward that was used already when it was taken back
    `is_kept`: its campaign counts it as given all the same, until the order that used it comes to nothing, too.
    """

    class State(models.TextChoices):
        PLANNED = "planned", pgettext_lazy("loyalty", "planned")
        HELD = "held", pgettext_lazy("loyalty", "held back")
        DONE = "done", pgettext_lazy("loyalty", "given")
        SKIPPED = "skipped", pgettext_lazy("loyalty", "skipped")
        BACK = "back", pgettext_lazy("loyalty", "taken back")

    program = models.ForeignKey(Program, models.CASCADE, related_name="+")
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, related_name="occurrences", verbose_name=pgettext_lazy("loyalty", "campaign")
    )
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "member")
    )
    source = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=70)
    order_id = models.BigIntegerField(null=True)
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=8, choices=State, default=State.DONE)
    is_open = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    told_at = models.DateTimeField(null=True)
    because = models.JSONField(default=dict)
    points = models.PositiveIntegerField(pgettext_lazy("loyalty", "how much"))
    mark = models.CharField(max_length=64, null=True, editable=False)
    barred_by = models.CharField(pgettext_lazy("loyalty", "taken back by"), max_length=40, blank=True, default="")
    is_kept = models.BooleanField(default=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "gift of a campaign")
        verbose_name_plural = pgettext_lazy("loyalty", "gifts of campaigns")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "member", "source"], name="loyalty_occurrence_once"),
            models.UniqueConstraint(fields=["program", "mark"], name="loyalty_occurrence_mark"),
        ]
        indexes = [
            models.Index(fields=["source"], name="loyalty_occurrence_source"),
            models.Index(fields=["order_id"], name="loyalty_occurrence_order"),
            models.Index(fields=["is_open", "due_at"], name="loyalty_occurrence_due"),
            models.Index(fields=["program", "told_at", "at"], name="loyalty_occurrence_spoke"),
        ]

    def __str__(self) -> str:
        return str(self.campaign)

    def now_because(self, because: Because) -> dict[str, Any]:
        """Return a because (JSON) that takes the place of the present one, with what that knows of its source."""
        return Because(because.code, **{**self.because.get("p", {}), **because.params}).to_json()


class Forecast(models.Model):
    """
    To how many `members` a campaign is to come on a day of its program, by what the last night knew, and how many more
    it leaves out, `without` the consent that its letter needs. To `close` of them a letter leaves so shortly before
    that theirs waits. Counted anew each night, for the days ahead.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="forecasts", db_index=False)
    day = models.DateField()
    members = models.PositiveIntegerField(default=0)
    without = models.PositiveIntegerField(default=0)
    close = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "day of the calendar of campaigns")
        verbose_name_plural = pgettext_lazy("loyalty", "days of the calendar of campaigns")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["campaign", "day"], name="loyalty_forecast_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.campaign_id}"


class Answer(models.Model):
    """
    What a member answered to a question of a letter, once for what it was asked about (`source`); a later one counts.

    `choice` is a code of the question, `text` what the member wrote beside it.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="answers", db_index=False)
    question = models.CharField(pgettext_lazy("loyalty", "question"), max_length=40)
    source = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=70)
    order_id = models.BigIntegerField(null=True)
    occurrence = models.ForeignKey(Occurrence, models.SET_NULL, null=True, related_name="+")
    choice = models.CharField(pgettext_lazy("loyalty", "answer"), max_length=40)
    text = models.TextField(pgettext_lazy("loyalty", "in their words"), blank=True, max_length=2000)
    at = models.DateTimeField(pgettext_lazy("loyalty", "when"))

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "answer")
        verbose_name_plural = pgettext_lazy("loyalty", "answers")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["member", "question", "source"], name="loyalty_answer_once"),
        ]
        indexes = [models.Index(fields=["order_id"], name="loyalty_answer_order")]

    def __str__(self) -> str:
        return self.choice


class Case(Promising):
    """
    Something went wrong for a member, and somebody of the shop is to make it good: a queue.

    `kind` is a code of the registry of kinds, `source` what it is about and comes once (`answer:42`). What it promises
    is the apology: proposed while it is open, given once it is decided. `reason` is why it was decided so, and `number`
    counts how often it was opened again.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("loyalty", "open")
        GIVEN = "given", pgettext_lazy("loyalty", "made good")
        CLOSED = "closed", pgettext_lazy("loyalty", "closed without a gift")

    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="cases", verbose_name=pgettext_lazy("loyalty", "member")
    )
    kind = models.CharField(pgettext_lazy("loyalty", "what went wrong"), max_length=40)
    source = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=70)
    order_id = models.BigIntegerField(null=True)
    text = models.TextField(pgettext_lazy("loyalty", "what was said"), blank=True, max_length=2000)
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=8, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    decided_at = models.DateTimeField(pgettext_lazy("loyalty", "decided"), null=True, blank=True)
    decided_by = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40, blank=True, default="")
    reason = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=300, blank=True, default="")
    number = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "case")
        verbose_name_plural = pgettext_lazy("loyalty", "cases")
        default_permissions = ("view",)
        permissions = [("decide_case", "Can decide about a case")]
        constraints = [
            models.UniqueConstraint(fields=["member", "source"], name="loyalty_case_once"),
            not_both("loyalty_case_gives"),
        ]
        indexes = [
            models.Index(fields=["program", "state", "opened_at"], name="loyalty_case_queue"),
            models.Index(fields=["order_id"], name="loyalty_case_order"),
            models.Index(fields=["decided_by", "decided_at"], name="loyalty_case_decided"),
        ]

    def __str__(self) -> str:
        return self.kind


class AnswerCount(models.Model):
    """How often something was answered in a month (its first day) by people who are gone. No row says who."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    question = models.CharField(pgettext_lazy("loyalty", "question"), max_length=40)
    choice = models.CharField(pgettext_lazy("loyalty", "answer"), max_length=40)
    month = models.DateField(pgettext_lazy("loyalty", "month"))
    number = models.PositiveIntegerField(pgettext_lazy("loyalty", "how often"), default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "answers of a month")
        verbose_name_plural = pgettext_lazy("loyalty", "answers by month")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["program", "question", "choice", "month"], name="loyalty_answercount_once"),
        ]

    def __str__(self) -> str:
        return self.choice


#: The most that a goal may ask for, and the most days that it may take.
MOST_TARGET, MOST_WINDOW = 1_000_000_000, 3_650


class Goal(Promising, ForWhom):
    """
    Something that members reach by their orders, and what they get for it: a stamp card, a threshold, a challenge.

    What orders count (`metric`, a code of `registries.metrics`, with its `params`) has to come to `target`: within
    `window_days` days of each other, or in all (None). One that `repeats` is reached again and again, else once. Orders
    count that are placed from `starts_at` on and before `ends_at`, by members whom it is for as they place them. All
    of this but the name, the end and whether it is on stands still once an order counts.
    """

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    metric = models.CharField(pgettext_lazy("loyalty", "what counts"), max_length=40)
    params = models.JSONField(default=dict)
    target = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "how much of it"),
        validators=[MinValueValidator(1), MaxValueValidator(MOST_TARGET)],
    )
    window_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "within so many days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_WINDOW)],
    )
    repeats = models.BooleanField(pgettext_lazy("loyalty", "again and again"), default=False)
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"))
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "goal")
        verbose_name_plural = pgettext_lazy("loyalty", "goals")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_goal_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a goal with this code already. Choose another code."
                ),
            ),
            models.CheckConstraint(
                condition=EITHER_ONE & models.Q(points__lte=MOST_POINTS),
                name="loyalty_goal_gives",
                violation_error_message=pgettext_lazy("loyalty", "A goal gives points or a reward, not both."),
            ),
            models.CheckConstraint(
                condition=models.Q(target__gte=1) & (models.Q(window_days=None) | models.Q(window_days__gte=1)),
                name="loyalty_goal_sound",
                violation_error_message=pgettext_lazy(
                    "loyalty", "A goal asks for one at least, within a day at least."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def set_codes(self) -> list[str]:
        """The product sets that count, where it names any."""
        return list(self.params.get("sets") or ())


class GoalStep(models.Model):
    """What an order counts for a goal, by what is left of it. Whether it counts at all was decided as it was placed."""

    goal = models.ForeignKey(Goal, models.CASCADE, related_name="steps", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    order_id = models.BigIntegerField()
    placed_at = models.DateTimeField()
    value = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "step to a goal")
        verbose_name_plural = pgettext_lazy("loyalty", "steps to goals")
        constraints = [models.UniqueConstraint(fields=["goal", "order_id"], name="loyalty_goalstep_order")]
        indexes = [models.Index(fields=["order_id"], name="loyalty_goalstep_of")]

    def __str__(self) -> str:
        return str(self.goal)


class GoalStanding(models.Model):
    """How often a member reached a goal, as it was given for."""

    goal = models.ForeignKey(Goal, models.CASCADE, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    reached = models.PositiveIntegerField(pgettext_lazy("loyalty", "times reached"), default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "goal of a member")
        verbose_name_plural = pgettext_lazy("loyalty", "goals of members")
        constraints = [models.UniqueConstraint(fields=["goal", "member"], name="loyalty_goalstanding_once")]

    def __str__(self) -> str:
        return str(self.goal)
