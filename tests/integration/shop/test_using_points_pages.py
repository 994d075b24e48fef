"""Using points on the pages of the shop, as a browser without JavaScript does it: one POST, and back to the page."""

import re

import pytest
from django.urls import reverse

from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.testing import clock
from tests.points import give, points_club
from tests.storefront import TODAY, a_basket, a_product, a_user, numbers, text_of

pytestmark = pytest.mark.django_db
BASKET = reverse("basket:summary")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def boris(client):
    """A signed-in member with 1,250 paws ready and goods for 84.20 in the basket."""
    user = a_user()
    give(user, 1250, points_club())
    a_basket(user, (a_product(price="42.10"), 2))
    client.force_login(user)
    return user


def choose(client, **fields):
    """Send a form of the control and look at the page that it leads to."""
    answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, **fields})
    assert answer.status_code == 302
    assert answer["Location"].endswith("#points")
    return client.get(answer["Location"])


def pressed(page):
    """The words of the button that is pressed."""
    found = re.findall(r'aria-pressed="true">([^<]*)<', page.content.decode())
    return [words.replace("\xa0", " ") for words in found]


class TestTheControl:
    def test_offers_a_round_number_first(self, client, boris):
        page = client.get(BASKET)
        said = text_of(page)
        assert "You have 1,250 paws ready = €12.50" in said
        assert "Use 500 paws: −€5.00" in said
        assert "You use no paws. 1,250 stay ready." in said
        assert pressed(page) == ["None"]
        assert numbers(page, "points") == [0]

    def test_says_what_is_used_saved_and_left(self, client, boris):
        page = choose(client, use="500")
        said = text_of(page)
        assert "You use 500 paws. Saves €5.00, leaves 750 paws (€7.50)." in said
        assert "You have 1,250 paws ready" in said
        assert "500 paws used" in said
        assert pressed(page) == ["Use 500 paws: −€5.00"]
        assert numbers(page, "points") == [500]
