"""A trait for groups of members: who ordered on a weekend."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, ngettext

from loyalty_oscar import extend
from loyalty_oscar.people.models import Receipt


class OnWeekends:
    """Members who ordered on a Saturday or Sunday of the last days."""

    label = gettext_lazy("Ordered on a weekend")
    is_personal = False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {"days": forms.IntegerField(label=gettext_lazy("In the last days"), min_value=1, max_value=365)}

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        text = ngettext(
            "an order on a weekend of the last %(days)d day",
            "an order on a weekend of the last %(days)d days",
            params["days"],
        )
        return text % params

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        orders = Receipt.objects.filter(
            program=program_id, member_id__gt=after, member_id__lte=last, is_gone=False,
            placed_at__gt=at - timedelta(days=params["days"]), placed_at__lte=at, placed_at__week_day__in=(1, 7),
        )  # fmt: skip
        return set(orders.values_list("member_id", flat=True))


extend.traits.register("on-weekends")(OnWeekends())
