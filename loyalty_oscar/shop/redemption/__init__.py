"""Using points in the shop; the one place on this floor that knows the feature."""

from . import checks, discount, doctor, export, offer, panels, staff  # noqa: F401 - each registers its pieces
