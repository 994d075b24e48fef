"""What staff see of levels: in the list of members, and on a customer's page of the dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.levels import level_names
from loyalty_oscar.program.models import Member
from loyalty_oscar.tiers.facts import tiers_at
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.queries import TierProgress, bases, ladder_of, progress_of, standing_of, tier_name
from loyalty_oscar.tiers.words import counted

from ..dashboard.members import member_columns

#: Only the lowest level can be everybody's.
BASE_RANK = 1


class LevelColumn:
    """Where each member stands."""

    label = pgettext_lazy("loyalty", "level")

    def texts(self, *, members: Sequence[Member]) -> Mapping[int, str]:
        found = tiers_at(members=[member.pk for member in members], at=clock.now())
        return {member_id: tier["name"] for member_id, tier in found.items()}

    def choices(self) -> list[tuple[str, str]]:
        names = level_names(program_id=None)
        return (
            [("0", pgettext("loyalty", "no level")), *((str(rank), name) for rank, name in names.items())]
            if names
            else []
        )

    def only(self, *, members: Any, value: str) -> Any:
        rank, first = int(value), bases()
        stands = Standing.objects.filter(member=OuterRef("pk"), is_current=True)
        on_base = Q(program_id__in=first) & ~Exists(stands.filter(rank__gt=BASE_RANK))
        if rank == 0:
            return members.exclude(program_id__in=first).filter(~Exists(stands.filter(rank__gt=0)))
        there = Q(Exists(stands.filter(rank=rank)))
        return members.filter(there | on_base if rank == BASE_RANK else there)


member_columns.register("level", order=10)(LevelColumn())


@contributions.register("dashboard:user", "level", order=55)
def level_of_customer(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return where a customer stands in each program with levels, until when, and what the next level takes."""
    members = Member.objects.filter(user_id=subject.pk, merged_into=None).select_related("program__unit")
    rows = [row for member in members.order_by("program__name") if (row := _stands(member))]
    return ("loyalty/dashboard/level.html", {"rows": rows}) if rows else None


def _stands(member: Member) -> dict[str, Any] | None:
    ladder, at = ladder_of(program_id=member.program_id), clock.now()
    if ladder is None:
        return None
    standing = standing_of(ladder=ladder, member_id=member.pk, at=at)
    found = progress_of(ladder=ladder, member_id=member.pk, standing=standing, at=at, joined_at=member.joined_at)
    kept = found.kept_until and words.last_day(found.kept_until, zone=ladder.program.time_zone)
    return {
        "program": member.program,
        "rank": found.tier.rank if found.tier else 0,
        "name": tier_name(tier=found.tier) if found.tier else "",
        "until": kept,
        "next": _next(ladder, found, member),
    }


def _next(ladder: Ladder, found: TierProgress, member: Member) -> str:
    """Return what the next level takes, and by when; nothing at the top."""
    if found.next_tier is None:
        return ""
    said = {
        "away": counted(ladder=ladder, value=found.missing, unit=member.program.unit_or_none),
        "level": tier_name(tier=found.next_tier),
    }
    if found.ends_at is None:
        return pgettext("loyalty", "%(away)s to %(level)s.") % said
    said["day"] = words.last_day(found.ends_at, zone=ladder.program.time_zone)
    return pgettext("loyalty", "%(away)s to %(level)s by %(day)s.") % said
