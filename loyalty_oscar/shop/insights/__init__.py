"""What keeps the figures right, and what tries programs: the one place on this floor that knows them."""

from . import choosing, doctor, jobs, trying  # noqa: F401 - each registers its pieces
