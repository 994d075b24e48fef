"""The trait `points`: how much members have ready."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.forms import PointsAsMoney
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.numbers import TOO_MUCH
from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits

from .models import Account

#: More than that nobody is asked for.
MOST = 1_000_000_000


class PointsTrait:
    """Members who have at least `least` and at most `most` ready, points each (None = no such limit)."""

    label, is_personal = pgettext_lazy("loyalty", "What they have ready"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        unit = _unit(program_id)
        return {
            "least": _field(unit, label=pgettext("loyalty", "At least")),
            "most": _field(unit, label=pgettext("loyalty", "At most")),
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        least, most = params["least"], params["most"]
        if least is None and most is None:
            return {"least": pgettext("loyalty", "Fill in one of both.")}
        is_empty = least is not None and most is not None and most < least
        return {"most": pgettext("loyalty", "This is less than the least.")} if is_empty else {}

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        unit = _unit(program_id)
        least, most = (_amount(unit, params[name]) for name in ("least", "most"))
        if params["most"] is None:
            return pgettext("loyalty", "%(least)s or more ready") % {"least": least}
        if params["least"] is None:
            return pgettext("loyalty", "%(most)s or less ready") % {"most": most}
        return pgettext("loyalty", "%(least)s to %(most)s ready") % {"least": least, "most": most}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        least, most = params["least"] or 0, params["most"]
        rows = Account.objects.using(write_db()).filter(unit__program=program_id)
        rows = rows.filter(member_id__gt=after, member_id__lte=last)
        if least > 0:
            some = rows.filter(available__gte=least)
            some = some if most is None else some.filter(available__lte=most)
            return set(some.values_list("member_id", flat=True))
        members = members_within(program_id=program_id, after=after, last=last)
        more = rows.none() if most is None else rows.filter(available__gt=most)
        # Who has no account yet has nothing.
        return set(members.values_list("pk", flat=True)) - set(more.values_list("member_id", flat=True))


def _unit(program_id: int) -> Unit | None:
    return Unit.objects.select_related("program").filter(program=program_id).first()


def _amount(unit: Unit | None, points: int | None) -> str:
    return words.points(unit=unit, points=points or 0) if unit else money.number(points or 0)


def _field(unit: Unit | None, *, label: str) -> forms.Field:
    told: dict[str, Any] = {"label": label, "required": False, "min_value": 0, "max_value": MOST}
    if unit is None or not unit.is_money:
        return forms.IntegerField(**told, error_messages={"max_value": TOO_MUCH})
    return PointsAsMoney(currency=unit.program.currency, **told)


traits.register("points")(PointsTrait())
