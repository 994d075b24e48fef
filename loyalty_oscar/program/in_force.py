"""Whether a rule, sale, goal, campaign, reward or price counts now: the word that its list in the admin shows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest
from django.utils.translation import pgettext_lazy

from . import clock


class InForce(TextChoices):
    """Whether something counts now, and if not, why."""

    NOW = "now", pgettext_lazy("loyalty", "in force")
    PLANNED = "planned", pgettext_lazy("loyalty", "planned")
    OVER = "over", pgettext_lazy("loyalty", "ended")
    SPENT = "spent", pgettext_lazy("loyalty", "nothing left")
    OFF = "off", pgettext_lazy("loyalty", "switched off")


def in_force_at(
    *,
    at: datetime,
    is_on: bool,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_spent: bool = False,
) -> InForce:
    """Return how something stands that counts from `starts_at` on, before `ends_at`, while something of it is left."""
    if not is_on:
        return InForce.OFF
    if ends_at is not None and ends_at <= at:
        return InForce.OVER
    if is_spent:
        return InForce.SPENT
    return InForce.PLANNED if starts_at is not None and starts_at > at else InForce.NOW


class InForceFilter(admin.SimpleListFilter):
    """Filters rows by how they stand."""

    title = pgettext_lazy("loyalty", "state")
    parameter_name = "in_force"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.tells: TellsInForce = model_admin
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(InForce.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in InForce.values:
            return queryset
        at = clock.now()
        return queryset.filter(pk__in=[row.pk for row in queryset if self.tells.in_force(row, at) == self.value()])


class TellsInForce:
    """For lists of what is switched on and off and has dates: the column `state`, and `InForceFilter` beside it."""

    def in_force(self, obj: Any, at: datetime) -> InForce:
        """Return how a row of the list stands at a moment; no query."""
        return in_force_at(at=at, is_on=obj.is_on, starts_at=obj.starts_at, ends_at=obj.ends_at)

    @admin.display(description=pgettext_lazy("loyalty", "state"), ordering="is_on")
    def state(self, obj: Any) -> str:
        return str(self.in_force(obj, clock.now()).label)
