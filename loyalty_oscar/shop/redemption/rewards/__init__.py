"""Rewards in the shop: the catalogue and what a member has of it."""

from . import (  # noqa: F401 - each registers its pieces
    discounts,
    doctor,
    gifts,
    guide,
    jobs,
    keeping,
    kind,
    letters,
    lifecycle,
    offers,
    rehearsal,
    sights,
    staff,
    storefront,
    used,
)
