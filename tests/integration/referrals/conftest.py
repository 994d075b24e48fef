"""A club that invites."""

from tests.fixtures import friends, inviting_club  # noqa: F401
