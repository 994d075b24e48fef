"""Bring a friend in the shop; the one place on this floor that knows the feature."""

from . import people  # noqa: F401 - registers its fact
