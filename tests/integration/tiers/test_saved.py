"""What being a member saved, by what stands on orders."""

from datetime import datetime

import pytest
from django.contrib.sites.models import Site
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.models import PriceSpan
from loyalty_oscar.shop.tiers.conditions import PROXY
from loyalty_oscar.shop.tiers.saved import Saved, saved_by
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProgramFactory
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, send_back, text_of

from .ladders import a_ladder

pytestmark = pytest.mark.django_db
NEW_YEAR = day(1, 1)


@pytest.fixture
def club():
    return a_ladder().program


def was(product, minor, *, audience="", since=NEW_YEAR, until=None):
    """What a product cost somebody."""
    told = {"product_id": product.pk, "currency": "EUR", "audience": audience, "minor": minor, "starts_at": since}
    PriceSpan.objects.create(**told, ends_at=until, is_current=None if until else True)


def saved(user, program: Program, *, since: datetime = NEW_YEAR):
    return saved_by(user_id=user.pk, program=program, since=since, at=TODAY)


class TestPricesForMembers:
    @pytest.fixture
    def bowl(self, club):
        """Bought for 18.00, which everybody else paid 20.00 for."""
        bowl = a_product("Bowl", "18.00")
        was(bowl, 2000)
        was(bowl, 1800, audience=f"{club.pk}:rank:2")
        return bowl

    def test_save_what_everybody_else_paid_more(self, club, bowl):
        user = a_user()
        buy(user, (bowl, 3), on=day(5, 1))
        assert saved(user, club) == Saved(prices=600)

    def test_save_nothing_with_what_went_back_or_came_to_nothing(self, club, bowl):
        user = a_user()
        send_back(arrive(buy(user, (bowl, 3), on=day(4, 1)), on=day(4, 2)), 1, on=day(4, 5))
        dead = buy(user, (bowl, 1), on=day(4, 10))
        get_model("order", "Order").objects.filter(pk=dead.pk).update(status="Cancelled")
        assert saved(user, club) == Saved(prices=400)

    def test_save_nothing_where_the_price_was_everybodys(self, club):
        bone = a_product("Bone", "18.00")
        was(bone, 1800)
        user = a_user()
        buy(user, (bone, 1), on=day(5, 1))
        assert saved(user, club) == Saved()

    def test_save_nothing_where_a_lower_price_was_not_one_of_a_level(self, club):
        bone = a_product("Bone", "18.00")
        was(bone, 2000)
        user = a_user()
        buy(user, (bone, 1), on=day(5, 1))
        assert saved(user, club) == Saved()

    def test_count_from_a_day_on_and_by_the_price_of_their_day(self, club, bowl):
        user = a_user()
        buy(user, (bowl, 1), on=day(2, 1))
        PriceSpan.objects.filter(audience="").update(ends_at=day(4, 1), is_current=None)
        was(bowl, 2500, since=day(4, 1))
        buy(user, (bowl, 1), on=day(5, 1))
        assert saved(user, club) == Saved(prices=200 + 700)
        assert saved(user, club, since=day(4, 1)) == Saved(prices=700)

    def test_are_told_on_the_page_of_levels(self, club, bowl, client):
        user = a_user()
        buy(user, (bowl, 1), on=day(5, 1))
        client.force_login(user)
        with clock.at(TODAY):
            said = text_of(client.get(reverse("loyalty:levels")))
        assert "Saved so far Member prices saved you €2.00 this year." in said

    def test_say_nothing_of_nothing(self, club, client):
        client.force_login(a_user())
        with clock.at(TODAY):
            assert "Saved so far" not in text_of(client.get(reverse("loyalty:levels")))


class TestOffersForLevels:
    def test_save_on_delivery_and_on_goods_apart(self, club):
        condition = get_model("offer", "Condition").objects.create(proxy_class=PROXY, value=2)
        benefit = get_model("offer", "Benefit").objects.create(type="Shipping fixed price", value=0)
        offer = get_model("offer", "ConditionalOffer").objects.create(
            name="Free delivery", condition=condition, benefit=benefit
        )
        user, discount = a_user(), get_model("order", "OrderDiscount")
        order = buy(user, (a_product("Bone", "18.00"), 1), on=day(5, 1))
        told = {"order": order, "offer_id": offer.pk, "offer_name": offer.name}
        discount.objects.create(**told, category=discount.SHIPPING, amount="4.90")
        discount.objects.create(**told, category=discount.BASKET, amount="1.10")
        discount.objects.create(order=order, offer_id=offer.pk + 1, category=discount.BASKET, amount="9.99")
        assert saved(user, club) == Saved(delivery=490, offers=110)

    def test_save_nothing_here_with_orders_of_another_program(self, club):
        there = Site.objects.create(domain="there.example", name="There")
        ProgramFactory(code="there", is_default=False, sites=[there], live__at=NEW_YEAR)
        condition = get_model("offer", "Condition").objects.create(proxy_class=PROXY, value=1)
        benefit = get_model("offer", "Benefit").objects.create(type="Shipping fixed price", value=0)
        offer = get_model("offer", "ConditionalOffer").objects.create(
            name="Free delivery", condition=condition, benefit=benefit
        )
        user, discount = a_user(), get_model("order", "OrderDiscount")
        order = buy(user, (a_product("Bone", "18.00"), 1), on=day(5, 1), site=there)
        discount.objects.create(order=order, offer_id=offer.pk, category=discount.SHIPPING, amount="4.90")
        assert saved(user, club) == Saved()
