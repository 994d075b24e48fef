"""Exclusive sales in the shop; the one place on this floor that knows the feature."""

from . import backstop, checkout, doctor, export, gate, hiding, jobs, panels, past, ranges, reminding  # noqa: F401 - each registers its pieces
