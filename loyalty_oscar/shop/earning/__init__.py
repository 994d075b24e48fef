"""What earning shows in the shop; the one place on this floor that knows the feature."""

from . import doctor, setup  # noqa: F401
