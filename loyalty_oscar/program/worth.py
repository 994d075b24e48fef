"""What points are worth, in words: in the shop's currency, else in the program's own."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

from loyalty_oscar.kernel.rounding import to_major, worth_minor

from . import money
from .models import PointWorth, Unit
from .queries import worth_of


def rate_of(*, unit: Unit) -> PointWorth | None:
    """Return what points buy in the shop's currency, else in the program's own; None where nobody said it."""
    known = worth_of(program_id=unit.program_id)
    return known.get(getattr(settings, "OSCAR_DEFAULT_CURRENCY", "")) or known.get(unit.program.currency)


def worth(*, unit: Unit, points: int) -> str:
    """Return what points buy ("12.50 €"); nothing where nobody said it, or they are money themselves."""
    row = None if unit.is_money else rate_of(unit=unit)
    return money.in_words(minor=_minor(row, points), currency=row.currency) if row else ""


def amount(*, unit: Unit, points: int) -> Decimal | None:
    """Return what points buy as a bare amount (`rate_of` has its currency), or None where nobody said it."""
    row = rate_of(unit=unit)
    return to_major(minor=_minor(row, points), exponent=money.exponent(currency=row.currency)) if row else None


def _minor(rate: PointWorth, points: int) -> int:
    """Return what points buy in minor units; what members have to make up is worth as much below zero."""
    minor = worth_minor(points=abs(points), per_points=rate.points, minor=rate.minor)
    return minor if points >= 0 else -minor
