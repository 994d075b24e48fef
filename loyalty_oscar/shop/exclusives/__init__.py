"""Exclusive sales in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    backstop,
    checkout,
    consequences,
    doctor,
    front,
    gate,
    guide,
    hiding,
    jobs,
    letters,
    lifecycle,
    limits,
    past,
    ranges,
    staff,
    storefront,
    teaser,
)
