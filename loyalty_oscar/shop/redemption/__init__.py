"""Using points in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    apart,
    checkout,
    checks,
    discount,
    doctor,
    following,
    freezing,
    front,
    guide,
    keeping,
    lifecycle,
    lines,
    offer,
    prices,
    ranges,
    rehearsal,
    rewards,
    staff,
    storefront,
    used,
)
