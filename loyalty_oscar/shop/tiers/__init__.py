"""Levels in the shop; the one place on this floor that knows the feature."""

from . import levels, prices  # noqa: F401 - each registers its pieces
