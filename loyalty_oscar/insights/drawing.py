"""What the templates of charts are told, in the words of a reader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit

from . import rules


def drawn(*, unit: Unit, chart: rules.Chart, firsts: Sequence[date]) -> dict[str, Any]:
    """Return what is around the shapes of a chart of months, whose first days these are."""
    return {
        "chart": chart,
        "width": rules.WIDTH,
        "height": rules.HEIGHT,
        "left": rules.LEFT,
        "across": [(y, words.number(unit=unit, points=value)) for y, value in chart.lines],
        "below": [(x, words.month(firsts[number], short=True)) for x, number in chart.words],
        "foot": rules.HEIGHT - rules.BOTTOM + 22,
    }
