"""Using points: in the basket, and for rewards."""

from . import points, rewards  # noqa: F401 - each registers its addresses
