"""Groups of members in the shop: who is looked at by night, and what orders say of members."""

from . import bought, channel, jobs, language  # noqa: F401 - each registers its pieces
