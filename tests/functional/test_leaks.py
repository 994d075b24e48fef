"""
Each path on which a product of an exclusive sale could be seen or bought too early, by name: closed, or a feature that
`docs/howto/sales.md` tells of. With the optional class loader and without.
"""

import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.exclusives.models import Reservation, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.shop.pricing.loading import class_loader
from tests.integration.exclusives.sales import (
    ENDS_AT,
    GOLD,
    GOLD_FROM,
    PUBLIC_FROM,
    SILVER,
    a_member_of,
    a_sale,
    searching_tables,
    take,
)  # fmt: skip
from tests.integration.tiers.ladders import a_ladder
from tests.once import once
from tests.storefront import a_club, a_product, buy, day, text_of

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
Basket, Order, Product = get_model("basket", "Basket"), get_model("order", "Order"), get_model("catalogue", "Product")
PRICE, LOCK = "57.90", "Gold from 9 May · Everyone from 11 May"
#: Who is not admitted: a name, the level, and when.
OUTSIDE = {
    "anonymous": (None, GOLD_FROM),
    "wrong-level": (SILVER, GOLD_FROM),
    "too-early": (GOLD, GOLD_FROM - SECOND),
    "silver-a-second-before-everybody": (SILVER, PUBLIC_FROM - SECOND),
}
INSIDE = {
    "gold-at-the-second": (GOLD, GOLD_FROM),
    "silver-with-everybody": (SILVER, PUBLIC_FROM),
    "gold-in-the-last-second": (GOLD, ENDS_AT - SECOND),
    "silver-when-it-is-over": (SILVER, ENDS_AT),
}


def is_locked(page):
    """Whether a page shows the lock: with all dates to strangers, with the one that is theirs to members."""
    said = text_of(page)
    return LOCK in said or "Opens for you on 9 May" in said or "Opens for you on 11 May" in said


@pytest.fixture(params=["without-loader", "with-loader"])
def loader(request, monkeypatch):
    """The shop with the class loader in its settings: every Selector that was imported is the gated one."""
    if request.param == "with-loader":
        plain = get_class("partner.strategy", "Selector")
        gated = class_loader("partner.strategy", ["Selector"])[0]
        for module in list(sys.modules.values()):
            if getattr(module, "Selector", None) is plain and module.__name__ != plain.__module__:
                monkeypatch.setattr(module, "Selector", gated)
            if type(getattr(module, "selector", None)) is plain:
                monkeypatch.setattr(module, "selector", gated())
    return request.param == "with-loader"


@once
def a_shop():
    """A sale of one product that Gold gets two days before everybody, in a shop with pages and an API."""
    factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
    unit = a_club()
    a_ladder(unit=unit)
    carrier, bed = a_product("Explorer carrier", PRICE), a_product("Moss bed", "49.90")
    category = factories.CategoryFactory(name="Dogs")
    for product in (carrier, bed):
        factories.ProductCategoryFactory(product=product, category=category)
    bed.recommended_products.through.objects.create(primary=bed, recommendation=carrier)
    found = get_model("offer", "Range").objects.create(name="Shown", is_public=True, slug="shown")
    found.add_product(carrier)
    sale = a_sale(unit, carrier, percent=0)
    return SimpleNamespace(unit=unit, carrier=carrier, bed=bed, category=category, sale=sale)


@pytest.fixture(autouse=True, scope="module")
def headless():
    """For the whole module: of other addresses Django makes its tables anew."""
    with override_settings(ROOT_URLCONF="tests.functional.headless_urls"):
        yield


@pytest.fixture
def shop():
    found = a_shop()
    with searching_tables():
        yield found


class Visitor:
    """Somebody with a browser at a moment."""

    def __init__(self, shop, level, at):
        self.shop, self.at, self.client = shop, at, Client()
        self.user = a_member_of(shop.unit, level, name=f"visitor{level}") if level is not None else None
        if self.user:
            self.client.force_login(self.user)

    def get(self, address):
        with clock.at(self.at):
            return self.client.get(address)

    def post(self, address, data=None, **more):
        with clock.at(self.at):
            return self.client.post(address, data or {}, **more)

    def basket(self):
        """What this visitor's open basket holds."""
        return [line.product for basket in Basket.objects.all() for line in basket.lines.all()]

    def has_put(self, product):
        """Have a product in the basket since before the sale was thought of."""
        basket = Basket.objects.create(owner=self.user)
        basket.strategy = get_class("partner.strategy", "Selector")().strategy()
        basket.add_product(product, 1)
        return basket


@pytest.fixture(params=OUTSIDE)
def outsider(request, shop, loader):
    return Visitor(shop, *OUTSIDE[request.param])


@pytest.fixture(params=[name for name, (level, _at) in OUTSIDE.items() if level is not None])
def member_outside(request, shop, loader):
    return Visitor(shop, *OUTSIDE[request.param])


@pytest.fixture(params=INSIDE)
def insider(request, shop, loader):
    return Visitor(shop, *INSIDE[request.param])


def pages(shop):
    """Every page of Oscar's that shows the product or a card of it."""
    carrier, slug = shop.carrier, {"product_slug": shop.carrier.slug, "product_pk": shop.carrier.pk}
    return {
        "detail": carrier.get_absolute_url(),
        "category": shop.category.get_absolute_url(),
        "catalogue": reverse("catalogue:index"),
        "search": f"{reverse('search:search')}?q=Explorer",
        "reviews": reverse("catalogue:reviews-list", kwargs=slug),
        "recommended": shop.bed.get_absolute_url(),
    }


class TestEachPageOfAVisibleSale:
    @pytest.mark.parametrize("name", ["detail", "category", "catalogue", "search", "recommended"])
    def test_shows_the_lock_and_neither_price_nor_button(self, outsider, shop, name):
        page = outsider.get(pages(shop)[name])
        assert page.status_code == 200
        assert is_locked(page)
        assert PRICE not in text_of(page)
        assert f"/basket/add/{shop.carrier.pk}/" not in page.content.decode()

    @pytest.mark.parametrize("name", ["detail", "category", "catalogue", "search", "recommended"])
    def test_shows_price_and_button_to_those_admitted(self, insider, shop, name):
        page = insider.get(pages(shop)[name])
        assert not is_locked(page)
        assert PRICE in text_of(page)
        assert f"/basket/add/{shop.carrier.pk}/" in page.content.decode()

    def test_of_reviews_tells_no_price(self, outsider, shop):
        assert PRICE not in text_of(outsider.get(pages(shop)["reviews"]))

    def test_of_a_range_shows_the_lock(self, outsider, shop):
        page = outsider.get(reverse("catalogue:range", kwargs={"slug": "shown"}))
        assert is_locked(page)
        assert PRICE not in text_of(page)

    def test_of_a_wish_list_shows_the_lock(self, member_outside, shop):
        wishlist = get_model("wishlists", "WishList").objects.create(owner=member_outside.user, name="Mine")
        wishlist.add(shop.carrier)
        page = member_outside.get(wishlist.get_absolute_url())
        assert PRICE not in text_of(page)
        assert f'action="/basket/add/{shop.carrier.pk}/"' not in page.content.decode()

    def test_stands_in_the_sitemap_as_any_product_does(self, shop):
        assert shop.carrier in Product.objects.browsable()


class TestEachPageOfAHiddenSale:
    @pytest.fixture(autouse=True)
    def hidden(self, shop):
        shop.sale.mode = Sale.Mode.HIDE
        shop.sale.save()
        shop.carrier.is_public = False
        shop.carrier.save()

    def test_of_the_product_is_not_there(self, outsider, shop):
        assert outsider.get(shop.carrier.get_absolute_url()).status_code == 404

    @pytest.mark.parametrize("name", ["category", "catalogue", "search"])
    def test_does_not_list_it(self, outsider, shop, name):
        assert "Explorer" not in text_of(outsider.get(pages(shop)[name])).replace("“Explorer”", "").replace(
            '"Explorer"', ""
        )

    def test_of_a_range_does_not_list_it(self, outsider, shop):
        assert "Explorer" not in text_of(outsider.get(reverse("catalogue:range", kwargs={"slug": "shown"})))

    def test_of_its_reviews_is_not_there(self, outsider, shop):
        assert outsider.get(pages(shop)["reviews"]).status_code == 404

    def test_is_missing_from_the_sitemap(self, shop):
        assert shop.carrier not in Product.objects.browsable()

    def test_that_recommends_it_shows_its_card_to_those_alone_who_may_see_the_sale(self, outsider, shop):
        page = outsider.get(shop.bed.get_absolute_url())
        may_see = outsider.at == OUTSIDE["too-early"][1]
        assert ("Explorer" in page.content.decode(), is_locked(page)) == (may_see, may_see)
        assert PRICE not in text_of(page)
        assert f"/basket/add/{shop.carrier.pk}/" not in page.content.decode()

    def test_shows_it_under_its_sale_to_those_who_may_see_it(self, shop):
        own = f"/loyalty/sales/trail/{shop.carrier.pk}/"
        assert Visitor(shop, GOLD, GOLD_FROM).get(own).status_code == 200
        assert Visitor(shop, SILVER, GOLD_FROM).get(own).status_code == 404

    def test_is_closed_for_baskets_too(self, outsider, shop):
        outsider.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert outsider.basket() == []


class TestAWayIntoTheBasket:
    def test_by_a_post_is_closed(self, outsider, shop):
        outsider.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert outsider.basket() == []

    def test_by_a_post_is_open_to_those_admitted(self, insider, shop):
        insider.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert insider.basket() == [shop.carrier]

    @pytest.mark.parametrize(("at", "ordered"), [(GOLD_FROM, False), (PUBLIC_FROM, True)])
    def test_by_re_ordering_is_closed_until_it_opens(self, shop, loader, at, ordered):
        member_outside = Visitor(shop, SILVER, at)
        shop.sale.is_on = False
        shop.sale.save()
        order = buy(member_outside.user, (shop.carrier, 1), on=day(4, 1))
        shop.sale.is_on = True
        shop.sale.save()
        Basket.objects.filter(status="Open").delete()
        order_lines = order.lines.get()
        member_outside.post(reverse("customer:order", args=[order.number]), {"action": "reorder"})
        member_outside.post(reverse("customer:order-line", args=[order.number, order_lines.pk]), {"action": "reorder"})
        assert get_model("basket", "Line").objects.filter(basket__status="Open").exists() is ordered

    @pytest.mark.parametrize(("at", "ordered"), [(GOLD_FROM, False), (PUBLIC_FROM, True)])
    def test_by_a_saved_basket_leads_to_no_order_until_it_opens(self, shop, loader, at, ordered):
        member_outside = Visitor(shop, SILVER, at)
        saved = member_outside.has_put(shop.carrier)
        saved.status = "Saved"
        saved.save()
        fields = {"saved-TOTAL_FORMS": 1, "saved-INITIAL_FORMS": 1, "saved-0-id": saved.lines.get().pk}
        member_outside.post(reverse("basket:saved"), {**fields, "saved-0-move_to_basket": "on"})
        to_order(member_outside, shop)
        assert Order.objects.exists() is ordered

    def test_by_the_api_is_closed(self, outsider, shop):
        url = f"http://testserver/api/products/{shop.carrier.pk}/"
        answer = outsider.post("/api/basket/add-product/", {"url": url, "quantity": 1}, content_type="application/json")
        assert answer.status_code == 406
        assert outsider.basket() == []


def to_order(visitor, shop):
    """Go through Oscar's checkout; returns where the last step leads."""
    address = {
        "country": "DE", "first_name": "B", "last_name": "B", "line1": "Rue 1", "line4": "Berlin", "postcode": "10115",
    }  # fmt: skip
    visitor.post(reverse("checkout:shipping-address"), {**address, "action": "ship_to"})
    visitor.get(reverse("checkout:shipping-method"))
    visitor.get(reverse("checkout:preview"))
    return visitor.post(reverse("checkout:preview"), {"action": "place_order"}).headers.get("Location", "")


def api_order(visitor):
    """Order the basket through django-oscar-api."""
    basket = visitor.get("/api/basket/").json()["url"]
    address = {
        "country": "http://testserver/api/countries/DE/", "first_name": "B", "last_name": "B", "line1": "Rue 1",
        "line4": "Berlin", "postcode": "10115",
    }  # fmt: skip
    sent = {"basket": basket, "shipping_address": address}
    return visitor.post("/api/checkout/", sent, content_type="application/json")


class TestACheckoutWithItInTheBasket:
    def test_of_the_shop_places_no_order(self, member_outside, shop):
        member_outside.has_put(shop.carrier)
        assert to_order(member_outside, shop) != reverse("checkout:thank-you")
        assert not Order.objects.exists()
        assert not Reservation.objects.exists()

    def test_of_the_api_places_no_order(self, member_outside, shop):
        member_outside.has_put(shop.carrier)
        answer = api_order(member_outside)
        assert answer.status_code == 406, answer.content
        assert "is not open for you" in answer.content.decode()
        assert not Order.objects.exists()

    @pytest.mark.parametrize("order", ["shop", "api"])
    def test_places_none_when_the_level_was_lost_meanwhile(self, shop, loader, order):
        gold = Visitor(shop, GOLD, GOLD_FROM)
        gold.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert gold.basket() == [shop.carrier]
        take(gold.user, at=GOLD_FROM + SECOND)
        gold.at = GOLD_FROM + 2 * SECOND
        if order == "shop":
            assert to_order(gold, shop) != reverse("checkout:thank-you")
        else:
            assert api_order(gold).status_code == 406
        assert not Order.objects.exists()

    def test_places_it_for_those_admitted(self, insider, shop):
        insider.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert to_order(insider, shop) == reverse("checkout:thank-you")
        assert Order.objects.get().total_incl_tax == shop.carrier.stockrecords.get().price

    def test_of_the_api_places_it_for_those_admitted(self, insider, shop):
        insider.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert api_order(insider).status_code == 200
        assert Order.objects.count() == 1


class TestTheApi:
    def test_lists_products_as_it_lists_all(self, outsider, shop):
        assert f"/api/products/{shop.carrier.pk}/" in outsider.get("/api/products/").content.decode()

    def test_tells_no_price_of_a_product(self, outsider, shop):
        assert PRICE not in outsider.get(f"/api/products/{shop.carrier.pk}/").content.decode()

    def test_tells_the_price_only_without_the_loader(self, outsider, shop, loader):
        answer = outsider.get(f"/api/products/{shop.carrier.pk}/price/")
        assert (PRICE in answer.content.decode()) is not loader

    def test_says_it_can_be_had_only_without_the_loader(self, outsider, shop, loader):
        answer = outsider.get(f"/api/products/{shop.carrier.pk}/availability/").json()
        assert answer["is_available_to_buy"] is not loader
        assert (answer["message"] == LOCK) is loader

    def test_tells_those_admitted_price_and_availability(self, insider, shop):
        assert PRICE in insider.get(f"/api/products/{shop.carrier.pk}/price/").content.decode()
        assert insider.get(f"/api/products/{shop.carrier.pk}/availability/").json()["is_available_to_buy"]


class TestA40AnExclusiveSaleThatSomebodyTriesToOpen:
    """A40: direct address, API, stale session, start and end second, parallel adds, tampering, cached pages."""

    def test_is_decided_on_the_server_whatever_is_sent(self, shop, loader):
        silver = Visitor(shop, SILVER, GOLD_FROM)
        silver.client.cookies["tier"] = silver.client.cookies["loyalty_rank"] = "3"
        tampered = {"quantity": 1, "tier": 3, "rank": 3, "price": "0.01", "sale": "trail"}
        silver.post(f"/basket/add/{shop.carrier.pk}/?tier=3", tampered)
        assert silver.basket() == []

    def test_asks_again_at_the_order_after_a_session_grew_stale(self, shop, loader):
        gold = Visitor(shop, GOLD, GOLD_FROM)
        gold.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        gold.get(reverse("checkout:preview"))
        take(gold.user, at=GOLD_FROM + SECOND)
        gold.at = GOLD_FROM + 2 * SECOND
        assert gold.post(reverse("checkout:preview"), {"action": "place_order"}).status_code == 302
        assert not Order.objects.exists()

    def test_keeps_the_cap_of_a_member_over_baskets(self, shop, loader):
        shop.sale.per_member = 1
        shop.sale.save()
        gold = Visitor(shop, GOLD, GOLD_FROM)
        gold.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert to_order(gold, shop) == reverse("checkout:thank-you")
        gold.post(f"/basket/add/{shop.carrier.pk}/", {"quantity": 1})
        assert to_order(gold, shop) == reverse("basket:summary")
        assert api_order(gold).status_code == 406
        assert (Order.objects.count(), Reservation.objects.count()) == (1, 1)

    def test_gives_no_page_of_a_member_to_a_shared_cache(self, shop, loader):
        gold = Visitor(shop, GOLD, GOLD_FROM)
        assert "Cookie" in gold.get(shop.carrier.get_absolute_url()).headers["Vary"]
        assert "Cookie" in gold.get("/loyalty/sales/trail/").headers["Vary"]


class TestTheClassLoader:
    def test_gates_every_strategy_of_a_shop_that_names_it(self):
        code = (
            "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
            "import tests.settings as s\n"
            "s.OSCAR_DYNAMIC_CLASS_LOADER = 'loyalty_oscar.shop.pricing.loading.class_loader'\n"
            "import django; django.setup()\n"
            "from oscarapi.views.product import Selector; from loyalty_oscar.shop.pricing.gate import GatedStrategy\n"
            "assert isinstance(Selector().strategy(), GatedStrategy)\n"
        )
        ran = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True)
        assert ran.returncode == 0, ran.stderr.decode()
