"""What rewards did in a year: the one place on this floor that knows how they are used."""

from . import elements  # noqa: F401 - registers its piece
