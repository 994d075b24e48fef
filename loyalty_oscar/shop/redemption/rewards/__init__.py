"""Rewards in the shop: the catalogue and what a member has of it."""

from . import guide, storefront  # noqa: F401 - each registers its pieces
