"""Django admin of what the shop floor knows: members, product sets with their ranges, and orders that wait."""

from . import members, product_sets  # noqa: F401 - they register themselves
