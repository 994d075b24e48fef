"""What levels say of members to rules and sales that know no levels: the facts `tier` and `tier_rank`."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from loyalty_oscar.program.db import write_db

from .models import Standing
from .queries import has_ended, ladders_on, tier_fact


class LevelFact:
    """The fact `tier`: rank, name and points in percent of each member's level at a moment, where levels are on."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
        return {member_id: told for (member_id, _at), told in self.then(asked=[(pk, at) for pk in members]).items()}

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], Any]:
        """Return the levels of members, each at a moment of its own. One query."""
        ladders = ladders_on()
        if not ladders or not asked:
            return {}
        rows = Standing.objects.using(write_db()).filter(member_id__in={pk for pk, _at in asked})
        rows = rows.filter(starts_at__lte=max(at for _pk, at in asked)).select_related("tier")
        history: dict[int, list[Standing]] = defaultdict(list)
        for row in rows.order_by("starts_at", "pk"):
            history[row.member_id].append(row)
        found = {}
        for member_id, at in asked:
            stood = history[member_id]
            place = bisect_right(stood, at, key=lambda row: row.starts_at)
            # A strict level is over at its date, though the job that moves its member runs later.
            left = (row for row in reversed(stood[:place]) if not has_ended(standing=row, at=at))
            stands = next(left, None)
            tier = stands.tier if stands else None
            if tier and tier.ladder_id in ladders:
                found[member_id, at] = tier_fact(tier=tier)
        return found


class RankFact:
    """The fact `tier_rank`: the rank of each member's level at a moment; who has none is not in it."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, int]:
        return {member_id: tier["rank"] for member_id, tier in tiers_at(members=members, at=at).items()}

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], int]:
        """Return the ranks of members, each at a moment of its own. One query."""
        return {pair: tier["rank"] for pair, tier in tiers_at.then(asked=asked).items()}


tiers_at, ranks_at = LevelFact(), RankFact()
