"""The ladder of a program with its levels, what each order counts on it, and where every member stood and stands."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.program.abstract import Promising, not_both, promised_points, promised_reward
from loyalty_oscar.program.languages import called
from loyalty_oscar.program.lines import LinesField
from loyalty_oscar.program.models import Member, ProductSet, Program, code_validator

from . import rules

#: What a level may bring, in percent of the points.
MOST_PERCENT = 1_000


class Ladder(models.Model):
    """
    How one climbs in a program. A program without a ladder has no levels.

    `set_at` is when it was last switched on or asked for something else (None = nobody knows).
    """

    class Window(models.TextChoices):
        CALENDAR_YEAR = rules.CALENDAR_YEAR, pgettext_lazy("loyalty", "a calendar year, kept to the end of the next")
        MEMBER_YEAR = rules.MEMBER_YEAR, pgettext_lazy("loyalty", "a year of membership, kept to the end of the next")
        QUARTER = rules.QUARTER, pgettext_lazy("loyalty", "a quarter of the year, kept to the end of the next")
        ROLLING = rules.ROLLING, pgettext_lazy("loyalty", "the last 12 months")
        HALF_YEAR = rules.HALF_YEAR, pgettext_lazy("loyalty", "the last 6 months")
        LIFETIME = rules.LIFETIME, pgettext_lazy("loyalty", "since joining, for good")

    program = models.OneToOneField(
        Program, models.CASCADE, related_name="ladder", verbose_name=pgettext_lazy("loyalty", "program")
    )
    metric = models.CharField(
        pgettext_lazy("loyalty", "what counts"),
        max_length=20,
        default="spend",
        help_text=pgettext_lazy("loyalty", "Using or losing something never lowers it; a return does."),
    )
    window = models.CharField(
        pgettext_lazy("loyalty", "counted over"), max_length=15, choices=Window, default=Window.CALENDAR_YEAR
    )
    grace_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "days of grace"),
        default=30,
        validators=[MaxValueValidator(365)],
        help_text=pgettext_lazy("loyalty", "A level ends so many days after its date, and only if that was announced."),
    )
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)
    gifts_past = models.BooleanField(
        pgettext_lazy("loyalty", "welcome gifts for the past too"),
        default=False,
        help_text=pgettext_lazy(
            "loyalty",
            "Members whom earlier orders lift get no letter, and no welcome gift unless this is ticked.",
        ),
    )
    set_at = models.DateTimeField(null=True, editable=False)

    #: Its levels, lowest first, where `queries.ladder_of` read it.
    known_tiers: list[Tier]

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "set of levels")
        verbose_name_plural = pgettext_lazy("loyalty", "levels")

    def __str__(self) -> str:
        return str(self.program)


class Tier(Promising):
    """
    One level: from which value on, how it looks, and what it brings. What it promises is its welcome gift.

    `threshold` counts what the ladder's metric counts: minor units of the program's currency, points, or orders.
    None = no order lifts to it, it is only given. 0, on the lowest alone: every member has it without an order, so no
    row of history says so, and it brings no welcome gift.
    """

    ladder = models.ForeignKey(Ladder, models.CASCADE, related_name="tiers")
    rank = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "rank"),
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=pgettext_lazy("loyalty", "1 is the lowest level."),
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=40, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=40)
    names = models.JSONField(
        pgettext_lazy("loyalty", "names in other languages"),
        default=dict,
        blank=True,
        help_text=pgettext_lazy("loyalty", 'For example {"de": "Gold", "pl": "Złoty"}.'),
    )
    threshold = models.PositiveBigIntegerField(
        pgettext_lazy("loyalty", "from (cents, or a number)"),
        null=True,
        blank=True,
    )
    picture = models.FileField(pgettext_lazy("loyalty", "picture"), upload_to="loyalty/tiers", blank=True)
    color = models.CharField(
        pgettext_lazy("loyalty", "color"),
        max_length=7,
        default="#55636A",
        validators=[RegexValidator(r"^#[0-9A-Fa-f]{6}$")],
        help_text=pgettext_lazy("loyalty", "Of the badge where there is no picture, like #94470A."),
    )
    percent = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "earns in percent"),
        default=100,
        validators=[MinValueValidator(100), MaxValueValidator(MOST_PERCENT)],
        help_text=pgettext_lazy("loyalty", "110 means 10 % more for each amount paid."),
    )
    points = promised_points(
        pgettext_lazy("loyalty", "welcome gift"),
        help_text=pgettext_lazy("loyalty", "Once in a lifetime, when the level is reached for the first time."),
    )
    reward = promised_reward(
        pgettext_lazy("loyalty", "or a reward as a welcome gift"),
        help_text=pgettext_lazy("loyalty", "Instead of that, whatever it costs in the catalogue."),
    )
    text = LinesField(
        pgettext_lazy("loyalty", "what else it brings"),
        blank=True,
        help_text=pgettext_lazy("loyalty", "One benefit a line, as members read it."),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "level")
        verbose_name_plural = pgettext_lazy("loyalty", "levels")
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["ladder", "rank"],
                name="loyalty_tier_rank",
                violation_error_message=pgettext_lazy("loyalty", "There is a level with this number already."),
            ),
            models.UniqueConstraint(
                fields=["ladder", "code"],
                name="loyalty_tier_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a level with this code already. Choose another code."
                ),
            ),
            models.CheckConstraint(
                condition=Q(rank__gte=1, threshold__gte=0, percent__gte=100),
                name="loyalty_tier_sound",
                violation_error_message=pgettext_lazy(
                    "loyalty",
                    "A level has a number from 1 on, takes no less than nothing, and brings 100 percent or more.",
                ),
            ),
            models.CheckConstraint(
                condition=Q(threshold__isnull=True) | Q(threshold__gt=0) | Q(rank=1, points=0, reward=None),
                name="loyalty_tier_of_everybody",
                violation_error_message=pgettext_lazy(
                    "loyalty", "Only level 1 can begin at 0, and it brings no welcome gift: nobody has to reach it."
                ),
            ),
            not_both("loyalty_tier_gives"),
            models.CheckConstraint(
                condition=Q(percent__lte=MOST_PERCENT, points__lte=MOST_POINTS),
                name="loyalty_tier_most",
                violation_error_message=pgettext_lazy("loyalty", "That is more than any level can bring."),
            ),
        ]

    def __str__(self) -> str:
        return called(name=self.name, names=self.names)

    @property
    def is_everybodys(self) -> bool:
        """Whether every member has it without an order."""
        return self.threshold == 0


class MemberPrice(models.Model):
    """A lower price for members from a level on: so many percent off one product set, or off everything."""

    tier = models.ForeignKey(
        Tier, models.CASCADE, related_name="member_prices", verbose_name=pgettext_lazy("loyalty", "from level")
    )
    product_set = models.ForeignKey(
        ProductSet,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "products"),
        help_text=pgettext_lazy("loyalty", "Empty: everything in the shop."),
    )
    percent = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "off the price, in percent"), validators=[MinValueValidator(1), MaxValueValidator(95)]
    )
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"))
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "member price")
        verbose_name_plural = pgettext_lazy("loyalty", "member prices")
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=95),
                name="loyalty_memberprice_percent",
                violation_error_message=pgettext_lazy("loyalty", "A member price takes off from 1 to 95 percent."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="loyalty_memberprice_dates",
                violation_error_message=pgettext_lazy("loyalty", "It must end after it begins."),
            ),
        ]

    def __str__(self) -> str:
        named = {"percent": self.percent, "level": self.tier, "products": self.product_set}
        if self.product_set is None:
            return pgettext("loyalty", "%(level)s: %(percent)s\u00a0%% off everything") % named
        return pgettext("loyalty", "%(level)s: %(percent)s\u00a0%% off %(products)s") % named


class Score(models.Model):
    """
    What an order counts on the ladder now: less when goods go back, nothing when it is cancelled.

    Up to `safe_at` (None = not known yet) its goods can still be returned.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False)
    order_id = models.BigIntegerField(unique=True)
    placed_at = models.DateTimeField()
    value = models.BigIntegerField(default=0)
    safe_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "level progress")
        verbose_name_plural = pgettext_lazy("loyalty", "level progress")
        constraints = [models.CheckConstraint(condition=Q(value__gte=0), name="loyalty_score_not_negative")]
        indexes = [models.Index(fields=["member", "placed_at"], name="loyalty_score_window")]

    def __str__(self) -> str:
        return f"{self.value}"


class Standing(models.Model):
    """
    Where a member stood from one moment to the next; the newest row `is_current` (True, else NULL).

    `tier` None is no level. `because` says what made it; `extensions` how often its end was put off. One that
    `is_strict` ends at `kept_until`, without grace and notice.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="standings", db_index=False)
    tier = models.ForeignKey(Tier, models.PROTECT, null=True, related_name="+")
    rank = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "rank"))
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    kept_until = models.DateTimeField(pgettext_lazy("loyalty", "kept until"), null=True)
    is_current = models.BooleanField(null=True, default=True)
    is_counted = models.BooleanField(default=True)
    is_strict = models.BooleanField(default=False)
    because = models.JSONField(default=dict)
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40, default="system")
    extensions = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "standing")
        verbose_name_plural = pgettext_lazy("loyalty", "standings")
        constraints = [
            models.UniqueConstraint(fields=["member", "is_current"], name="loyalty_standing_current"),
            models.CheckConstraint(
                condition=Q(tier__isnull=True, rank=0) | Q(tier__isnull=False, rank__gt=0), name="loyalty_standing_rank"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "starts_at"], name="loyalty_standing_history"),
            models.Index(fields=["is_current", "kept_until"], name="loyalty_standing_due"),
        ]

    def __str__(self) -> str:
        return str(self.tier or "–")


class GivenTier(models.Model):
    """
    A level that was given: a floor under the member, with a reason and an end (None = until taken back).

    `source` says what gave it, once ("plan:7"); None is staff. One that `is_strict` ends at `until` to the second.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="given_tiers")
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "level"))
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"))
    until = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    reason = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=200)
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40)
    source = models.CharField(max_length=60, null=True, editable=False)
    is_strict = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "level given by hand")
        verbose_name_plural = pgettext_lazy("loyalty", "levels given by hand")
        permissions = [("give_tier", "Can give a level by hand")]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("starts_at")),
                name="loyalty_giventier_dates",
                violation_error_message=pgettext_lazy("loyalty", "It must end after it begins."),
            ),
            models.UniqueConstraint(fields=["source"], name="loyalty_giventier_source"),
        ]

    def __str__(self) -> str:
        return str(self.tier)
