"""What the products look like. Each motif gets the sheet, its main and second color, and the emblem to put on it."""

from . import indoors, outdoors  # noqa: F401
from .registry import MOTIFS

__all__ = ["MOTIFS"]
