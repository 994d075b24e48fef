"""One basket on two sites, each with a program of its own: what one sets aside is none of the other's business."""

import pytest
from django.contrib.sites.models import Site
from django.urls import reverse

from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.program.models import ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.testing import a_program, clock
from tests.integration.ledger.books import assert_clean, balance
from tests.points import give, points_club, use
from tests.storefront import TODAY, a_basket, a_product, a_user, day, text_of

pytestmark = pytest.mark.django_db
BASKET = reverse("basket:summary")


@pytest.fixture
def cats(client, settings):
    """The site of the Cat Club: 70 points there, and 500 paws of the Paw Club's 1,250 set aside on the other site."""
    user, paws = a_user(), points_club()
    club = a_program(code="cats", name="Cat Club", is_default=False, live_from=day(1, 1, 2025))
    UseTerms.objects.create(program=club.program)
    site = Site.objects.create(domain="cats.example.com", name="Cats")
    ProgramSite.objects.create(program=club.program, site=site)
    give(user, 1250, paws)
    give(user, 70, club)
    with clock.at(TODAY):
        use(user, a_basket(user, (a_product(price="42.10"), 2)), 500, unit=paws)
        settings.SITE_ID = site.pk
        forget_cache()
        client.force_login(user)
        yield club
    forget_cache()


class TestABasketThatUsesPointsOfAnotherSite:
    def test_tells_here_only_what_is_ready_here(self, client, cats):
        said = text_of(client.get(BASKET))
        assert "You have 70 " in said
        assert "500" not in said
        assert "Order total €84.20" in said
        assert Hold.objects.get(state=Hold.State.OPEN).points == 500

    def test_uses_points_of_this_site_in_their_place(self, client, cats):
        answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "60"})
        said = text_of(client.get(answer["Location"]))
        assert "You have 70 " in said
        assert "Order total €83.60" in said
        assert balance(Account.objects.get(unit=cats)) == (10, 0, 60, 0)
        assert balance(Account.objects.exclude(unit=cats).get()) == (1250, 0, 0, 0)
        assert_clean()

    def test_keeps_them_set_aside_there_where_more_is_wanted_than_is_ready_here(self, client, cats):
        answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "300"})
        assert "Choose a number up to 70." in text_of(client.get(answer["Location"]))
        assert Hold.objects.get(state=Hold.State.OPEN).points == 500
        assert_clean()
