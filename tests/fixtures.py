"""The fixtures that many tests share; a folder's conftest imports those that it needs beyond the root's."""

import pytest

from loyalty_oscar.testing import clock
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.points import a_member_with, give, points_club
from tests.storefront import TODAY, a_club, a_user


@pytest.fixture
def today():
    """It is 6 May 2026."""
    with clock.at(TODAY):
        yield


@pytest.fixture(name="unit")
def earned_unit(db):
    """The paws of the Paw Club, which orders earn."""
    return a_club()


@pytest.fixture(name="unit")
def usable_unit(db):
    """The paws of the Paw Club, which orders earn and which pay for things."""
    return points_club()


@pytest.fixture
def user(db):
    """Boris, who has nothing yet."""
    return a_user()


@pytest.fixture
def account(user, unit):
    """The account of Boris, with 1,000 paws."""
    return give(user, 1000, unit)


@pytest.fixture
def boris(unit):
    """A member with 1,000 paws ready, which run out at the end of next year."""
    return a_member_with(1000, unit)


@pytest.fixture(name="club")
def inviting_club(db):
    """The Paw Club whose members invite: Boris with his code."""
    return an_inviting_club()


@pytest.fixture
def friends(db):
    """Boris, his code, and Priya, who came by it."""
    club = an_inviting_club()
    club.priya = a_user("priya@example.com")
    bring(club, club.priya)
    return club
