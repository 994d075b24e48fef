"""What points are worth in the program's own currency, in words."""

from __future__ import annotations

from loyalty_oscar.kernel.rounding import worth_minor

from . import money
from .models import Unit
from .queries import worth_of


def worth(*, unit: Unit, points: int) -> str | None:
    """Return what points buy in the program's currency ("€12.50"), or None where nobody said what they are worth."""
    row = worth_of(program_id=unit.program_id).get(unit.program.currency)
    if row is None:
        return None
    minor = worth_minor(points=points, per_points=row.points, minor=row.minor)
    return money.in_words(minor=minor, currency=row.currency)
