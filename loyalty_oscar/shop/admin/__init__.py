"""Django admin of what the shop floor knows: members, product sets with their ranges, and the records of the house."""

from . import members, product_sets, records  # noqa: F401 - they register themselves
