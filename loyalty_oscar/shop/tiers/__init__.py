"""Levels in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    conditions,
    counting,
    doctor,
    export,
    levels,
    nightly,
    notices,
    panels,
    past,
    prices,
)
