"""Using points: in the basket, and for rewards."""

from . import in_basket, points, rewards  # noqa: F401 - each registers its addresses
