"""What points are worth, in words: in the shop's currency, else in the program's own."""

from __future__ import annotations

from django.conf import settings

from loyalty_oscar.kernel.rounding import worth_minor

from . import money
from .models import PointWorth, Unit
from .queries import worth_of


def rate_of(*, unit: Unit) -> PointWorth | None:
    """Return what points buy in the shop's currency, else in the program's own; None where nobody said it."""
    known = worth_of(program_id=unit.program_id)
    return known.get(getattr(settings, "OSCAR_DEFAULT_CURRENCY", "")) or known.get(unit.program.currency)


def worth(*, unit: Unit, points: int) -> str:
    """Return what points buy ("12.50 €"), or nothing where nobody said what they are worth."""
    row = rate_of(unit=unit)
    if row is None:
        return ""
    minor = worth_minor(points=points, per_points=row.points, minor=row.minor)
    return money.in_words(minor=minor, currency=row.currency)
