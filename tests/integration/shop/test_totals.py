"""Where a lowered price ends between preview and order, the customer is asked again, and nothing is ordered or paid."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.test import Client
from django.urls import reverse
from oscar.apps.shipping.methods import FixedPrice
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.storefront import shown_total
from loyalty_oscar.shop.storefront.request_hooks import checkout_guards
from loyalty_oscar.shop.tiers.conditions import keep_in_step, our_conditions
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from loyalty_oscar.tiers.models import MemberPrice
from tests.integration.exclusives.sales import GOLD, a_member_of, a_sale, take
from tests.integration.tiers.ladders import a_ladder
from tests.points import a_member_with, points_club
from tests.rewards import a_reward, have
from tests.storefront import a_club, a_product, day, text_of

pytestmark = pytest.mark.django_db
Order, Source = get_model("order", "Order"), get_model("payment", "Source")
PREVIEW = reverse("checkout:preview")
BEFORE, END = day(5, 12) - timedelta(seconds=9), day(5, 12)
SAID = "Please look at your total again: your goods cost €100.00 now, no longer €80.00."


@pytest.fixture
def unit():
    return a_club()


@pytest.fixture
def ladder(unit):
    return a_ladder(unit=unit)


@pytest.fixture
def bed():
    return a_product("Bed", "100.00")


@pytest.fixture(params=["member-price", "sale"])
def gold(request, unit, ladder, bed):
    """A Gold member for whom a bed costs 80.00 until noon of 12 May."""
    if request.param == "sale":
        a_sale(unit, bed, percent=20, public_from=day(5, 11), ends_at=END)
    else:
        MemberPrice.objects.create(tier=ladder.tiers.get(rank=GOLD), percent=20, starts_at=day(1, 1), ends_at=END)
    forget_cache()
    return a_member_of(unit, GOLD)


def a_client(user, product):
    """Somebody with one product in the basket who has come to the preview; returns the client and that page."""
    client = Client()
    client.force_login(user)
    client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1})
    country = factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
    address = {"first_name": "B", "last_name": "B", "line1": "Rue 1", "line4": "Berlin", "postcode": "10115"}
    client.post(reverse("checkout:shipping-address"), {**address, "country": country.pk})
    client.get(reverse("checkout:shipping-method"))
    return client, client.get(PREVIEW)


def place(client, **data):
    return client.post(PREVIEW, {"action": "place_order", **data})


class TestATotalThatGrew:
    def test_is_shown_before_anything_is_ordered(self, gold, bed):
        with clock.at(BEFORE):
            client, page = a_client(gold, bed)
            assert "80.00" in text_of(page)
        with clock.at(END):
            answer = place(client)
            assert answer["Location"] == PREVIEW
            assert (Order.objects.count(), Source.objects.count()) == (0, 0)
            page = text_of(client.get(PREVIEW))
            assert SAID in page
            assert "100.00" in page
            assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == D("100.00")

    def test_is_shown_to_the_tab_that_said_less(self, gold, bed):
        with clock.at(BEFORE):
            client, page = a_client(gold, bed)
            assert 'name="loyalty-total" value="8000"' in page.content.decode()
        with clock.at(END):
            client.get(PREVIEW)
            assert place(client, **{shown_total.FIELD: "8000"})["Location"] == PREVIEW
        assert not Order.objects.exists()

    def test_is_shown_where_a_shop_goes_another_way_to_pay(self, gold, bed):
        with clock.at(BEFORE):
            client, _page = a_client(gold, bed)
        with clock.at(END):
            answer = client.post(reverse("checkout:payment-details"), {"action": "place_order"})
            assert answer["Location"] == PREVIEW
        assert not Order.objects.exists()

    def test_would_be_paid_in_silence_without_the_guard(self, gold, bed, monkeypatch):
        others = [one for one in checkout_guards.items() if one[0] != "totals"]
        monkeypatch.setattr(checkout_guards, "_sorted", others)
        with clock.at(BEFORE):
            client, _page = a_client(gold, bed)
        with clock.at(END):
            place(client)
        assert Order.objects.get().total_incl_tax == D("100.00")


class TestARewardThatTakesLess:
    @pytest.fixture
    def pair(self, bed):
        """The product set of two beds for 100.00 each, as its range."""
        return ProductSetFactory(code="beds", products=[bed, a_product("Large bed", "100.00")]).tie.range

    @pytest.fixture
    def boris(self, bed, pair):
        """Somebody with 20 percent off beds on a basket with both, who has come to the preview."""
        unit = points_club()
        user = a_member_with(500, unit)
        claim = have(user, a_reward(unit, "off", percent=20, set="beds"))
        client, _page = a_client(user, bed)
        client.post(reverse("basket:add", args=[pair.all_products().exclude(pk=bed.pk).get().pk]), {"quantity": 1})
        client.post(reverse("loyalty:use-reward", args=[claim.pk]))
        page = client.get(PREVIEW)
        assert "160.00" in text_of(page)
        return client

    @pytest.mark.usefixtures("today")
    def test_is_shown_before_anything_is_ordered(self, boris, bed, pair):
        pair.remove_product(bed)
        forget_cache()
        assert place(boris)["Location"] == PREVIEW
        assert not Order.objects.exists()
        assert "your goods cost €180.00 now, no longer €160.00" in text_of(boris.get(PREVIEW))
        assert place(boris)["Location"] == reverse("checkout:thank-you")

    @pytest.mark.usefixtures("today")
    def test_is_no_news_where_the_goods_cost_less(self, boris, bed):
        bed.stockrecords.update(price=D("50.00"))
        assert place(boris)["Location"] == reverse("checkout:thank-you")


class TestATotalThatDidNotGrow:
    def test_is_ordered_at_once(self, gold, bed):
        with clock.at(BEFORE):
            client, _page = a_client(gold, bed)
            assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == D("80.00")

    def test_is_ordered_at_once_where_it_fell(self, gold, bed):
        with clock.at(BEFORE):
            client, _page = a_client(gold, bed)
            bed.stockrecords.update(price=D("50.00"))
            assert place(client)["Location"] == reverse("checkout:thank-you")

    @pytest.mark.parametrize("typed", ["", "x", "-1", "²", "9" * 16])
    def test_is_ordered_whatever_a_stranger_types_into_the_form(self, gold, bed, typed):
        with clock.at(BEFORE):
            client, _page = a_client(gold, bed)
            assert place(client, **{shown_total.FIELD: typed})["Location"] == reverse("checkout:thank-you")

    def test_writes_no_session_of_those_whose_prices_nobody_lowered(self, unit, ladder, bed):
        with clock.at(BEFORE):
            client, page = a_client(a_member_of(unit, GOLD), bed)
            assert shown_total.KEY not in client.session
            assert f'name="{shown_total.FIELD}"' not in page.content.decode()
            assert place(client)["Location"] == reverse("checkout:thank-you")


def whose_level_is_taken(unit, bed):
    """A member who loses Gold between the preview and the order, and is led back to a preview that says so."""
    gold = a_member_of(unit, GOLD)
    with clock.at(BEFORE):
        client, _page = a_client(gold, bed)
        take(gold, at=BEFORE)
    with clock.at(END):
        assert place(client)["Location"] == PREVIEW
        assert SAID in text_of(client.get(PREVIEW))
    return client


class TestAMemberWhoLosesTheLevel:
    def test_is_asked_again(self, unit, ladder, bed):
        MemberPrice.objects.create(tier=ladder.tiers.get(rank=GOLD), percent=20, starts_at=day(1, 1))
        forget_cache()
        whose_level_is_taken(unit, bed)
        assert not Order.objects.exists()


class TestAnOfferForALevel:
    """Oscar's own offer for Gold; whose level is taken between the preview and the order."""

    def offer(self, **benefit):
        keep_in_step()
        condition = our_conditions().get(value=GOLD)
        benefit = get_model("offer", "Benefit").objects.create(**benefit)
        get_model("offer", "ConditionalOffer").objects.create(name="For Gold", condition=condition, benefit=benefit)

    def test_is_asked_again_where_it_took_money_off(self, unit, ladder, bed):
        goods = get_model("offer", "Range").objects.create(name="All", includes_all_products=True)
        self.offer(type="Percentage", value=20, range=goods)
        client = whose_level_is_taken(unit, bed)
        with clock.at(END):
            assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == D("100.00")

    def test_is_asked_again_where_it_paid_for_delivery(self, unit, ladder, bed, monkeypatch):
        post = FixedPrice(charge_excl_tax=D("4.90"), charge_incl_tax=D("4.90"))
        monkeypatch.setattr(get_class("shipping.repository", "Repository"), "methods", (post,))
        self.offer(type="Shipping percentage", value=100)
        gold = a_member_of(unit, GOLD)
        with clock.at(BEFORE):
            client, page = a_client(gold, bed)
            assert "Order total €100.00" in text_of(page)
            take(gold, at=BEFORE)
        with clock.at(END):
            assert place(client)["Location"] == PREVIEW
            page = text_of(client.get(PREVIEW))
            assert "Please look at your total again." in page
            assert "Order total €104.90" in page
            assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == D("104.90")


class TestACheckoutThroughTheApi:
    @pytest.fixture(autouse=True)
    def with_oscarapi(self, settings):
        settings.ROOT_URLCONF = "tests.functional.headless_urls"
        factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)

    def order(self, client, total):
        """Order the basket, with the total that the customer saw."""
        address = {"first_name": "B", "last_name": "B", "line1": "Rue 1", "line4": "Berlin", "postcode": "10115"}
        address["country"] = "http://testserver/api/countries/DE/"
        sent = {"basket": client.get("/api/basket/").json()["url"], "shipping_address": address, "total": total}
        return client.post("/api/checkout/", sent, content_type="application/json")

    def test_refuses_the_total_of_before(self, gold, bed):
        client = Client()
        client.force_login(gold)
        with clock.at(BEFORE):
            client.post(reverse("basket:add", args=[bed.pk]), {"quantity": 1})
            assert client.get("/api/basket/").json()["total_incl_tax"] == "80.00"
        with clock.at(END):
            assert self.order(client, "80.00").status_code == 406
            assert not Order.objects.exists()
            assert self.order(client, "100.00").status_code == 200
        assert Order.objects.get().total_incl_tax == D("100.00")
