"""Where members stand in a trial, and what levels did in a year: the one place on this floor that knows levels."""

from . import elements, trial  # noqa: F401 - register their pieces
