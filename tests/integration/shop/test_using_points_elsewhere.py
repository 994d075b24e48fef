"""Points and other baskets: of another site's program, or more than one open basket of the same customer."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.sites.models import Site
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.program.models import ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.headless import standing
from loyalty_oscar.shop.redemption.use_points import may_use
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, balance
from tests.once import a_program
from tests.points import account, give, of, points_club, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, day, text_of

pytestmark = pytest.mark.django_db
BASKET = reverse("basket:summary")
Basket = get_model("basket", "Basket")
Line = get_model("basket", "Line")


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
        assert "You have 10 " in said
        assert "Order total €83.60" in said
        assert balance(Account.objects.get(unit=cats)) == (10, 0, 60, 0)
        assert balance(Account.objects.exclude(unit=cats).get()) == (1250, 0, 0, 0)
        assert_clean()

    def test_keeps_them_set_aside_there_where_more_is_wanted_than_is_ready_here(self, client, cats):
        answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "300"})
        assert "Choose a number up to 70." in text_of(client.get(answer["Location"]))
        assert Hold.objects.get(state=Hold.State.OPEN).points == 500
        assert_clean()


@pytest.fixture
def two(client):
    """A member of 1,000 paws, 600 of them set aside for an open basket, who has a second one."""
    user, unit = a_user(), points_club()
    give(user, 1000, unit)
    with clock.at(TODAY):
        first = a_basket(user, (a_product(price="42.10"), 2))
        use(user, first, 600, unit=unit)
        second = a_basket(user, (a_product("Ball", "30.00"), 1))
        client.force_login(user)
        yield SimpleNamespace(user=user, unit=unit, first=first, second=second)


class TestTwoOpenBaskets:
    """As APIs make them; Oscar's pages merge them, and an API finds the older one."""

    @pytest.mark.parametrize(
        ("kept", "ready"),
        [("first", "You have 1,000 paws ready"), ("second", "You have 400 paws ready = €4.00 600 paws in this basket")],
    )
    def test_that_a_page_merges_may_use_everything(self, client, two, monkeypatch, kept, ready):
        """Whichever of them Oscar keeps: it asks for them in no order, and a database may give them in any."""
        open_ones, order = type(Basket.open), {"first": "pk", "second": "-pk"}[kept]
        asked = open_ones.get_queryset
        monkeypatch.setattr(open_ones, "get_queryset", lambda manager: asked(manager).order_by(order))
        use(two.user, two.first, 0, unit=two.unit)
        use(two.user, two.second, 600, unit=two.unit)
        assert ready in text_of(client.get(BASKET))
        assert Basket.open.get() == getattr(two, kept)
        answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "all"})
        said = text_of(client.get(answer["Location"]))
        assert "You use 1,000 paws." in said
        assert of(two.user) == (0, 0, 1000, 0)
        assert_clean()

    def test_may_each_use_what_the_other_leaves(self, client, two):
        second = reload(two.user, two.second)
        assert standing(basket=second, unit=two.unit, account=account(two.user)).ready == 400
        first = reload(two.user, two.first)
        assert standing(basket=first, unit=two.unit, account=account(two.user)).ready == 400
        for basket, points in ((two.second, 400), (two.first, 600)):
            use(two.user, basket, None, unit=two.unit)
            assert Hold.objects.get(slot=f"basket:{basket.pk}").points == points
        assert of(two.user) == (0, 0, 1000, 0)

    @pytest.mark.parametrize("end", ["Merged", "Saved", "Submitted", "deleted", "its time is over", "Frozen"])
    def test_say_the_same_number_as_will_be_used(self, two, end):
        expected = 400 if end == "Frozen" else 1000
        at = TODAY + timedelta(hours=1) if end == "its time is over" else TODAY
        Line.objects.update(date_updated=TODAY)
        if end == "deleted":
            two.first.delete()
        elif end != "its time is over":
            Basket.objects.filter(pk=two.first.pk).update(status=end)
        with clock.at(at):
            told = standing(basket=reload(two.user, two.second), unit=two.unit, account=account(two.user))
            assert told.ready == expected
            use(two.user, two.second, None, unit=two.unit, at=at)
        assert Hold.objects.get(slot=f"basket:{two.second.pk}").points == expected
        assert_clean()

    def test_asks_nothing_more_where_nothing_else_is_set_aside(self, two, django_assert_num_queries):
        first = reload(two.user, two.first)
        mine, held = account(two.user), applied_to(basket=first).redemption
        with django_assert_num_queries(0):
            assert may_use(account=mine, redemption=held, at=TODAY) == 1000
