"""
The number before an order is the number after it, for everybody: every place that tells one is read and compared.

Each story walks from the basket over the preview to the page that thanks, and on to the account, the API and the page
of staff.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal as D

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from oscar.apps.shipping import methods
from oscar.core.loading import get_class, get_model
from oscar.core.prices import Price
from oscar.test import factories

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption import trying
from loyalty_oscar.shop.redemption.offer import our_offers
from loyalty_oscar.testing import clock
from tests.integration.api.conftest import api_of
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, points_club
from tests.storefront import (
    TODAY,
    a_product,
    a_user,
    arrive,
    buy,
    day,
    first_order_bonus,
    numbers,
    text_of,
)

pytestmark = pytest.mark.django_db
Order, User = get_model("order", "Order"), get_user_model()
ADDRESS = {"first_name": "Mei", "last_name": "Tanaka", "line1": "Rue 1", "line4": "Berlin", "postcode": "10115"}
BASKET, PREVIEW = reverse("basket:summary"), reverse("checkout:preview")


@pytest.fixture(autouse=True)
def today(settings, monkeypatch):
    settings.OSCAR_ALLOW_ANON_CHECKOUT = True
    # Oscar knows no clock of ours.
    monkeypatch.setattr("oscar.apps.order.abstract_models.now", clock.now)
    cache.clear()
    with clock.at(TODAY):
        yield


@dataclass
class Promise:
    """What a page says that an order brings: the earned part, the parts beside it, and the sum where it tells one."""

    earned: int
    more: list = field(default_factory=list)
    total: int = 0

    @classmethod
    def on(cls, page):
        earned, total = numbers(page, "earn"), numbers(page, "earn-all")
        assert len(earned) == 1, text_of(page)
        return cls(earned[0], numbers(page, "earn-more"), total[0] if total else earned[0])


class Shopper:
    """Somebody who shops by the pages alone."""

    def __init__(self, user=None):
        self.client, self.user = Client(), user
        if user:
            self.client.force_login(user)

    def take(self, product, quantity=1):
        self.client.post(reverse("basket:add", args=[product.pk]), {"quantity": quantity})
        return self

    def use(self, points):
        self.client.post(reverse("loyalty:use-points"), {"use": points, "next": BASKET})
        return self

    def basket(self):
        return self.client.get(BASKET)

    def preview(self):
        if self.user is None:
            told = {"username": "mei@mail.example", "options": "anonymous"}
            assert self.client.post(reverse("checkout:index"), told).status_code == 302
        country = factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
        self.client.post(reverse("checkout:shipping-address"), {**ADDRESS, "country": country.pk})
        self.client.get(reverse("checkout:shipping-method"))
        return self.client.get(PREVIEW)

    def order(self, callbacks):
        with callbacks(execute=True):
            answer = self.client.post(PREVIEW, {"action": "place_order"})
        # Within the transaction of a test no second look at orders is planned.
        sync_orders(order_ids=list(Order.objects.values_list("pk", flat=True)), at=TODAY)
        assert answer["Location"] == reverse("checkout:thank-you"), answer["Location"]
        return self.client.get(reverse("checkout:thank-you"))

    def overview(self):
        return self.client.get(reverse("loyalty:overview"))

    def account(self):
        return Account.objects.get(member__user=self.user)


def mails():
    """The confirmation of the last order and the mail about what it brings, as text and HTML, with plain spaces."""
    list(deliver(at=TODAY))
    number = Order.objects.latest("pk").number
    found = [letter for letter in mail.outbox if number in letter.subject]
    assert len(found) == 2
    return [plain for letter in found for plain in (letter.body, letter.alternatives[0][0].replace("<br>", "\n"))]


def read_in_mails(*lines):
    """Both mails say all of it, each on a line of its own."""
    for text in mails():
        told = [re.sub("<[^>]+>", "", line).strip() for line in text.replace("\xa0", " ").splitlines()]
        assert set(lines) <= set(told), text


def same_everywhere(shopper, promise, *, pending, ready=0):
    """The account page, its statement, the badge, the API and the page of staff say what the pages before promised."""
    account, page = shopper.account(), shopper.overview()
    api = api_of(shopper.user).get("me").json()
    assert account.pending == pending
    assert numbers(page, "pending") == [pending]
    assert api["on_the_way"] == pending
    assert {account.available, api["ready"], *numbers(page, "available")} == {ready}
    assert f"+{promise.earned}" in text_of(page)
    boss = User.objects.create_superuser(username="boss", email="boss@example.com", password="x")
    staff = Client()
    staff.force_login(boss)
    address = reverse("admin:loyalty_program_member_change", args=[account.member_id])
    assert f"{pending} paws" in text_of(staff.get(address))


class TestAGuest:
    def test_reads_what_a_first_order_adds_before_the_order_and_keeps_it_afterwards(
        self, django_capture_on_commit_callbacks
    ):
        first_order_bonus(points_club())
        shopper = Shopper().take(a_product())
        before = [Promise.on(shopper.basket()), Promise.on(shopper.preview())]
        assert before == [Promise(24, [20], 24)] * 2
        assert "With an account you get 24 paws for this basket" in text_of(shopper.basket())
        assert "Plus 20 paws for a first order" in text_of(shopper.basket())
        thanks = shopper.order(django_capture_on_commit_callbacks)
        assert numbers(thanks, "earn") == [44]
        with django_capture_on_commit_callbacks(execute=True):
            shopper.client.post(reverse("loyalty:keep"), {"password": "a sentence is fine"})
        shopper.user = User.objects.get(email="mei@mail.example")
        same_everywhere(shopper, Promise(44), pending=44)

    def test_reads_nothing_of_a_first_order_where_no_rule_asks_for_it(self):
        points_club()
        assert Promise.on(Shopper().take(a_product()).basket()) == Promise(24, [], 24)

    def test_reads_the_gift_of_each_level_it_would_reach_and_has_it_afterwards(
        self, django_capture_on_commit_callbacks
    ):
        a_ladder(unit=points_club(), gifts=(20, 50, 100))
        shopper = Shopper().take(a_product(price="160.00"))
        before = [Promise.on(shopper.basket()), Promise.on(shopper.preview())]
        assert before == [Promise(160, [20, 50], 160)] * 2
        thanks = shopper.order(django_capture_on_commit_callbacks)
        assert Promise.on(thanks) == Promise(160, [20, 50], 160)
        assert "Plus 50 paws for reaching Silver" in text_of(thanks)
        with django_capture_on_commit_callbacks(execute=True):
            shopper.client.post(reverse("loyalty:keep"), {"password": "a sentence is fine"})
        shopper.user = User.objects.get(email="mei@mail.example")
        same_everywhere(shopper, Promise(160), pending=230)

    def test_with_an_account_reads_of_no_level_that_it_may_have_already(self, django_capture_on_commit_callbacks):
        a_ladder(unit=points_club(), gifts=(20, 50, 100))
        shopper = Shopper().take(a_product(price="160.00"))
        shopper.preview()
        a_user("mei@mail.example")
        assert Promise.on(shopper.order(django_capture_on_commit_callbacks)) == Promise(160, [], 160)


class TestANewcomer:
    def test_reads_one_number_with_the_first_order_in_it(self, django_capture_on_commit_callbacks):
        first_order_bonus(points_club())
        shopper = Shopper(a_user()).take(a_product())
        before = [Promise.on(shopper.basket()), Promise.on(shopper.preview())]
        after = Promise.on(shopper.order(django_capture_on_commit_callbacks))
        assert [*before, after] == [Promise(44, [], 44)] * 3
        same_everywhere(shopper, after, pending=44)


class TestACustomer:
    def test_whose_first_order_was_tidied_away_reads_of_no_other_first(self, django_capture_on_commit_callbacks):
        first_order_bonus(points_club())
        old = arrive(buy(user := a_user(), (a_product(), 1), on=day(3, 1)), on=day(3, 3))
        pk = old.pk
        old.delete()
        sync_orders(order_ids=[pk], at=TODAY)
        assert Account.objects.get(member__user=user).pending == 44
        shopper = Shopper(user).take(a_product())
        before = [Promise.on(shopper.basket()), Promise.on(shopper.preview())]
        order = get_model("order", "Order").objects.filter(user=user)
        after = Promise.on(shopper.order(django_capture_on_commit_callbacks))
        assert ([*before, after], order.count()) == ([Promise(24, [], 24)] * 3, 1)


class TestAnInvitedFriend:
    @pytest.fixture
    def club(self):
        club = an_inviting_club(least_minor=2500, newcomer_points=150)
        User.objects.filter(pk=club.boris.pk).update(first_name="Boris")
        first_order_bonus(club.unit)
        return club

    @pytest.fixture
    def priya(self, club):
        user = a_user("priya@example.com")
        bring(club, user)
        return Shopper(user)

    def test_reads_the_gift_on_every_step(self, priya, django_capture_on_commit_callbacks):
        assert "Boris invites you: 150 paws with your first order from €25.00." in text_of(priya.overview())
        priya.take(a_product(price="99.00"))
        before = [Promise.on(priya.basket()), Promise.on(priya.preview())]
        after = Promise.on(priya.order(django_capture_on_commit_callbacks))
        assert [*before, after] == [Promise(119, [150], 269)] * 3
        same_everywhere(priya, after, pending=269)
        read_in_mails("Boris invited you: plus 150 paws", "269 paws in all = €2.69")

    def test_reads_how_much_is_missing_of_the_least_order(self, priya, django_capture_on_commit_callbacks):
        priya.take(a_product(price="19.90"))
        said = "Boris invited you: order for €5.10 more and get 150 paws on top."
        for page in (priya.basket(), priya.preview()):
            assert Promise.on(page) == Promise(39, [150], 39)
            assert said in text_of(page)
            assert (text_of(page).count("Boris"), numbers(page, "gift")) == (1, [])
        after = Promise.on(priya.order(django_capture_on_commit_callbacks))
        assert after == Promise(39, [], 39)
        same_everywhere(priya, after, pending=39)

    def test_is_told_that_somebody_looks_first_where_that_is_so(self, club, priya, django_capture_on_commit_callbacks):
        country = factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
        for user in (club.boris, priya.user):
            get_model("address", "UserAddress").objects.create(user=user, country=country, **ADDRESS)
        priya.take(a_product(price="99.00"))
        said = "Boris invited you: that can bring 150 paws more. We check it first."
        pages = [priya.basket(), priya.preview(), priya.order(django_capture_on_commit_callbacks)]
        assert [Promise.on(page) for page in pages] == [Promise(119, [150], 119)] * 3
        assert all(said in text_of(page) for page in pages)
        same_everywhere(priya, Promise(119), pending=119)
        assert not any("150" in text for text in mails())

    def test_is_promised_nothing_who_bought_here_before(self, club, priya):
        buy(priya.user, (a_product(price="30.00"), 1), on=day(2, 1))
        priya.take(a_product(price="99.00"))
        assert Promise.on(priya.basket()) == Promise(99, [], 99)


class TestAMemberAboutToReachALevel:
    def test_reads_the_welcome_gift_with_the_basket(self, django_capture_on_commit_callbacks):
        unit = points_club()
        a_ladder(unit=unit, gifts=(0, 0, 100))
        user = a_user()
        buy(user, (a_product(price="380.00"), 1), on=day(2, 1))
        shopper = Shopper(user).take(a_product(price="24.90"))
        earned = 24 * 11 // 10 + 1  # Silver brings 10 % more: 27.39.
        before = [Promise.on(shopper.basket()), Promise.on(shopper.preview())]
        after = Promise.on(shopper.order(django_capture_on_commit_callbacks))
        assert [*before, after] == [Promise(earned, [100], earned + 100)] * 3
        assert "Plus 100 paws for reaching Gold" in text_of(shopper.client.get(reverse("checkout:thank-you")))
        same_everywhere(shopper, after, pending=380 + earned + 100)
        read_in_mails("Plus 100 paws for reaching Gold", "127 paws in all = €1.27")

    def test_reads_none_below_it(self):
        unit = points_club()
        a_ladder(unit=unit, gifts=(0, 0, 100))
        user = a_user()
        buy(user, (a_product(price="370.00"), 1), on=day(2, 1))
        assert Promise.on(Shopper(user).take(a_product(price="24.90")).basket()).more == []


class TestADebtor:
    def test_reads_what_is_made_up_first(self, django_capture_on_commit_callbacks):
        unit, user = points_club(), a_user()
        account = give(user, 10, unit)
        Account.objects.filter(pk=account.pk).update(available=0, debt=7)
        shopper = Shopper(user).take(a_product())
        said = "First, 7 paws will make up what is missing in your account."
        pages = [shopper.basket(), shopper.preview(), shopper.order(django_capture_on_commit_callbacks)]
        assert [Promise.on(page) for page in pages] == [Promise(24, [], 24)] * 3
        assert all(said in text_of(page) for page in pages)


class Parcel(methods.Base):
    """4.90, free from 39.00 of goods after all discounts."""

    code, name = "parcel", "Parcel"

    def calculate(self, basket):
        charge = D("0.00") if basket.total_incl_tax >= D("39.00") else D("4.90")
        return Price(currency=basket.currency, excl_tax=charge, tax=D("0.00"))


class TestAMemberNearFreeDelivery:
    """Goods for 42.30, delivery free from 39.00, and 386 paws: the walk in which points made the order dearer."""

    @pytest.fixture
    def shopper(self, monkeypatch):
        monkeypatch.setattr(get_class("shipping.repository", "Repository"), "methods", (Parcel(),))
        user = a_user()
        give(user, 386, points_club())
        return Shopper(user).take(a_product("Mat", "29.90")).take(a_product("Brush", "12.40"))

    def total(self, page):
        return D(re.search(r"Order total €([0-9.]+)", text_of(page))[1])

    def test_reads_first_up_to_which_number_delivery_stays_free(self, shopper):
        for page in (shopper.basket(), shopper.preview()):
            said = text_of(page)
            assert "Up to 330 paws, delivery stays free. With more it costs €4.90." in said
            assert "Use 330 paws: −€3.30" in said
            assert "Use all (386): +€1.04" in said
            assert self.total(page) == D("42.30")

    @pytest.mark.parametrize(
        ("points", "said", "total"),
        [
            ("330", "You use 330 paws. Saves €3.30, leaves 56 paws (€0.56).", "39.00"),
            ("331", "You use 331 paws. Your order costs €1.59 more, and you keep 55 paws (€0.55).", "43.89"),
            ("all", "You use 386 paws. Your order costs €1.04 more, and you keep 0 paws (€0.00).", "43.34"),
        ],
    )
    def test_reads_by_how_much_the_total_really_falls(self, shopper, points, said, total):
        shopper.use(points)
        for page in (shopper.basket(), shopper.preview()):
            assert said in text_of(page)
            assert self.total(page) == D(total)

    def test_reads_nothing_of_delivery_where_points_do_not_touch_it(self, shopper):
        shopper.take(a_product("Bed", "120.00")).use("all")
        said = text_of(shopper.basket())
        assert "You use 386 paws. Saves €3.86, leaves 0 paws (€0.00)." in said
        assert "delivery stays free" not in said

    def test_reads_nothing_of_delivery_where_an_offer_keeps_it_free(self, shopper):
        everything = factories.RangeFactory(includes_all_products=True)
        factories.ConditionalOfferFactory(
            condition=factories.ConditionFactory(range=everything, type="Count", value=1),
            benefit=factories.BenefitFactory(range=None, type="Shipping percentage", value=100),
        )
        for page in (shopper.basket(), shopper.preview()):
            assert "Use all (386): −€3.86" in text_of(page)
            assert "delivery stays free" not in text_of(page)
        assert self.total(shopper.use("all").basket()) == D("38.44")

    def test_reads_what_comes_off_the_goods_where_the_shop_cannot_say_more(self, shopper, monkeypatch):
        monkeypatch.setattr(trying, "order_cost", lambda **told: 1 / 0)
        assert "Use all (386): −€3.86" in text_of(shopper.basket())


class TestWhatIsSetAside:
    """Is what the basket takes; the rest is ready, and every place says the same."""

    @pytest.fixture
    def shopper(self):
        user = a_user()
        give(user, 1011, points_club())
        return Shopper(user).take(a_product("Bites", "3.78")).use("all")

    def ready_everywhere(self, shopper, ready, held):
        account, overview, api = shopper.account(), shopper.overview(), api_of(shopper.user)
        me, basket = api.get("me").json(), shopper.basket()
        assert (account.available, account.reserved) == (ready, held)
        assert set(numbers(overview, "available")) == {ready}
        assert (me["ready"], me["set_aside"]) == (ready, held)
        return basket, overview

    def test_is_what_is_applied(self, shopper):
        basket, overview = self.ready_everywhere(shopper, 633, 378)
        assert "378 of 1,011 paws used. Saves €3.78, leaves 633 paws (€6.33)." in text_of(basket)
        assert numbers(overview, "reserved") == [378]
        told = api_of(shopper.user).get("basket/points").json()
        assert (told["ready"], told["set_aside"], told["asked"], told["applied"]) == (633, 378, 1011, 378)

    def test_is_the_first_line_of_the_statement_and_the_lines_below_add_up(self, shopper):
        give(shopper.user, 50, shopper.account().unit, source="more")
        for page in (shopper.overview(), shopper.client.get(reverse("loyalty:statement"))):
            said = text_of(page)
            assert "Now Set aside for your basket Set aside −378 Then: 683" in said
            assert "+50 Then: 1,061" in said and "+1,011 Then: 1,011" in said
        shopper.use("none")
        for page in (shopper.overview(), shopper.client.get(reverse("loyalty:statement"))):
            said = text_of(page)
            assert "Set aside" not in said
            assert "+50 Then: 1,061" in said and "+1,011 Then: 1,011" in said

    def test_does_not_grow_unasked_with_the_basket(self, shopper):
        shopper.take(a_product("Bed", "30.00"))
        basket, _overview = self.ready_everywhere(shopper, 633, 378)
        said = text_of(basket)
        assert "378 of 1,011 paws used." in said
        assert "There is room for more in this basket now." in said
        assert "Use 1,011 paws: −€10.11" in said
        shopper.use("1011")
        self.ready_everywhere(shopper, 0, 1011)

    @pytest.mark.parametrize("how", ["the last line is removed", "the last line is saved for later", "flushed"])
    def test_comes_back_where_the_basket_is_empty(self, shopper, how, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            self.empty(shopper, how)
        basket, overview = self.ready_everywhere(shopper, 1011, 0)
        assert numbers(overview, "reserved") == []
        shopper.take(a_product("Bed", "30.00"))
        basket, _overview = self.ready_everywhere(shopper, 1011, 0)
        assert "They were set aside for" not in text_of(basket)
        assert numbers(basket, "points") == [0]

    def empty(self, shopper, how):
        basket = get_model("basket", "Basket").objects.get(owner=shopper.user, status="Open")
        if how == "flushed":
            return basket.flush()
        field = "form-0-DELETE" if how == "the last line is removed" else "form-0-save_for_later"
        form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": basket.lines.get().pk}
        return shopper.client.post(BASKET, {**form, "form-0-quantity": 1, field: "on"})

    def test_shrinks_with_the_basket(self, shopper):
        shopper.take(a_product("Bed", "30.00")).use("all")
        basket = get_model("basket", "Basket").objects.get(owner=shopper.user, status="Open")
        lines = list(basket.lines.order_by("pk"))
        form = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "form-1-DELETE": "on"}
        for place, line in enumerate(lines):
            form |= {f"form-{place}-id": line.pk, f"form-{place}-quantity": 1}
        shopper.client.post(BASKET, form)
        page, _overview = self.ready_everywhere(shopper, 633, 378)
        assert "378 of 1,011 paws used." in text_of(page)

    @pytest.mark.parametrize("status", ["Merged", "Submitted"])
    def test_comes_back_where_the_basket_is_no_longer_open(self, shopper, status, django_capture_on_commit_callbacks):
        basket = get_model("basket", "Basket").objects.get(owner=shopper.user, status="Open")
        basket.status = status
        with django_capture_on_commit_callbacks(execute=True):
            basket.save()
        account = shopper.account()
        assert (account.available, account.reserved) == (1011, 0)


class TestOscarsOwnWordsAboutOffers:
    def test_never_name_ours(self):
        user = a_user()
        give(user, 1011, points_club())
        offer = our_offers().get()
        shopper = Shopper(user).take(a_product("Bites", "3.78")).use("all")
        assert "qualifies" not in text_of(shopper.take(a_product("Bone", "1.00")).basket())
        shopper.use("none")
        assert "qualifies" not in text_of(shopper.take(a_product("Bed", "2.00")).basket())
        everything = factories.RangeFactory(includes_all_products=True)
        everybody = factories.ConditionalOfferFactory(
            name="Ten off",
            condition=factories.ConditionFactory(range=everything, type="Count", value=4),
            benefit=factories.BenefitFactory(range=everything, type="Percentage", value=10),
        )
        page = text_of(shopper.client.get(reverse("offer:list")))
        assert ("Ten off" in page, "Loyalty points" in page) == (True, False)
        assert shopper.client.get(offer.get_absolute_url()).status_code == 404
        assert shopper.client.get(everybody.get_absolute_url()).status_code == 200
        assert "qualifies for the Ten off" in text_of(shopper.take(a_product("Mat")).basket())


class TestABasketPaidWithPoints:
    def test_says_in_one_sentence_that_it_brings_none(self, django_capture_on_commit_callbacks):
        unit, user = points_club(), a_user()
        give(user, 5000, unit)
        shopper = Shopper(user).take(a_product()).use("all")
        pages = [shopper.basket(), shopper.preview(), shopper.order(django_capture_on_commit_callbacks)]
        for page in pages:
            assert Promise.on(page) == Promise(0, [], 0)
            assert "You pay no money for goods, so this brings 0 paws." in text_of(page)
            assert "Why 0?" not in text_of(page)
