"""What the list of members is narrowed by: points, what is on the way or to make up, the last order, and levels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils.translation import npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock, money
from loyalty_oscar.program.freezing import frozen
from loyalty_oscar.program.queries import shown_units
from loyalty_oscar.program.words import number

from ..dashboard.members import MemberColumn

#: From how many points on, and since how many days.
FROM_POINTS = (1, 100, 1000, 10_000)
WITHIN = (30, 90, 365)


class _OneOf(admin.SimpleListFilter):
    """Narrows a list only by a value that it offers."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return self.narrow(queryset, value) if value in {str(key) for key, _text in self.lookup_choices} else queryset

    def narrow(self, members: Any, value: str) -> Any:
        raise NotImplementedError


def _with(members: Any, **buckets: int) -> Any:
    return members.filter(Exists(Account.objects.filter(member=OuterRef("pk"), **buckets)))


class PointsFilter(_OneOf):
    title = pgettext_lazy("loyalty", "ready to use")
    parameter_name = "ready"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        text, units = pgettext("loyalty", "%(count)s or more"), shown_units()
        # With two programs a number is one of each.
        told = {
            least: number(unit=units[0], points=least) if len(units) == 1 else money.number(least)
            for least in FROM_POINTS
        }
        several = [(str(least), text % {"count": told[least]}) for least in FROM_POINTS]
        return [("0", pgettext("loyalty", "Nothing")), *several]

    def narrow(self, members: Any, value: str) -> Any:
        if value == "0":
            return members.filter(~Exists(Account.objects.filter(member=OuterRef("pk"), available__gt=0)))
        return _with(members, available__gte=int(value))


class StateOfPointsFilter(_OneOf):
    title = pgettext_lazy("loyalty", "on the way or to make up")
    parameter_name = "points"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("pending", pgettext("loyalty", "Some are on the way")),
            ("reserved", pgettext("loyalty", "Some are set aside for a basket")),
            ("debt", pgettext("loyalty", "Some are to be made up")),
        ]

    def narrow(self, members: Any, value: str) -> Any:
        return _with(members, **{f"{value}__gt": 0})


class FrozenFilter(_OneOf):
    title = pgettext_lazy("loyalty", "freeze")
    parameter_name = "frozen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("now", pgettext("loyalty", "Frozen now")),
            ("before", pgettext("loyalty", "Frozen once, and not any more")),
        ]

    def narrow(self, members: Any, value: str) -> Any:
        now = frozen(at=clock.now())
        return members.filter(~now if value == "before" else now, frozen_since__isnull=False)


class LastOrderFilter(_OneOf):
    title = pgettext_lazy("loyalty", "last order")
    parameter_name = "ordered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            *((f"in-{days}", in_the_last(days)) for days in WITHIN),
            *((f"not-{days}", not_in_the_last(days)) for days in WITHIN[1:]),
            ("never", pgettext("loyalty", "Never ordered")),
        ]

    def narrow(self, members: Any, value: str) -> Any:
        orders = get_model("order", "Order").objects.filter(user_id=OuterRef("user_id"))
        if value == "never":
            return members.filter(~Exists(orders))
        how, days = value.split("-")
        lately = orders.filter(date_placed__gte=clock.now() - timedelta(days=int(days)))
        return members.filter(Exists(lately)) if how == "in" else members.filter(Exists(orders), ~Exists(lately))


def in_the_last(days: int) -> str:
    """Return the words for an order within so many days."""
    text = npgettext("loyalty", "In the last %(days)d day", "In the last %(days)d days", days)
    return text % {"days": days}


def not_in_the_last(days: int) -> str:
    """Return the words for orders, but none within so many days."""
    text = npgettext("loyalty", "Longer ago than %(days)d day", "Longer ago than %(days)d days", days)
    return text % {"days": days}


def filter_of(*, name: str, column: MemberColumn, choices: list[tuple[str, str]]) -> type[admin.SimpleListFilter]:
    """Return the filter beside a column that a feature adds, with what it was found to choose from."""

    class ColumnFilter(_OneOf):
        title = column.label
        parameter_name = name

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return choices

        def narrow(self, members: Any, value: str) -> Any:
            return column.only(members=members, value=value)

    return ColumnFilter
