"""Groups of members in the shop: who is looked at by night, and what products say of members."""

from . import jobs  # noqa: F401 - each registers its pieces
