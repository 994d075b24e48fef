"""Levels in the shop; the one place on this floor that knows the feature."""

from . import conditions, counting, doctor, jobs, letters, levels, lifecycle, past, prices, promised, storefront  # noqa: F401 - each registers its pieces
