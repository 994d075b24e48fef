"""Where members stand in a trial: the one place on this floor that knows levels."""

from . import trial  # noqa: F401 - registers its piece
