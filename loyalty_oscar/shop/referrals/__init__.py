"""Bring a friend in the shop; the one place on this floor that knows the feature."""

from . import attribution, checks, doctor, identity_facts, lifecycle, promised, staff, storefront  # noqa: F401 - each registers its pieces
