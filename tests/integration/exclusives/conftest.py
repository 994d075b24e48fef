"""The club with levels, and the product that its sales are about."""

import pytest

from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_club, a_product


@pytest.fixture
def unit():
    unit = a_club()
    a_ladder(unit=unit)
    return unit


@pytest.fixture
def carrier():
    return a_product("Explorer carrier", "57.90")
