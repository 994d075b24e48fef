"""What the templates of charts (`loyalty/charts/`) are told: where the shapes stand, and what is written there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from loyalty_oscar.kernel import charts


def drawn(
    *, chart: charts.Chart, name: str, title: str, about: str, number: Callable[[int], str], below: Sequence[str]
) -> dict[str, Any]:
    """
    Return it for a chart that is called `name` on its page; `number` writes what stands on the left, and `below` holds
    what stands under each group.
    """
    return {
        "chart": chart,
        "name": name,
        "title": title,
        "about": about,
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "left": charts.LEFT,
        "across": [(y, number(value)) for y, value in chart.lines],
        "below": [(x, below[group]) for x, group in chart.words],
        "foot": charts.HEIGHT - charts.BOTTOM + 22,
        "path": " ".join(f"{point.x},{point.y}" for point in chart.points),
    }
