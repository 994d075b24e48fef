"""`{% load loyalty_words %}`: points and reasons in words, for pages of staff."""

from __future__ import annotations

from django import template

from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit

register = template.Library()


@register.simple_tag
def in_points(unit: Unit, points: int, signed: bool = False) -> str:
    """Show points with their unit, `signed=True` with a plus."""
    return words.points(unit=unit, points=points, signed=signed)


@register.simple_tag
def signed(unit: Unit, points: int, plus: bool = True) -> str:
    """Show a bare number of points with its sign, and nothing for a change of 0."""
    return words.number(unit=unit, points=points, signed=plus) if points or not plus else ""
