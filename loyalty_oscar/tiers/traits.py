"""The trait `level`: on which level members are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits

from .models import Standing
from .queries import base_of, ladder_of


class LevelTrait:
    """Members on the levels from `least` to `most` (None = up to the highest); rank 0 is no level."""

    label, is_personal = pgettext_lazy("loyalty", "Level"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        ranks = list(levels(program_id=program_id).items())
        nothing = pgettext("loyalty", "no level")
        return {
            "least": forms.TypedChoiceField(
                label=pgettext("loyalty", "From level"), choices=[*ranks, (0, nothing)], coerce=int
            ),
            "most": forms.TypedChoiceField(
                label=pgettext("loyalty", "To level"),
                help_text=pgettext("loyalty", "This level included. Empty: whoever stands higher, too."),
                choices=[("", "---------"), (0, nothing), *ranks],
                coerce=int,
                empty_value=None,
                required=False,
            ),
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        is_empty = params["most"] is not None and params["most"] < params["least"]
        return {"most": pgettext("loyalty", "This lies below the first.")} if is_empty else {}

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        names = levels(program_id=program_id)
        first, last = (_called(rank, names) for rank in (params["least"], params["most"]))
        if params["most"] is None:
            return pgettext("loyalty", "level: %(level)s or higher") % {"level": first}
        if params["least"] == params["most"]:
            return pgettext("loyalty", "level: %(level)s") % {"level": first}
        return pgettext("loyalty", "level: %(first)s to %(last)s") % {"first": first, "last": last}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        ladder = ladder_of(program_id=program_id)
        base = base_of(ladder=ladder) if ladder else None
        lowest = base.rank if base else 0
        within = Q(member_id__gt=after, member_id__lte=last, member__program=program_id)
        # A strict level is over at its date, though the job that moves its member runs later.
        rows = Standing.objects.using(write_db()).filter(within, is_current=True)
        rows = rows.exclude(is_strict=True, kept_until__lte=at) if ladder else rows.none()
        stands = {pk: max(rank, lowest) for pk, rank in rows.values_list("member_id", "rank")}
        found = {pk for pk, rank in stands.items() if _is_within(rank, params)}
        if _is_within(lowest, params):
            members = members_within(program_id=program_id, after=after, last=last)
            found |= set(members.values_list("pk", flat=True)) - stands.keys()
        return found


def _is_within(rank: int, params: Mapping[str, Any]) -> bool:
    return params["least"] <= rank and (params["most"] is None or rank <= params["most"])


def _called(rank: int | None, names: Mapping[int, str]) -> str:
    if not rank:
        return pgettext("loyalty", "no level")
    return names.get(rank) or pgettext("loyalty", "level %(rank)s, which is not there") % {"rank": money.number(rank)}


traits.register("level")(LevelTrait())
