"""Bring a friend in the shop; the one place on this floor that knows the feature."""

from . import attribution, checks, doctor, front, guide, identity_facts, letters, lifecycle, promised, staff, storefront  # noqa: F401 - each registers its pieces
