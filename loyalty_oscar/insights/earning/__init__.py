"""What rules bring in a trial: the one place on this floor that knows them."""

from . import trial  # noqa: F401 - registers its piece
