"""What a member takes along of levels, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.program import words
from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Member
from loyalty_oscar.tiers.models import GivenTier, Score, Standing
from loyalty_oscar.tiers.queries import tier_name


def _when(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


@data_exports.register("tiers")
def levels(*, member: Member) -> dict[str, Any]:
    """Return every level a member stood on, those that staff gave with the reason, and what each order counts."""
    standings = Standing.objects.filter(member=member).select_related("tier").order_by("starts_at", "pk")
    given = GivenTier.objects.filter(member=member).select_related("tier").order_by("pk")
    scores = Score.objects.filter(member=member).order_by("placed_at", "pk")
    return {
        "levels": [
            {
                "level": tier_name(tier=row.tier) if row.tier else None,
                "since": row.starts_at.isoformat(),
                "kept_until": _when(row.kept_until),
                "why": words.why(row.because),
                "is_current": bool(row.is_current),
            }
            for row in standings
        ],
        "given": [
            {
                "level": tier_name(tier=row.tier),
                "from": row.starts_at.isoformat(),
                "until": _when(row.until),
                "reason": row.reason,
            }
            for row in given
        ],
        "orders": [
            {"order": row.order_id, "placed_at": row.placed_at.isoformat(), "counts": row.value} for row in scores
        ],
    }


@erasures.register("tiers")
def forget(*, member: Member, at: datetime) -> None:
    """Forget the words that staff typed when they gave a level."""
    GivenTier.objects.filter(member=member).update(reason="")
