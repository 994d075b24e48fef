"""The clubs of the journeys."""

from tests.fixtures import inviting_club, usable_unit  # noqa: F401
