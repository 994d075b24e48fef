"""What earning shows in the shop; the one place on this floor that knows the feature."""

from . import guide, panels  # noqa: F401 - they register their pieces
