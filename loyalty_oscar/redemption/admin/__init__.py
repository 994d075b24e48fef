"""Using points in the admin: the limits and every use, rewards, and what members have of them."""

from . import claims, rewards, using  # noqa: F401 - each registers its pages
