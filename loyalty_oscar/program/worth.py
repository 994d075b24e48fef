"""What points are worth, in words: in the shop's currency, else in the program's own."""

from __future__ import annotations

from django.conf import settings

from loyalty_oscar.kernel.rounding import worth_minor

from . import money
from .models import Unit
from .queries import worth_of


def worth(*, unit: Unit, points: int) -> str:
    """Return what points buy ("12.50 €"), or nothing where nobody said what they are worth."""
    known = worth_of(program_id=unit.program_id)
    row = known.get(getattr(settings, "OSCAR_DEFAULT_CURRENCY", "")) or known.get(unit.program.currency)
    if row is None:
        return ""
    minor = worth_minor(points=points, per_points=row.points, minor=row.minor)
    return money.in_words(minor=minor, currency=row.currency)
