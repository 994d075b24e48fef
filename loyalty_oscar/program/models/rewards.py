"""What members can have for their points, or as a gift, besides points."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS

from ..abstract import ForWhom
from ..lines import LinesField
from .programs import Program, code_validator

#: More than any shop gives of one thing, and more days than anything lasts.
MOST_CLAIMS, MOST_DAYS = 10_000_000, 3_650


class Reward(ForWhom):
    """
    Something that members from a level on can have: for `price` points (None: not in the catalogue, only as a gift).

    `kind` is a code of `registries.reward_kinds`, and `params` are that kind's; both stand still once somebody has the
    reward, so that it stays what was had. One that was had is good for `valid_days` days (None: without an end).
    `taken` is how many were had for points of `quota` (None = no limit), changed by one conditional update with a
    constraint behind it; a gift counts in neither. `cost_minor` is what one costs the shop, in minor units of the
    program's currency.
    """

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="rewards", verbose_name=pgettext_lazy("loyalty", "program")
    )
    code = models.SlugField(pgettext_lazy("loyalty", "code"), max_length=60, validators=[code_validator])
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    text = LinesField(pgettext_lazy("loyalty", "text"), blank=True)
    picture = models.ImageField(pgettext_lazy("loyalty", "picture"), upload_to="loyalty/rewards", blank=True)
    kind = models.CharField(pgettext_lazy("loyalty", "what it is"), max_length=20)
    params = models.JSONField(default=dict)
    price = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "costs"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)],
    )
    valid_days = models.PositiveSmallIntegerField(
        pgettext_lazy("loyalty", "good for so many days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
    )
    quota = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "how many there are"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CLAIMS)],
    )
    taken = models.PositiveIntegerField(pgettext_lazy("loyalty", "taken"), default=0, editable=False)
    per_member = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "for each member at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CLAIMS)],
    )
    starts_at = models.DateTimeField(pgettext_lazy("loyalty", "from"), null=True, blank=True)
    ends_at = models.DateTimeField(pgettext_lazy("loyalty", "until"), null=True, blank=True)
    cost_minor = models.PositiveIntegerField(pgettext_lazy("loyalty", "costs the shop (in cents)"), default=0)
    is_on = models.BooleanField(pgettext_lazy("loyalty", "in force"), default=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "reward")
        verbose_name_plural = pgettext_lazy("loyalty", "rewards")
        constraints = [
            models.UniqueConstraint(
                fields=["program", "code"],
                name="loyalty_reward_code",
                violation_error_message=pgettext_lazy(
                    "loyalty", "There is a reward with this code already. Choose another code."
                ),
            ),
            models.CheckConstraint(
                condition=Q(quota=None) | Q(taken__lte=F("quota")),
                name="loyalty_reward_taken",
                violation_error_message=pgettext_lazy("loyalty", "More than that are taken already."),
            ),
            models.CheckConstraint(
                condition=(Q(price=None) | Q(price__gte=1, price__lte=MOST_POINTS)) & ~Q(per_member=0),
                name="loyalty_reward_sound",
                violation_error_message=pgettext_lazy(
                    "loyalty", "A reward costs something, and each member may have at least one."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say which dates and numbers do not fit."""
        self.check_segment(program_id=self.program_id)
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": pgettext_lazy("loyalty", "It must end after it has begun.")})
        if self.quota is not None and self.per_member is not None and self.per_member > self.quota:
            wrong = pgettext_lazy("loyalty", "There are fewer in all: choose that number or less.")
            raise ValidationError({"per_member": wrong})
