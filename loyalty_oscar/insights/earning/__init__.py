"""What rules bring in a trial and brought in a year: the one place on this floor that knows them."""

from . import elements, trial  # noqa: F401 - register their pieces
