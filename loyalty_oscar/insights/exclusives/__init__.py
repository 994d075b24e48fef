"""What sales did in a year: the one place on this floor that knows them."""

from . import elements  # noqa: F401 - registers its piece
