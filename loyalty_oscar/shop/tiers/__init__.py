"""Levels in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    conditions,
    counting,
    doctor,
    jobs,
    letters,
    levels,
    lifecycle,
    nudge,
    past,
    price_teaser,
    prices,
    promised,
    setup,
    sights,
    staff,
    storefront,
)
