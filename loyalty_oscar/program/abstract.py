"""
The shapes of rows that features share: who promises something, and for whom it is.

A feature inherits them and says in its own words what its columns mean.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS


def promised_points(label: Any, *, least: int = 0, **options: Any) -> models.PositiveIntegerField[Any, int]:
    """Return the column of a promise that holds points; forms refuse fewer than `least`."""
    validators = [MinValueValidator(least), MaxValueValidator(MOST_POINTS)]
    return models.PositiveIntegerField(label, **{"default": 0, "validators": validators, **options})


def promised_reward(label: Any, **options: Any) -> models.ForeignKey[Any, Any]:
    """Return the column of a promise that holds a reward in place of points; nobody deletes what is promised."""
    usual: dict[str, Any] = {"null": True, "blank": True, "related_name": "+", "verbose_name": label}
    return models.ForeignKey("loyalty_program.Reward", models.PROTECT, **{**usual, **options})


def not_both(name: str, *prefixes: str) -> models.CheckConstraint:
    """Return the guard that no promise is of points and a reward; of several in a row each by its prefix."""
    return models.CheckConstraint(
        condition=reduce(
            and_, (Q(**{f"{prefix}points": 0}) | Q(**{f"{prefix}reward": None}) for prefix in prefixes or ("",))
        ),
        name=name,
        violation_error_message=pgettext_lazy("loyalty", "Say how much or choose a reward, not both."),
    )


class Promising(models.Model):
    """
    What is given for something: so many points (0 = none), or a reward in their place.

    It is read through `registries.promise_of`. Who promises two things has the same columns twice, with prefixes.
    """

    points = promised_points(pgettext_lazy("loyalty", "how much"))
    reward = promised_reward(pgettext_lazy("loyalty", "reward"))

    class Meta:
        abstract = True


#: The condition of a row that must promise something: exactly one of both.
EITHER_ONE = Q(points__gte=1, reward=None) | Q(points=0, reward__isnull=False)


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
        verbose_name=pgettext_lazy("loyalty", "and only this group of members"),
    )

    class Meta:
        abstract = True

    def check_segment(self, *, program_id: int | None) -> None:
        """Refuse a segment of another program, at its field."""
        if self.segment and program_id and self.segment.program_id != program_id:
            raise ValidationError({"segment": pgettext_lazy("loyalty", "That group is of another program.")})
