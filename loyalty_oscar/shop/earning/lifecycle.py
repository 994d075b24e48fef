"""What a member takes along of what orders brought."""

from __future__ import annotations

from typing import Any

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member


@data_exports.register("earning")
def awards(*, member: Member) -> list[dict[str, Any]]:
    """Return each award of a member with its lines, its why in words and its reason as stored."""
    found = Award.objects.filter(account__member=member).select_related("unit").prefetch_related("lines")
    return [
        {
            "source": award.source,
            "placed_at": award.placed_at.isoformat(),
            "ready_at": award.available_at.isoformat() if award.available_at else None,
            "points": award.points,
            "given": award.given,
            "why": [[row.text, row.value] for row in why_rows(because=award.because, unit=award.unit)],
            "because": award.because,
            "lines": [
                {"line": line.line, "quantity": line.quantity, "points": line.points} for line in award.lines.all()
            ],
        }
        for award in found.order_by("pk")
    ]
