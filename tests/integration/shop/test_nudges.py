"""What a basket says of the next level and of free delivery."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from oscar.apps.shipping.methods import FixedPrice, TaxInclusiveOfferDiscount
from oscar.apps.shipping.models import OrderAndItemCharges
from oscar.core.loading import get_class, get_model

from loyalty_oscar.shop.storefront.delivery import missing_to_free, nudge
from loyalty_oscar.testing import clock
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_basket, a_club, a_product, a_user, arrive, buy, day, fill, numbers, text_of

pytestmark = pytest.mark.django_db


def basket_of(user):
    client = Client()
    if user:
        client.force_login(user)
    with clock.at(TODAY):
        return client.get(reverse("basket:summary"))


def a_silver():
    """Somebody with 286.40 of the 400.00 that Gold takes."""
    user = a_user()
    arrive(buy(user, (a_product("Bed", "286.40"), 1), on=day(3, 1)), on=day(3, 2))
    return user


class TestTheNextLevel:
    def test_is_named_with_what_the_basket_lacks_to_it(self):
        a_ladder()
        user = a_silver()
        a_basket(user, (a_product("Bowl", "103.60"), 1))
        response = basket_of(user)
        assert "€10.00 more and you are Gold . What levels bring" in text_of(response)
        assert numbers(response, "level-nudge") == [1000]

    def test_is_reached_by_the_order_that_the_basket_says_it_is(self):
        a_ladder()
        user = a_silver()
        a_basket(user, (a_product("Bowl", "113.60"), 1))
        assert "With this order you reach Gold ." in text_of(basket_of(user))
        buy(user, (a_product("Bowl", "113.60"), 1), on=TODAY)
        with clock.at(TODAY):
            client = Client()
            client.force_login(user)
            assert "Your level: Gold" in text_of(client.get(reverse("loyalty:overview")))

    def test_is_the_highest_of_those_that_the_basket_reaches(self):
        a_ladder()
        user = a_user()
        a_basket(user, (a_product("Bowl", "500.00"), 1))
        assert "With this order you reach Gold ." in text_of(basket_of(user))

    @pytest.mark.parametrize("price", ["5.00", "56.79"])
    def test_is_not_named_where_it_is_further_off_than_the_basket_is_large(self, price):
        a_ladder()
        user = a_silver()
        a_basket(user, (a_product("Bowl", price), 1))
        assert "level-nudge" not in basket_of(user).content.decode()

    def test_is_nothing_to_strangers_nor_on_the_highest_level_nor_without_levels(self):
        a_ladder()
        user = a_silver()
        buy(user, (a_product("Bowl", "200.00"), 1), on=day(4, 1))
        a_basket(user, (a_product("Bowl", "103.60"), 1))
        assert "level-nudge" not in basket_of(user).content.decode()
        assert "level-nudge" not in basket_of(None).content.decode()


class TestFreeDelivery:
    def a_full_basket(self, price="30.00"):
        return a_basket(a_user(), (a_product("Bowl", price), 1))

    def a_parcel(self, limit, charge="4.90"):
        method = FixedPrice(Decimal(charge), Decimal(charge))
        method.missing_to_free = lambda basket: Decimal(limit) - basket.total_incl_tax
        return method

    def said(self, method, basket):
        found = nudge(subject=method, request=SimpleNamespace(basket=basket))
        return found and found[1]["text"]

    def test_is_told_by_the_method_itself(self):
        basket = self.a_full_basket()
        assert self.said(self.a_parcel("39.00"), basket) == "€9.00 more and delivery is free."
        assert self.said(self.a_parcel("30.00"), basket) is None

    def test_is_not_told_where_delivery_is_free_already(self):
        basket = self.a_full_basket()
        assert self.said(self.a_parcel("39.00", charge="0.00"), basket) is None
        for percent, said in ((50, "€9.00 more and delivery is free."), (100, None)):
            benefit = get_model("offer", "ShippingPercentageDiscountBenefit")(value=percent)
            offer = SimpleNamespace(name="Gold", shipping_discount=benefit.shipping_discount)
            assert self.said(TaxInclusiveOfferDiscount(self.a_parcel("39.00"), offer), basket) == said

    def test_is_told_by_a_limit_of_oscars_own_methods_also_where_an_offer_makes_them_cheaper(self):
        method = OrderAndItemCharges(free_shipping_threshold=Decimal("35.00"))
        basket = self.a_full_basket()
        assert missing_to_free(method=method, basket=basket) == Decimal("5.00")
        assert missing_to_free(method=SimpleNamespace(method=method), basket=basket) == Decimal("5.00")

    def test_is_not_told_where_there_is_no_limit_or_it_is_reached(self):
        basket = self.a_full_basket()
        assert self.said(FixedPrice(Decimal("4.90"), Decimal("4.90")), basket) is None
        assert self.said(OrderAndItemCharges(free_shipping_threshold=Decimal("30.00")), basket) is None
        assert self.said(None, basket) is None

    def test_is_not_told_of_an_empty_basket(self):
        method = OrderAndItemCharges(free_shipping_threshold=Decimal("35.00"))
        assert self.said(method, a_basket(a_user())) is None

    def test_stands_beside_what_the_basket_brings(self, monkeypatch):
        a_club()
        monkeypatch.setattr(get_class("shipping.repository", "Repository"), "methods", (self.a_parcel("100.00"),))
        user = a_user()
        fill(a_basket(user), (a_product("Bowl", "30.00"), 1))
        response = basket_of(user)
        assert "€70.00 more and delivery is free." in text_of(response)
        assert numbers(response, "delivery-nudge") == [7000]
