"""What levels say of members to rules and sales that know no levels: the facts `tier` and `tier_rank`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import FilteredRelation, Q

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member

from .models import Standing
from .queries import bases, has_ended, tier_fact, tiers_on


class LevelFact:
    """The fact `tier`: rank, name and points in percent of each member's level at a moment, where levels are on."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
        return {member_id: told for (member_id, _at), told in self.then(asked=[(pk, at) for pk in members]).items()}

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], Any]:
        """Return the levels of members, each at a moment of its own. One query."""
        tiers = tiers_on()
        if not tiers or not asked:
            return {}
        known, first = self._stood(asked), bases()
        found = {}
        for member_id, at in asked:
            if member_id not in known:
                continue
            program_id, stood = known[member_id]
            place = bisect_right(stood, at, key=lambda row: row.starts_at)
            # A strict level is over at its date, though the job that moves its member runs later.
            left = (row for row in reversed(stood[:place]) if not has_ended(standing=row, at=at))
            stands, base = next(left, None), first.get(program_id)
            tier = tiers.get(stands.tier_id) if stands and stands.tier_id else None
            if base and (tier is None or tier.rank <= base.rank):
                tier = base
            if tier:
                found[member_id, at] = tier_fact(tier=tier)
        return found

    def _stood(self, asked: Collection[tuple[int, datetime]]) -> dict[int, tuple[int, list[Standing]]]:
        """Return program and history of each member, the oldest standing first: also of one who has none. One query."""
        until = max(at for _pk, at in asked)
        stood = FilteredRelation("standings", condition=Q(standings__starts_at__lte=until))
        rows = Member.objects.using(write_db()).filter(pk__in={pk for pk, _at in asked}).annotate(stood=stood)
        found: dict[int, tuple[int, list[Standing]]] = {}
        names = ("tier_id", "starts_at", "kept_until", "is_strict")
        wanted = rows.values_list("pk", "program_id", *(f"stood__{name}" for name in names))
        for member_id, program_id, *values in wanted.order_by("stood__starts_at", "stood__pk"):
            own = found.setdefault(member_id, (program_id, []))[1]
            if values[1] is not None:
                own.append(Standing(**dict(zip(names, values, strict=True))))
        return found


class RankFact:
    """The fact `tier_rank`: the rank of each member's level at a moment; who has none is not in it."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, int]:
        return {member_id: tier["rank"] for member_id, tier in tiers_at(members=members, at=at).items()}

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], int]:
        """Return the ranks of members, each at a moment of its own. One query."""
        return {pair: tier["rank"] for pair, tier in tiers_at.then(asked=asked).items()}


tiers_at, ranks_at = LevelFact(), RankFact()
