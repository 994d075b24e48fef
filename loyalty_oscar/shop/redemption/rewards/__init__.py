"""Rewards in the shop: the catalogue and what a member has of it."""

from . import doctor, guide, jobs, letters, lifecycle, storefront  # noqa: F401 - each registers its pieces
