"""Motifs by name."""

from __future__ import annotations

from collections.abc import Callable

from ..canvas import DEEP, TEAL, Canvas
from ..emblems import Emblem

Motif = Callable[[Canvas, str, str, Emblem], None]
MOTIFS: dict[str, Motif] = {}


def motif(draw: Motif) -> Motif:
    """Make a drawing known under its function's name."""
    MOTIFS[draw.__name__] = draw
    return draw


def dark(main: str) -> str:
    """A second dark tone beside the main color."""
    return TEAL if main == DEEP else DEEP
