"""What campaigns show in the shop; the one place on this floor that knows the feature."""

from . import doctor, for_whom, front, guide, jobs, letters, lifecycle, listeners, prompts, reviews, storefront  # noqa: F401 - each registers its pieces
