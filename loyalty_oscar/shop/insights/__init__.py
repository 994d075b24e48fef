"""What keeps the figures right: the one place on this floor that knows them."""

from . import doctor, jobs  # noqa: F401 - each registers its pieces
