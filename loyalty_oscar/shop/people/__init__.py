"""How people buy, in the shop: receipts of orders from before, what staff see, what is taken along."""

from . import doctor, jobs, lifecycle, staff  # noqa: F401 - each registers its pieces
