"""
The pictures of the catalogue: flat, one pale disc, teal, orange, deep green and off-white, no words.

A picture is a `motif` (what the thing is), an `emblem` (what is on it) and a `coat` (its main colour), so that no two
products need to look alike.
"""

from __future__ import annotations

from pathlib import Path

from . import emblems, motifs
from .canvas import DEEP, ORANGE, TEAL, Canvas

COATS = {"teal": (TEAL, ORANGE), "orange": (ORANGE, TEAL), "deep": (DEEP, ORANGE)}


def draw(*, motif: str, coat: str, emblem: str, path: Path) -> None:
    """
    Draw one picture into a PNG file.

    Raises `KeyError` for a motif, coat or emblem that nobody can draw.
    """
    canvas = Canvas()
    main, accent = COATS[coat]
    motifs.MOTIFS[motif](canvas, main, accent, emblems.EMBLEMS[emblem])
    canvas.save(path)
