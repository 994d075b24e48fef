"""Bring a friend in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    attribution,
    checks,
    doctor,
    front,
    guide,
    identity_facts,
    letters,
    lifecycle,
    promised,
    setup,
    staff,
    storefront,
)
