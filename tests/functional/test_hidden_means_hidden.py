"""
Nobody who may not see a hidden sale learns title, picture or address of its products by their numbers: every page of
Oscar's that takes one is tried as a stranger, as a member without a level and as Gold, and so are the lists and letters
on which such a product could stand.
"""

import re
from types import SimpleNamespace

import pytest
from django.core import mail
from django.test import Client
from django.urls import get_resolver, reverse
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.hiding import PAGES
from tests.integration.exclusives.sales import (
    ENDS_AT,
    GOLD,
    GOLD_FROM,
    PUBLIC_FROM,
    a_member_of,
    a_sale,
    searching_tables,
)
from tests.integration.tiers.ladders import a_ladder
from tests.once import once
from tests.storefront import a_club, a_product, a_user, buy, day, text_of

pytestmark = pytest.mark.django_db
TITLE, SLUG = "Winter cave Under the stars", "winter-cave-under-the-stars"
SALE = "First on the trail"
Alert, WishList = get_model("customer", "ProductAlert"), get_model("wishlists", "WishList")

#: Every other address of Oscar's storefront that takes a number, and why it tells nothing of a product by its own.
NO_PRODUCT = {
    "basket:vouchers-remove": "a voucher of the visitor's basket",
    "catalogue:category": "a category",
    "checkout:user-address-delete": "the visitor's own address",
    "checkout:user-address-update": "the visitor's own address",
    "customer:address-change-status": "the visitor's own address",
    "customer:address-delete": "the visitor's own address",
    "customer:address-detail": "the visitor's own address",
    "customer:alerts-cancel-by-pk": "an alert that the visitor set while they saw the product",
    "customer:email-detail": "the visitor's own letter",
    "customer:notifications-detail": "the visitor's own message",
    "customer:order-line": "a line of the visitor's own order",
    "customer:wishlists-move-product-to-another": "a line of the visitor's own list",
    "customer:wishlists-remove-product": "a line of the visitor's own list",
}


def addresses(resolver=None, space="", before=""):
    """All named addresses of the storefront with the numbers that they take."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            if not inner.startswith(("dashboard:", "admin:", "loyalty:")):
                yield from addresses(pattern, inner, path)
        else:
            yield f"{space}{pattern.name}", set(re.findall(r"<(?:\w+:)?(\w*pk|\w*id)>", path))


@once
def a_shop():
    """A hidden sale of one product from 9 May for Gold, beside a product for all that recommends it."""
    factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
    unit = a_club()
    a_ladder(unit=unit)
    cave, bed = a_product(TITLE, "60.00"), a_product("Moss bed", "49.90")
    bed.recommended_products.through.objects.create(primary=bed, recommendation=cave)
    sale = a_sale(unit, cave, mode=Sale.Mode.HIDE)
    cave.is_public = False
    cave.save()
    for product in (cave, bed):
        user = a_user(f"reader{product.pk}@example.com")
        get_model("reviews", "ProductReview").objects.create(
            pk=9000 + product.pk, product=product, score=5, title="T", body="B", user=user
        )
    return SimpleNamespace(unit=unit, cave=cave, bed=bed, sale=sale)


@pytest.fixture
def shop():
    found = a_shop()
    with searching_tables():
        yield found


class Person:
    """Somebody with a browser."""

    def __init__(self, shop, who):
        level = {"stranger": None, "member without level": 0, "gold": GOLD, "staff": 0}[who]
        self.client = Client()
        self.user = None if level is None else a_member_of(shop.unit, level, name=who.replace(" ", "-"))
        if self.user:
            self.user.is_staff = who == "staff"
            self.user.save()
            self.client.force_login(self.user)

    def ask(self, name, pk, method="post", *, at=GOLD_FROM):
        """Ask one of these pages for the product of a number; reviews are those of whatever has one."""
        arguments = {PAGES[name]: pk}
        if name.startswith("catalogue:"):
            arguments["product_slug"] = "x"
        if name in ("catalogue:reviews-detail", "catalogue:reviews-vote"):
            reviews = get_model("reviews", "ProductReview").objects
            arguments["pk"] = (reviews.filter(product=pk).first() or reviews.first()).pk
        with clock.at(at):
            sent = {"email": f"x{pk}@example.com"} if method == "post" else {}
            return getattr(self.client, method)(reverse(name, kwargs=arguments), sent)

    def look(self, address, *, at=GOLD_FROM):
        with clock.at(at):
            return self.client.get(address)


OUTSIDE = pytest.mark.parametrize("who", ["stranger", "member without level"])
EVERY = pytest.mark.parametrize("name", sorted(PAGES))


def knows(answer):
    """Whether an answer tells anything of the product: its words, where it leads, and what it writes."""
    told = [answer.content.decode(), str(answer.headers), *(letter.body for letter in mail.outbox)]
    return any(word in text for word in (TITLE, SLUG, SALE) for text in told)


def seen(answer, pk):
    """An answer without its number and what differs each time."""
    where = re.sub(rf"(?<=[_/]){pk}(?=/)", "N", answer.headers.get("Location", ""))
    return answer.status_code, where, text_of(answer)


def make_public(product):
    """Leave it public in the catalog."""
    get_model("catalogue", "Product").objects.filter(pk=product.pk).update(is_public=True)


class TestEveryPageThatTakesTheNumberOfAProduct:
    def test_is_looked_at_here(self):
        assert {name for name, numbers in addresses() if numbers} == set(PAGES) | set(NO_PRODUCT)

    @OUTSIDE
    @EVERY
    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("is_public", [False, True], ids=["not-public", "left-public"])
    def test_answers_those_who_may_not_see_it_as_if_it_never_was(self, shop, who, name, method, is_public):
        person, missing = Person(shop, who), shop.cave.pk + 1000
        if is_public:
            make_public(shop.cave)
        answer = person.ask(name, shop.cave.pk, method)
        assert not knows(answer)
        assert answer.status_code in (404, 405) or "/login/" in answer["Location"]
        assert (Alert.objects.count(), WishList.objects.count(), mail.outbox) == (0, 0, [])
        assert not get_model("basket", "Line").objects.exists()
        if (name, who) == ("customer:wishlists-create-with-product", "member without level"):
            assert answer.status_code == 404  # where Oscar falls over
        else:
            assert seen(person.ask(name, missing, method), missing) == seen(answer, shop.cave.pk)

    @pytest.mark.parametrize("who", ["gold", "staff"])
    @EVERY
    def test_answers_those_who_may_see_it_as_of_any_product(self, shop, who, name):
        make_public(shop.cave)
        person = Person(shop, who)
        statuses = [person.ask(name, product.pk).status_code for product in (shop.bed, shop.cave)]
        assert statuses[0] == statuses[1] != 404

    @OUTSIDE
    @EVERY
    @pytest.mark.parametrize("at", [PUBLIC_FROM, ENDS_AT], ids=["when-it-is-public", "when-it-is-over"])
    def test_answers_everybody_once_nothing_is_hidden(self, shop, who, name, at):
        make_public(shop.cave)
        person = Person(shop, who)
        statuses = [person.ask(name, product.pk, at=at).status_code for product in (shop.bed, shop.cave)]
        assert statuses[0] == statuses[1] != 404

    @OUTSIDE
    def test_tells_of_no_variant_either(self, shop, who):
        parent = factories.create_product(title=TITLE, structure="parent")
        child = factories.create_product(parent=parent, title=f"{TITLE} S", num_in_stock=3)
        get_model("offer", "Range").objects.get(name="trail").add_product(parent)
        forget_cache()
        person = Person(shop, who)
        for name in PAGES:
            assert not knows(person.ask(name, child.pk)), name
        assert not WishList.objects.exists()

    @EVERY
    def test_leaves_alone_what_no_hidden_sale_of_ours_hides(self, shop, name):
        make_public(shop.cave)
        Sale.objects.update(mode=Sale.Mode.LOCK)
        forget_cache()
        assert Person(shop, "stranger").ask(name, shop.cave.pk).status_code != 404


@OUTSIDE
class TestAListOnWhichItStands:
    def wish_list(self, shop):
        gold = Person(shop, "gold")
        gold.ask("customer:wishlists-add-product", shop.cave.pk)
        WishList.objects.update(visibility=WishList.PUBLIC)
        found = WishList.objects.get()
        assert found.lines.get().product == shop.cave
        return gold, found.get_shared_url()

    def test_as_a_wish_of_gold_shows_it_to_gold_alone(self, shop, who):
        gold, address = self.wish_list(shop)
        assert TITLE in gold.look(address).content.decode()
        answer = Person(shop, who).look(address)
        assert answer.status_code == 200
        assert not knows(answer)

    def test_as_a_recommendation_does_not_show_it(self, shop, who):
        page = Person(shop, who).look(shop.bed.get_absolute_url())
        assert page.status_code == 200
        assert not knows(page)
        assert TITLE in Person(shop, "gold").look(shop.bed.get_absolute_url()).content.decode()

    @pytest.mark.parametrize("name", ["catalogue:index", "search:search", "a range", "what was looked at"])
    def test_though_left_public_does_not_show_it(self, shop, who, name):
        make_public(shop.cave)
        found = get_model("offer", "Range").objects.create(name="Shown", is_public=True, slug="shown")
        found.add_product(shop.cave)
        person = Person(shop, who)
        person.client.cookies["oscar_history"] = f"[{shop.cave.pk}]"
        address = {
            "a range": reverse("catalogue:range", kwargs={"slug": "shown"}),
            "what was looked at": shop.bed.get_absolute_url(),
        }.get(name) or reverse(name)
        page = person.look(f"{address}?q=cave" if name == "search:search" else address)
        assert page.status_code == 200
        assert not knows(page)


class TestABasketInWhichItIs:
    @pytest.mark.parametrize("step", ["order", "order-line"])
    def test_by_ordering_again_says_nothing_of_the_sale(self, shop, step):
        Sale.objects.update(is_on=False)
        forget_cache()
        person = Person(shop, "member without level")
        order = buy(person.user, (shop.cave, 1), on=day(4, 1))
        Sale.objects.update(is_on=True)
        forget_cache()
        get_model("basket", "Basket").objects.filter(status="Open").delete()
        line = [order.lines.get().pk] if step == "order-line" else []
        with clock.at(GOLD_FROM):
            answer = person.client.post(
                reverse(f"customer:{step}", args=[order.number, *line]), {"action": "reorder"}, follow=True
            )
        assert SALE not in answer.content.decode()
        assert "Gold" not in text_of(answer)
        assert not get_model("basket", "Line").objects.filter(basket__status="Open").exists()

    def test_says_at_the_checkout_that_it_is_not_for_sale_and_nothing_of_the_sale(self, shop):
        person = Person(shop, "member without level")
        basket = get_model("basket", "Basket").objects.create(owner=person.user)
        basket.strategy = get_class("partner.strategy", "Selector")().strategy()
        basket.add_product(shop.cave, 1)
        with clock.at(GOLD_FROM):
            address = {
                "country": "DE", "first_name": "B", "last_name": "B", "line1": "Rue 1", "line4": "Berlin",
                "postcode": "10115",
            }  # fmt: skip
            person.client.post(reverse("checkout:shipping-address"), address)
            person.client.get(reverse("checkout:shipping-method"))
            page = person.client.get(reverse("checkout:preview"), follow=True)
            answer = person.client.post(reverse("checkout:preview"), {"action": "place_order"}, follow=True)
        for seen in (page, answer):
            assert "not for sale at the moment" in text_of(seen)
            assert SALE not in seen.content.decode()
        assert not get_model("order", "Order").objects.exists()


class TestALetterThatItIsBack:
    def alerts(self, shop):
        """Three who asked to be told before the sale was thought of: Gold, a member, and an address."""
        people = [Person(shop, who).user for who in ("gold", "member without level")]
        for user in people:
            Alert.objects.create(product=shop.cave, user=user, status=Alert.ACTIVE)
        Alert.objects.create(product=shop.cave, email="stranger@example.com")
        Alert.objects.update(status=Alert.ACTIVE)
        return [user.email for user in people]

    def restock(self, shop, *, at):
        """Staff save the stock; Oscar writes to those who wait."""
        mail.outbox.clear()
        with clock.at(at):
            record = get_model("partner", "StockRecord").objects.get(product=shop.cave)
            record.num_in_stock = 500
            record.save()
        return sorted(address for letter in mail.outbox for address in letter.to)

    @pytest.mark.parametrize("mode", [Sale.Mode.LOCK, Sale.Mode.HIDE])
    def test_goes_to_nobody_who_may_not_have_it(self, shop, mode):
        Sale.objects.update(mode=mode)
        forget_cache()
        gold, member = self.alerts(shop)
        assert self.restock(shop, at=day(5, 2)) == []
        assert self.restock(shop, at=GOLD_FROM) == [gold]
        inbox = get_model("communication", "Notification").objects
        assert [note.recipient.email for note in inbox.all() if TITLE in f"{note.subject} {note.body}"] == [gold]
        assert self.restock(shop, at=PUBLIC_FROM) == sorted([member, "stranger@example.com"])

    def test_by_oscars_command_goes_to_nobody_who_may_not_have_it_either(self, shop):
        gold, _member = self.alerts(shop)
        make_public(shop.cave)
        with clock.at(GOLD_FROM):
            get_class("customer.alerts.utils", "AlertsDispatcher")().send_alerts()
        assert [letter.to for letter in mail.outbox] == [[gold]]
