"""A whole purchase through django-oscar-api, with points from our own API."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models.signals import pre_save
from django.test import Client, override_settings
from oscar.core.loading import get_model
from oscar.test import factories
from rest_framework.authtoken.models import Token

from loyalty_oscar.exclusives.models import QuotaCounter, Reservation
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.storefront.basket_holds import fates
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import a_sale
from tests.points import a_member_with, points_club
from tests.rewards import a_reward, have, state
from tests.storefront import TODAY, a_product, send_back

pytestmark = pytest.mark.django_db(transaction=True)
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")
POINTS = "/loyalty/api/basket/points"


class Customer:
    """Somebody with a client of their own and no page of the shop."""

    def __init__(self, **headers):
        self.client, self.headers = Client(), headers

    def call(self, method, path, data=None):
        more = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(path, headers=self.headers, **more)

    def add(self, product, quantity):
        """Put things into the basket; returns it."""
        url = f"http://testserver/api/products/{product.pk}/"
        response = self.call("post", "/api/basket/add-product/", {"url": url, "quantity": quantity})
        assert response.status_code == 200
        return response.json()

    def use(self, points):
        response = self.call("put", POINTS, {"points": points})
        assert response.status_code == 200
        return response.json()

    def check_out(self, **sent):
        basket = self.call("get", "/api/basket/").json()["url"]
        address = {
            "country": "http://testserver/api/countries/DE/", "first_name": "Boris", "last_name": "B",
            "line1": "Rue 1", "line4": "Berlin", "postcode": "10115",
        }  # fmt: skip
        return self.call("post", "/api/checkout/", {"basket": basket, "shipping_address": address, **sent})


@pytest.fixture(autouse=True, scope="module")
def addresses():
    """Those of both APIs, for the whole module: of other addresses Django makes its tables anew."""
    with override_settings(ROOT_URLCONF="tests.functional.headless_urls"):
        yield


@pytest.fixture(autouse=True)
def headless():
    """It is noon on 6 May 2026 in a shop that serves APIs."""
    factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
    with clock.at(TODAY):
        yield


@pytest.fixture
def boris():
    """A member with 700 paws."""
    return a_member_with(700, points_club())


@pytest.fixture(params=["session", "token"])
def customer(request, boris):
    """Boris, signed in through django-oscar-api or with a token."""
    if request.param == "token":
        return Customer(Authorization=f"Token {Token.objects.create(user=boris).key}")
    customer = Customer()
    login = {"username": boris.username, "password": "a good one"}
    assert customer.call("post", "/api/login/", login).status_code == 200
    return customer


def account():
    found = Account.objects.get()
    return found.available, found.reserved


def is_sound():
    return all(not step.wrong for step in audit())


class TestAPurchaseWithoutAPage:
    def test_costs_what_both_apis_said_and_the_ledger_agrees(self, customer, boris):
        customer.add(a_product(), 2)
        said = customer.use(500)
        assert (said["applied"], said["total"]) == (500, "44.80")
        basket = customer.call("get", "/api/basket/").json()
        assert basket["total_incl_tax"] == said["total"]
        assert [row["amount"] for row in basket["offer_discounts"]] == ["5.00"]

        response = customer.check_out(total=said["total"])
        assert response.status_code == 200, response.content
        order = Order.objects.get(user=boris)
        assert response.json()["total_incl_tax"] == "44.80" == str(order.total_incl_tax)
        assert [row.amount for row in order.discounts.all()] == [Decimal("5.00")]
        assert sum(line.line_price_incl_tax for line in order.lines.all()) == Decimal("44.80")
        use = Redemption.objects.get()
        assert (use.order_id, use.points, use.minor) == (order.pk, 500, 500)
        assert account() == (200, 0)
        told = customer.call("get", "/loyalty/api/entries").json()["entries"]
        used = next(row for row in told if row["kind"] == "capture")
        assert (used["points"], used["order"]) == (-500, order.number)
        assert is_sound()

    def test_leaves_a_frozen_basket_that_holds_nothing_back(self, customer):
        customer.add(a_product(price="3.17"), 1)
        assert customer.use(500)["applied"] == 317
        assert customer.check_out().status_code == 200
        assert Basket.objects.get(order__isnull=False).status == "Frozen"
        assert account() == (383, 0)
        assert not Hold.objects.filter(state="open").exists()
        customer.add(a_product(), 1)
        assert customer.use(383)["total"] == "21.07"
        assert is_sound()

    def test_uses_rewards_that_lie_in_the_basket(self, customer, boris):
        unit, mug = Account.objects.get().unit, a_product("Mug", "9.90")
        gift = have(boris, a_reward(unit, "product", price=100, products=[mug.pk], pieces=1))
        off = have(boris, a_reward(unit, "off", price=100, amount=500))
        customer.add(a_product(), 2)
        for claim in (gift, off):
            said = customer.call("put", f"/loyalty/api/basket/claims/{claim.pk}", {}).json()
        assert said["total"] == "44.80"
        assert customer.use(300)["total"] == "41.80"
        response = customer.check_out(total="41.80")
        assert (response.status_code, response.json().get("total_incl_tax")) == (200, "41.80"), response.content
        order = Order.objects.get()
        off_each = [row.amount for row in order.discounts.order_by("pk")]
        assert off_each == [Decimal("9.90"), Decimal("5.00"), Decimal("3.00")]
        assert [state(claim) for claim in (gift, off)] == ["used", "used"]
        Order.objects.update(status="Cancelled")
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert [state(claim) for claim in (gift, off)] == ["open", "open"]
        assert account() == (500, 0)
        assert is_sound()

    def test_gives_points_back_with_its_goods(self, customer, boris):
        customer.add(a_product(), 2)
        customer.use(500)
        assert customer.check_out().status_code == 200
        send_back(Order.objects.get(), 1, on=TODAY)
        assert account() == (450, 0)
        send_back(Order.objects.get(), 1, on=TODAY)
        assert account() == (700, 0)
        assert is_sound()


class TestPointsThatAreGoneAtTheCheckout:
    def test_end_it_with_a_refusal_and_no_order(self, customer):
        customer.add(a_product(), 2)
        customer.use(500)
        before = Entry.objects.count()

        def take_them_away(**signal):
            hold = Hold.objects.get(state="open")
            because = Because("hold_ran_out")
            ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=because, at=TODAY)

        pre_save.connect(take_them_away, sender=Order)
        try:
            response = customer.check_out(total="44.80")
        finally:
            pre_save.disconnect(take_them_away, sender=Order)
        assert response.status_code == 406, response.content
        assert "Nothing is set aside for this basket any more." in response.content.decode()
        assert not Order.objects.exists()
        assert Entry.objects.count() == before
        assert Basket.objects.get().status == "Open"
        assert is_sound()

    def test_let_it_be_tried_again_at_the_price_of_now(self, customer):
        customer.add(a_product(), 2)
        customer.use(500)
        late = TODAY + timedelta(hours=9)
        Basket.objects.get().lines.update(date_updated=TODAY)
        for hold in Hold.objects.filter(state="open"):
            ledger.settle_holds(account_id=hold.account_id, fates=fates, at=late)
        assert account() == (700, 0)
        assert customer.check_out(total="44.80").status_code == 406
        assert not Order.objects.exists()
        assert customer.call("get", POINTS).json()["total"] == "49.80"
        assert customer.check_out(total="49.80").status_code == 200
        assert account() == (700, 0)
        assert is_sound()


class TestStrangersWithBasketsOfTheApi:
    def test_keep_no_piece_of_a_sale_before_they_order(self):
        unit, carrier = points_club(), a_product("Explorer carrier", "57.90")
        a_sale(unit, carrier, doors=(), public_from=TODAY, ends_at=None, quota=2)
        strangers = [Customer() for _ in range(5)]
        for stranger in strangers:
            stranger.add(carrier, 2)
        assert (Reservation.objects.count(), QuotaCounter.objects.get().taken) == (0, 0)
        statuses = [stranger.check_out(guest_email=f"n{n}@example.com") for n, stranger in enumerate(strangers)]
        assert [answer.status_code for answer in statuses] == [200, 406, 406, 406, 406]
        assert (Order.objects.count(), QuotaCounter.objects.get().taken) == (1, 2)
