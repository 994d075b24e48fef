"""A payment on the pages of a gateway: whatever changes meanwhile, the way back charges what the preview showed."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connections
from django.test import Client, override_settings
from django.urls import reverse
from oscar.core.loading import get_class, get_model
from oscar.test import factories
from rest_framework.authtoken.models import Token

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from tests import promising
from tests.functional import gateway_urls
from tests.integration.ledger.books import assert_clean
from tests.points import of, use
from tests.promising import BEYOND_REPAIR, SETTINGS, TAKING
from tests.storefront import TODAY, text_of

pytestmark = pytest.mark.django_db(transaction=True)
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")
ADDRESS = {"first_name": "Boris", "last_name": "W", "line1": "1 Egg Road", "line4": "London", "postcode": "N1 9RT"}
BACK = {"frozen": "/gateway/back/", "thawed": "/gateway/back/thawed/"}
named = {"ids": lambda function: function.__name__}
#: One of each kind; the others are tried where it takes no browser (tests/integration/shop/test_promises.py).
CHANGES = [
    change
    for change in (*SETTINGS, *TAKING)
    if change.__name__ in {"paused", "closed", "limits_deleted", "share_lowered", "worth_halved", "offer_suspended"}
    or change in TAKING
]


@pytest.fixture(autouse=True, scope="module")
def addresses():
    """Those of the gateway, for the whole module: of other addresses Django makes its tables anew."""
    with override_settings(ROOT_URLCONF="tests.functional.gateway_urls"):
        yield


@pytest.fixture(autouse=True, params=[False, True], ids=["autocommit", "atomic requests"])
def gateway(request, monkeypatch):
    """A shop with a gateway, whose requests are transactions or are not."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
    monkeypatch.setattr(get_class("checkout.views", "PaymentDetailsView"), "handle_payment", gateway_urls.sent_away)
    gateway_urls.asked.clear()
    gateway_urls.taken.clear()
    factories.CountryFactory(iso_3166_1_a2="GB", is_shipping_country=True)
    with clock.at(TODAY):
        yield


@pytest.fixture
def shop():
    return promising.a_shop()


@pytest.fixture
def boris(shop):
    """Boris in his browser."""
    client = Client()
    client.force_login(shop.user)
    return client


def go_there(client, points="500"):
    """Choose points, go through the checkout, and leave for the gateway."""
    client.post(reverse("loyalty:use-points"), {"use": points})
    client.post(reverse("checkout:shipping-address"), {**ADDRESS, "country": "GB"})
    client.get(reverse("checkout:shipping-method"))
    page = client.get(reverse("checkout:preview"))
    answer = client.post(reverse("checkout:preview"), {"action": "place_order"})
    assert answer["Location"] == "https://gateway.example/pay"
    return page


def run_jobs(**later):
    with clock.at(TODAY + timedelta(**later)):
        assert not any(ran.error for ran in jobs.run(only="holds"))


def expect_an_order(shop):
    order = Order.objects.get()
    assert order.total_incl_tax == D("95.00")
    assert Redemption.objects.get(order_id=order.pk).points == 500
    assert list(Hold.objects.filter(captured__gt=0).values_list("captured", flat=True)) == [500]
    assert_clean()


class TestTheWayBackOnTheWeb:
    @pytest.mark.parametrize("way", BACK)
    @pytest.mark.parametrize("change", CHANGES, **named)
    def test_charges_what_the_preview_showed(self, shop, boris, change, way):
        assert "Order total €95.00" in text_of(go_there(boris))
        assert gateway_urls.asked == [D("95.00")]
        change(shop)
        run_jobs(minutes=100)
        with clock.at(TODAY + timedelta(minutes=100)):
            answer = boris.get(BACK[way])
        assert answer["Location"] == reverse("checkout:thank-you")
        assert gateway_urls.taken == [D("95.00")]
        expect_an_order(shop)

    @pytest.mark.parametrize("way", BACK)
    def test_makes_no_order_where_it_comes_too_late_and_the_points_are_back(self, shop, boris, way):
        go_there(boris)
        for hours in (1, 4, 7):
            run_jobs(hours=hours)
        assert of(shop.user) == (1000, 0, 0, 0)
        with clock.at(TODAY + timedelta(hours=8)):
            said = text_of(boris.get(BACK[way]))
            assert "Nothing is set aside for this basket any more. Please look at the total." in said
            assert not Order.objects.exists()
            assert Basket.objects.get(pk=shop.basket.pk).status == "Open"
            assert_clean()
            again = text_of(boris.get(reverse("checkout:preview")))
            assert "Order total €100.00" in again
            boris.post(reverse("checkout:preview"), {"action": "place_order"})
            assert gateway_urls.asked == [D("95.00"), D("100.00")]
            assert boris.get(BACK[way])["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == D("100.00")
        assert of(shop.user) == (1000, 100, 0, 0), "and it earned"

    @pytest.mark.parametrize("way", BACK)
    @pytest.mark.parametrize("change", BEYOND_REPAIR, **named)
    def test_makes_no_order_where_nothing_is_left_that_takes_points_off(self, shop, boris, change, way):
        go_there(boris)
        change(shop)
        assert "Nothing is set aside for this basket any more." in text_of(boris.get(BACK[way]))
        assert not Order.objects.exists()
        assert_clean()

    def test_makes_one_order_though_the_customer_comes_twice(self, shop, boris):
        go_there(boris)
        assert boris.get(BACK["frozen"])["Location"] == reverse("checkout:thank-you")
        with pytest.raises(Basket.DoesNotExist):
            boris.get(BACK["frozen"])
        expect_an_order(shop)

    def test_is_not_touched_by_what_another_tab_does(self, shop, boris):
        go_there(boris)
        product = promising.a_product("Ball", "30.00")
        boris.post(reverse("basket:add", kwargs={"pk": product.pk}), {"quantity": 1})
        boris.post(reverse("loyalty:use-points"), {"use": "all"})
        boris.post(reverse("loyalty:use-points"), {"use": "none"})
        assert boris.get(BACK["frozen"])["Location"] == reverse("checkout:thank-you")
        expect_an_order(shop)

    def test_after_a_payment_that_was_given_up_charges_what_the_customer_saw_then(self, shop, boris):
        go_there(boris)
        Basket.objects.get(pk=shop.basket.pk).thaw()
        promising.share_lowered(shop)
        with clock.at(TODAY + timedelta(hours=4)):
            assert "Order total €97.00" in text_of(boris.get(reverse("checkout:preview")))
            boris.post(reverse("checkout:preview"), {"action": "place_order"})
            promising.switched_off(shop)
            assert boris.get(BACK["frozen"])["Location"] == reverse("checkout:thank-you")
        assert (gateway_urls.asked[-1], Order.objects.get().total_incl_tax) == (D("97.00"), D("97.00"))


class TestTheWayBackOfAWebhook:
    @pytest.mark.parametrize("change", CHANGES, **named)
    def test_charges_what_the_preview_showed(self, shop, boris, change):
        go_there(boris)
        change(shop)
        assert Client().get(f"/gateway/webhook/{shop.basket.pk}/").status_code == 200
        expect_an_order(shop)

    def test_makes_no_order_where_it_comes_too_late(self, shop, boris):
        go_there(boris)
        for hours in (1, 4, 7):
            run_jobs(hours=hours)
        answer = Client().get(f"/gateway/webhook/{shop.basket.pk}/")
        assert (answer.status_code, "Nothing is set aside for this basket any more." in answer.content.decode()) == (
            409,
            True,
        )
        assert not Order.objects.exists()
        assert of(shop.user) == (1000, 0, 0, 0)


class TestTheWayBackThroughAnApi:
    """The shop freezes and thaws the basket with requests of its own; the client checks out by django-oscar-api."""

    @pytest.fixture
    def client(self, shop):
        self.key = Token.objects.create(user=shop.user).key
        return Client(headers={"Authorization": f"Token {self.key}"})

    def check_out(self, client, shop, **sent):
        country = {"country": "http://testserver/api/countries/GB/"}
        sent = {
            "basket": f"http://testserver/api/baskets/{shop.basket.pk}/",
            "shipping_address": ADDRESS | country,
        } | sent
        return client.post("/api/checkout/", sent, content_type="application/json")

    def go_there(self, client, shop):
        said = client.put("/loyalty/api/basket/points", {"points": 500}, content_type="application/json").json()
        assert said["total"] == "95.00"
        client.get(f"/api/pay/{shop.basket.pk}/")

    @pytest.mark.parametrize("sent", [{"total": "95.00"}, {}], ids=["with a total", "without"])
    @pytest.mark.parametrize("change", CHANGES, **named)
    def test_charges_what_was_shown(self, client, shop, change, sent):
        self.go_there(client, shop)
        change(shop)
        client.get(f"/api/paid/{shop.basket.pk}/")
        answer = self.check_out(client, shop, **sent)
        assert (answer.status_code, answer.json()["total_incl_tax"]) == (200, "95.00")
        expect_an_order(shop)

    @pytest.mark.parametrize("sent", [{"total": "95.00"}, {}], ids=["with a total", "without"])
    def test_makes_no_order_where_it_comes_too_late(self, client, shop, sent):
        self.go_there(client, shop)
        for hours in (1, 4, 7):
            run_jobs(hours=hours)
        with clock.at(TODAY + timedelta(hours=7)):
            client.get(f"/api/paid/{shop.basket.pk}/")
            assert self.check_out(client, shop, **sent).status_code == 406
        assert not Order.objects.exists()
        assert of(shop.user) == (1000, 0, 0, 0)

    @pytest.mark.parametrize("seen", [True, False])
    def test_is_open_again_for_an_order_at_todays_price_once_it_is_seen_or_a_minute_later(self, client, shop, seen):
        self.go_there(client, shop)
        for hours in (1, 4, 7):
            run_jobs(hours=hours)
        with clock.at(TODAY + timedelta(hours=7)):
            client.get(f"/api/paid/{shop.basket.pk}/")
            if seen:
                assert client.get("/loyalty/api/basket/points").json()["total"] == "100.00"
        with clock.at(TODAY + timedelta(hours=7, minutes=0 if seen else 1)):
            answer = self.check_out(client, shop)
        assert (answer.status_code, answer.json()["total_incl_tax"]) == (200, "100.00")


def test_an_order_in_one_request_takes_three_statements_more_for_what_is_promised(shop, boris, monkeypatch):
    """A card that is charged at once: the promise is written down, the hold prolonged and looked at once more."""
    monkeypatch.setattr(get_class("checkout.views", "PaymentDetailsView"), "handle_payment", lambda *a, **k: None)
    basket = use(shop.user, shop.basket, 500, unit=shop.unit)
    with promising.statements() as said:
        basket.freeze()
    assert len([sql for sql in said if "loyalty" in sql]) == 3, said
