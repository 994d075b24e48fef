"""What earning shows in the shop; the one place on this floor that knows the feature."""

from . import doctor, front, guide, letters, lifecycle, orders, picking, rehearsal, setup, staff, storefront, welcome  # noqa: F401 - each registers its pieces
