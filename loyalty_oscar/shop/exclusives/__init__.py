"""Exclusive sales in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    backstop,
    checkout,
    doctor,
    gate,
    hiding,
    jobs,
    letters,
    lifecycle,
    past,
    ranges,
    storefront,
)
