"""The program of the commands."""

import pytest

from tests.points import points_club


@pytest.fixture
def club(db):
    """The Paw Club, whose points can be used."""
    return points_club()
