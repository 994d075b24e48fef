"""At checkout pieces are reserved from the preview on, and nobody pays for what is not there."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import Count, Place
from loyalty_oscar.program import clock
from tests.storefront import a_product, text_of

from .sales import GOLD, GOLD_FROM, a_member_of, a_sale

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")
PREVIEW = reverse("checkout:preview")


@pytest.fixture
def sale(unit):
    return a_sale(unit, a_product("Explorer carrier", "57.90"), quota=1)


class Customer:
    """A Gold member who has put the carrier into the basket."""

    def __init__(self, unit, name):
        self.client, self.user = Client(), a_member_of(unit, GOLD, name=name)
        self.client.force_login(self.user)
        product = get_model("catalogue", "Product").objects.get()
        self.client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1})
        self.basket = self.user.baskets.get()

    def preview(self):
        country = factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
        address = {
            "first_name": "B", "last_name": "B", "line1": "Rue 1", "line4": "Berlin", "postcode": "10115",
            "country": country.pk,
        }  # fmt: skip
        self.client.post(reverse("checkout:shipping-address"), address)
        self.client.get(reverse("checkout:shipping-method"))
        return self.client.get(PREVIEW)

    def place(self):
        return self.client.post(PREVIEW, {"action": "place_order"})


@pytest.fixture(autouse=True)
def open_for_gold():
    with clock.at(GOLD_FROM):
        yield


class TestThePreview:
    def test_reserves_a_piece_for_fifteen_minutes(self, unit, sale):
        boris = Customer(unit, "boris")
        assert not Place.objects.exists()
        boris.preview()
        found = Place.objects.get()
        assert (found.slot, found.quantity) == (f"basket:{boris.basket.pk}", 1)
        assert found.until == GOLD_FROM + timedelta(minutes=15)
        assert Count.objects.get().taken == 1

    def test_says_that_nothing_is_left(self, unit, sale):
        Customer(unit, "boris").preview()
        olga = Customer(unit, "olga")
        assert "First on the trail: nothing is left for you." in text_of(olga.preview())
        assert Place.objects.count() == 1

    def test_is_not_the_end_the_place_is_bought_with_the_order(self, unit, sale):
        boris = Customer(unit, "boris")
        boris.preview()
        assert boris.place()["Location"] == reverse("checkout:thank-you")
        assert Place.objects.get().order_id == Order.objects.get().pk
        assert Count.objects.get().taken == 1


class TestTheButtonThatPlacesTheOrder:
    def test_leads_back_to_the_basket_before_anything_is_paid(self, unit, sale):
        boris, olga = Customer(unit, "boris"), Customer(unit, "olga")
        boris.preview()
        olga.preview()
        answer = olga.place()
        assert answer["Location"] == reverse("basket:summary")
        assert "nothing is left for you" in text_of(olga.client.get(answer["Location"]))
        assert not Order.objects.exists()

    def test_takes_the_piece_that_another_let_run_out(self, unit, sale):
        boris, olga = Customer(unit, "boris"), Customer(unit, "olga")
        boris.preview()
        with clock.at(GOLD_FROM + timedelta(minutes=15)):
            olga.preview()
            assert olga.place()["Location"] == reverse("checkout:thank-you")
            assert boris.place()["Location"] == reverse("basket:summary")
        assert Order.objects.get().user == olga.user

    def test_costs_a_shop_without_sales_nothing(self, unit, monkeypatch):
        a_product("Bed")
        monkeypatch.setattr(operations, "reserve", pytest.fail)
        boris = Customer(unit, "boris")
        boris.preview()
        assert boris.place()["Location"] == reverse("checkout:thank-you")
