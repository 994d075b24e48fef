"""
The shapes of rows that features share: who promises something, and for whom it is.

A feature inherits them and says in its own words what its columns mean.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.kernel.promise import Promise


def promised_points(label: Any, *, least: int = 0, **options: Any) -> models.PositiveIntegerField[Any, int]:
    """Return the column of a promise that holds points; forms refuse fewer than `least`."""
    validators = [MinValueValidator(least), MaxValueValidator(MOST_POINTS)]
    return models.PositiveIntegerField(label, **{"default": 0, "validators": validators, **options})


class Promising(models.Model):
    """
    What is given for something: so many points (0 = nothing).

    Who promises two things has the same columns twice, with prefixes, and reads them through `promise_of`.
    """

    points = promised_points(pgettext_lazy("loyalty", "points"))

    class Meta:
        abstract = True

    @property
    def promise(self) -> Promise:
        """What is promised."""
        return promise_of(row=self)


class PointsOrReward(Promising):
    """What is given for something: points, or a reward in place of them."""

    reward = models.ForeignKey(
        "loyalty_program.Reward",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "reward"),
    )

    class Meta:
        abstract = True


#: The condition of a row that promises points or a reward: exactly one of both.
EITHER_ONE = models.Q(points__gte=1, reward=None) | models.Q(points=0, reward__isnull=False)


def promise_of(*, row: Any, prefix: str = "") -> Promise:
    """Return what a row promises in the columns that begin with a prefix (`giver_`); a reward where it has one."""
    return Promise(points=getattr(row, f"{prefix}points"), reward_id=getattr(row, f"{prefix}reward_id", None))


class ForWhom(models.Model):
    """
    Whom something is for: members from a level on (rank 0 = every member) and, where it names a segment, only those
    who are in it. Both must hold.
    """

    rank = models.PositiveSmallIntegerField(pgettext_lazy("loyalty", "from level"), default=0)
    segment = models.ForeignKey(
        "loyalty_program.Segment",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("loyalty", "and only this list of members"),
    )

    class Meta:
        abstract = True

    def check_segment(self, *, program_id: int | None) -> None:
        """Refuse a segment of another program, at its field."""
        if self.segment and program_id and self.segment.program_id != program_id:
            raise ValidationError({"segment": pgettext_lazy("loyalty", "That list is of another program.")})
