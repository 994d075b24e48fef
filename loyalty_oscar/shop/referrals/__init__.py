"""Bring a friend in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    binding,
    checks,
    doctor,
    export,
    panels,
    people,
    staff,
)
