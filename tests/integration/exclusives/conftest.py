"""The club with levels, and the product that its sales are about."""

import pytest

from tests.integration.tiers.ladders import a_club_with_levels
from tests.storefront import a_product


@pytest.fixture
def unit():
    return a_club_with_levels()


@pytest.fixture
def carrier():
    return a_product("Explorer carrier", "57.90")
