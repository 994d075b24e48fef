"""Shops whose lines work out their prices in their own way: points never make a basket dearer, nor stop its order."""

import logging
from decimal import Decimal as D

import pytest
from django.test import Client
from django.urls import reverse
from oscar.apps.partner import strategy
from oscar.apps.partner.prices import FixedPrice
from oscar.core.loading import get_class, get_model
from oscar.test import factories
from rest_framework.authtoken.models import Token

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.ledger.operations import settle_holds
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.pricing import reductions
from loyalty_oscar.shop.pricing.reductions import Cut, lower_of
from loyalty_oscar.shop.redemption import discount
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.storefront.basket_holds import fates
from tests import forks
from tests.integration.ledger.books import assert_clean
from tests.points import a_member_with, account, of, pay, reload, use
from tests.storefront import TODAY, a_basket, a_product, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Selector, Order = get_class("partner.strategy", "Selector"), get_model("order", "Order")
BASKET = reverse("basket:summary")
#: Ways of working out a price from which nobody can tell what a discount brings.
STRANGE = [forks.costs_whole_coins, forks.rises_with_discounts, forks.breaks_at_discounts]


@pytest.fixture(autouse=True)
def nothing_is_told():
    discount._told.cache_clear()


@pytest.fixture
def boris(unit):
    """A member with 1,250 paws."""
    return a_member_with(1250, unit)


@pytest.fixture(params=["UK", "US", "Default"])
def taxes(request, monkeypatch):
    """20 % tax on top, tax that nobody knows before the checkout, and none."""
    kind = getattr(strategy, request.param)
    monkeypatch.setattr(Selector, "strategy", lambda self, request=None, user=None, **more: kind(request))


@pytest.fixture
def with_tax(monkeypatch):
    """20 % tax on top."""
    monkeypatch.setattr(Selector, "strategy", lambda self, request=None, user=None, **more: strategy.UK(request))


@pytest.fixture(params=["no discount before", "an offer before", "a voucher before"])
def earlier(request):
    """What else lowers the price; called with the basket."""

    def add(basket):
        if request.param == "no discount before":
            return
        everything = factories.RangeFactory(includes_all_products=True)
        kind = "Voucher" if "voucher" in request.param else "Site"
        offer = factories.ConditionalOfferFactory(
            benefit=factories.BenefitFactory(range=everything, type="Percentage", value=10), offer_type=kind,
            condition=factories.ConditionFactory(range=everything, value=1),
        )  # fmt: skip
        if kind == "Voucher":
            voucher = factories.VoucherFactory(code="TEN", usage="Multi-use")
            voucher.offers.add(offer)
            basket.vouchers.add(voucher)

    return add


def goods(user):
    """Three things at 28.99 and one at 7.77, whatever tax comes on top."""
    return a_basket(user, (a_product(price="28.99"), 3), (a_product("Bone", "7.77"), 1))


def seen(basket):
    return basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax


class TestAShopWhoseDiscountsComeOffThePriceWithTax:
    @pytest.fixture(autouse=True)
    def shop(self, monkeypatch):
        forks.takes_discounts_off_the_price_with_tax(monkeypatch)

    @pytest.mark.parametrize("points", [1, 66, 500, 1250])
    def test_takes_off_what_the_points_are_worth(self, unit, boris, taxes, earlier, points):
        basket = goods(boris)
        earlier(basket)
        before = seen(reload(boris, basket))
        basket = use(boris, basket, points, unit=unit)
        assert before - seen(basket) == D(points) / 100
        assert applied_to(basket=basket).points == points

    def test_never_discounts_a_line_by_less_than_nothing(self, unit, boris, with_tax, earlier, monkeypatch):
        plain, amounts = forks.Line.discount, []

        def discount(self, discount_value, *args, **kwargs):
            amounts.append(discount_value)
            plain(self, discount_value, *args, **kwargs)

        monkeypatch.setattr(forks.Line, "discount", discount)
        basket = goods(boris)
        earlier(basket)
        for points in (1, 66, 1250):
            use(boris, basket, points, unit=unit)
        assert min(amounts) >= 0

    def test_takes_everything_off_and_no_more(self, unit, boris, with_tax, earlier):
        basket = a_basket(boris, (a_product(price="3.01"), 2))
        earlier(basket)
        before = seen(reload(boris, basket))
        basket = use(boris, basket, 1250, unit=unit)
        assert seen(basket) == 0
        assert applied_to(basket=basket).points == before * 100

    def test_takes_the_points_with_the_order(self, unit, boris, with_tax, earlier):
        basket = goods(boris)
        earlier(basket)
        basket = use(boris, basket, 66, unit=unit)
        total = seen(basket)
        order = pay(basket)
        assert (order.total_incl_tax, of(boris)) == (total, (1184, 0, 0, 0))
        assert sum(line.line_price_incl_tax for line in order.lines.all()) == total
        use_ = Redemption.objects.get()
        assert (use_.points, use_.minor, sum(part["minor"] for part in use_.lines)) == (66, 66, 66)
        assert_clean()

    def test_says_so_where_its_own_setting_asks_for_what_it_cannot(self, unit, boris, with_tax, settings, caplog):
        settings.OSCAR_OFFERS_INCL_TAX = True
        before = seen(reload(boris, goods(boris)))
        basket = use(boris, goods(boris), 500, unit=unit)
        assert (seen(basket), applied_to(basket=basket).minor) == (before, 0)
        assert [record.levelno for record in caplog.records if record.name == "loyalty_oscar"] == [logging.ERROR]


@pytest.mark.parametrize("departs", STRANGE, ids=lambda departs: departs.__name__)
class TestAShopWhereNobodyCanTellWhatADiscountBrings:
    def test_takes_nothing_off_and_leaves_no_trace_on_the_lines(
        self, unit, boris, with_tax, earlier, departs, monkeypatch
    ):
        departs(monkeypatch)
        basket = goods(boris)
        earlier(basket)
        plain = reload(boris, basket)
        basket = use(boris, basket, 333, unit=unit)
        assert seen(basket) == seen(plain)
        assert [row["name"] for row in basket.offer_applications] == [row["name"] for row in plain.offer_applications]
        for line, without in zip(basket.all_lines(), plain.all_lines(), strict=True):
            assert line.discounts.all() == without.discounts.all()
            assert (line.discount_value, line.discounts.num_consumed()) == (
                without.discount_value, without.discounts.num_consumed(),
            )  # fmt: skip
            assert getattr(line, "_told", []) == getattr(without, "_told", [])
        assert applied_to(basket=basket).minor == 0
        assert applied_to(basket=basket).quote.because.code == "not_in_this_basket"

    def test_logs_it_once(self, unit, boris, with_tax, departs, monkeypatch, caplog):
        departs(monkeypatch)
        basket = use(boris, goods(boris), 333, unit=unit)
        for _page in range(3):
            reload(boris, basket)
        said = [record for record in caplog.records if record.name == "loyalty_oscar"]
        assert [record.levelno for record in said] == [logging.ERROR]
        assert "points take nothing off" in said[0].getMessage()
        assert departs.__name__ in said[0].getMessage(), "the method of the shop's own"

    def test_says_it_in_the_control_and_keeps_none_set_aside(self, unit, boris, with_tax, departs, monkeypatch, client):
        departs(monkeypatch)
        goods(boris)
        client.force_login(boris)
        client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "all"})
        page = client.get(BASKET)
        assert "Paws cannot be used in this basket." in text_of(page)
        assert of(boris) == (1250, 0, 0, 0)

    def test_lets_the_order_be_placed_without_them(self, unit, boris, with_tax, earlier, departs, monkeypatch, client):
        departs(monkeypatch)
        basket = goods(boris)
        earlier(basket)
        total = seen(reload(boris, basket))
        client.force_login(boris)
        client.post(reverse("loyalty:use-points"), {"next": BASKET, "use": "500"})
        preview(client)
        answer = client.post(reverse("checkout:preview"), {"action": "place_order"})
        assert answer["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().basket_total_incl_tax == total
        assert not Redemption.objects.exclude(order_id=None).exists()
        settle_holds(account_id=account(boris).pk, fates=fates, at=TODAY)
        assert of(boris) == (1250, 0, 0, 0)
        assert_clean()

    def test_lets_it_be_placed_by_the_api(self, unit, boris, departs, monkeypatch, settings):
        departs(monkeypatch)
        settings.ROOT_URLCONF = "tests.functional.headless_urls"
        goods(boris)
        head = {"headers": {"Authorization": f"Token {Token.objects.create(user=boris).key}"}}
        json, client = {"content_type": "application/json"} | head, Client()
        refused = client.put("/loyalty/api/basket/points", {"points": 500}, **json)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_in_this_basket")
        assert "Paws cannot be used in this basket." in refused.content.decode()
        assert of(boris) == (1250, 0, 0, 0)
        said = client.get("/loyalty/api/basket/points", **head).json()
        assert (said["set_aside"], said["asked"], said["applied"], said["total"]) == (0, 0, 0, "94.74")
        basket = client.get("/api/basket/", **head).json()["url"]
        answer = client.post(
            "/api/checkout/", {"basket": basket, "shipping_address": ADDRESS, "total": "94.74"}, **json
        )
        assert answer.status_code == 200, answer.content
        assert [hold.captured for hold in Hold.objects.all()] == [0]
        assert_clean()


class TestALineOfALessThanNothing:
    def test_is_paid_with_no_points_and_they_pay_no_more_than_the_rest(self, unit, boris, monkeypatch):
        plain = getattr(forks.Line, forks.WITH_TAX).fget
        back = a_product("Deposit", "4.00")

        def price(line):
            return -plain(line) if line.product_id == back.pk else plain(line)

        monkeypatch.setattr(forks.Line, forks.WITH_TAX, property(price))
        basket = use(boris, a_basket(boris, (a_product(price="10.00"), 1), (back, 1)), 1250, unit=unit)
        assert (seen(basket), applied_to(basket=basket).points) == (D("0.00"), 600)
        assert applied_to(basket=basket).parts == (600, 0)


class Stubborn(FixedPrice):
    """A price of a shop's own that says what it wants."""

    excl_tax = property(lambda self: D("20.00"), lambda self, value: None)


class Fixed(FixedPrice):
    """One that cannot be told anything."""

    excl_tax = property(lambda self: D("20.00"))

    def __init__(self, currency, tax):
        self.currency, self.tax = currency, tax


class TestAPriceThatCannotBeLowered:
    @pytest.mark.parametrize("price", [Stubborn("EUR", None, tax=D("4.00")), Fixed("EUR", D("4.00"))])
    def test_stays_what_it_is_and_is_logged_once(self, price, caplog):
        reductions._told.cache_clear()
        cut = Cut(kind="tier", percent=15, starts_at=TODAY)
        assert [lower_of(price=price, cut=cut) for _page in range(3)] == [price] * 3
        assert (price.incl_tax, hasattr(price, "loyalty_cut")) == (D("24.00"), False)
        assert [record.levelno for record in caplog.records if record.name == "loyalty_oscar"] == [logging.ERROR]


ADDRESS = {
    "country": "http://testserver/api/countries/DE/", "first_name": "Boris", "last_name": "B", "line1": "Rue 1",
    "line4": "Berlin", "postcode": "10115",
}  # fmt: skip


@pytest.fixture(autouse=True)
def countries():
    factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)


def preview(client):
    """Go through the checkout to the preview."""
    client.post(reverse("checkout:shipping-address"), {**ADDRESS, "country": "DE"})
    client.get(reverse("checkout:shipping-method"))
    return client.get(reverse("checkout:preview"))
