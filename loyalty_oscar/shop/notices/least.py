"""What is worth a mail of its own: what is worth less waits for more that is told along with it."""

from __future__ import annotations

from django.db.models import F

from loyalty_oscar.kernel.rounding import worth_minor
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import PointWorth


def rates() -> dict[int, PointWorth]:
    """Return what points are worth in each program's own currency, by program, where somebody said it. One query."""
    worths = PointWorth.objects.using(write_db()).filter(currency=F("program__currency"))
    return {row.program_id: row for row in worths}


def is_enough(*, points: int, rate: PointWorth | None, least: int) -> bool:
    """Return whether points are worth `least` (minor units); those without a worth are, and all where it is 1."""
    if rate is None or least <= 1:
        return True
    return worth_minor(points=points, per_points=rate.points, minor=rate.minor) >= least
