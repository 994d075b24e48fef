"""
At checkout pieces are reserved, from the preview on for customers whom the shop knows and with the order's own POST for
others, and nobody pays for what is not there.
"""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.apps.payment.exceptions import RedirectRequired, UnableToTakePayment
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.upkeep import jobs
from tests.storefront import a_product, numbers, text_of

from .sales import GOLD, GOLD_FROM, PUBLIC_FROM, a_member_of, a_sale, bought_before

pytestmark = pytest.mark.django_db
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")
PaymentView = get_class("checkout.views", "PaymentDetailsView")
PREVIEW = reverse("checkout:preview")
#: Lock, places, count and the place of who reserves; and what asks whether somebody has bought before.
RESERVING, BOUGHT = 4, '"order_order"."user_id" = '
#: Orders of what the sale is about.
orders = Order.objects.filter(lines__title="Explorer carrier")


@pytest.fixture
def sale(unit):
    return a_sale(unit, a_product("Explorer carrier", "57.90"), quota=1)


class Visitor:
    """Somebody with a browser who puts the carrier into the basket; nobody's account, and no address that is true."""

    def __init__(self, *, email="", quantity=1):
        self.client, self.email = Client(), email
        self.fill(quantity)

    def fill(self, quantity):
        product = get_product()
        self.client.post(reverse("basket:add", args=[product.pk]), {"quantity": quantity})
        self.basket = Basket.objects.latest("pk")

    def preview(self):
        if self.email:
            self.client.post(reverse("checkout:index"), {"username": self.email, "options": "anonymous"})
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


class Account(Visitor):
    """A member with an account that is as good as new."""

    def __init__(self, unit, name, *, rank=GOLD, quantity=1):
        self.client, self.user, self.email = Client(), a_member_of(unit, rank, name=name), ""
        self.client.force_login(self.user)
        self.fill(quantity)


class Customer(Account):
    """A Gold member who has bought here before."""

    def __init__(self, unit, name, **more):
        super().__init__(unit, name, **more)
        bought_before(self.user)


@pytest.fixture(autouse=True)
def open_for_gold():
    with clock.at(GOLD_FROM):
        yield


class TestThePreview:
    def test_reserves_a_piece_for_fifteen_minutes(self, unit, sale):
        boris = Customer(unit, "boris")
        assert not Reservation.objects.exists()
        boris.preview()
        found = Reservation.objects.get()
        assert (found.slot, found.quantity) == (f"basket:{boris.basket.pk}", 1)
        assert found.until == GOLD_FROM + timedelta(minutes=15)
        assert QuotaCounter.objects.get().taken == 1

    def test_says_that_nothing_is_left(self, unit, sale):
        Customer(unit, "boris").preview()
        olga = Customer(unit, "olga")
        assert "First on the trail: nothing is left for you." in text_of(olga.preview())
        assert Reservation.objects.count() == 1

    def test_is_not_the_end_the_place_is_bought_with_the_order(self, unit, sale):
        boris = Customer(unit, "boris")
        boris.preview()
        assert boris.place()["Location"] == reverse("checkout:thank-you")
        assert Reservation.objects.get().order_id == orders.get().pk
        assert QuotaCounter.objects.get().taken == 1


class TestTheButtonThatPlacesTheOrder:
    def test_leads_back_to_the_basket_before_anything_is_paid(self, unit, sale):
        boris, olga = Customer(unit, "boris"), Customer(unit, "olga")
        boris.preview()
        olga.preview()
        answer = olga.place()
        assert answer["Location"] == reverse("basket:summary")
        assert "nothing is left for you" in text_of(olga.client.get(answer["Location"]))
        assert not orders.exists()

    def test_takes_the_piece_that_another_let_run_out(self, unit, sale):
        boris, olga = Customer(unit, "boris"), Customer(unit, "olga")
        boris.preview()
        with clock.at(GOLD_FROM + timedelta(minutes=15)):
            olga.preview()
            assert olga.place()["Location"] == reverse("checkout:thank-you")
            assert boris.place()["Location"] == reverse("basket:summary")
        assert orders.get().user == olga.user

    @pytest.mark.parametrize("is_known", [True, False])
    def test_asks_and_writes_so_much_however_many_sales_count_no_pieces(self, unit, sale, is_known):
        for number in range(6):
            a_sale(unit, get_product(), code=f"free-{number}")
        boris = (Customer if is_known else Account)(unit, "boris")
        boris.preview()
        with CaptureQueriesContext(connection) as queries:
            assert boris.place()["Location"] == reverse("checkout:thank-you")
        said = [query["sql"] for query in queries]
        placed = next(n for n, sql in enumerate(said) if sql.startswith('INSERT INTO "order_order"'))
        lines = next(n for n, sql in enumerate(said) if n > placed and sql.startswith('INSERT INTO "order_line"'))
        assert Reservation.objects.filter(order_id=orders.get().pk).count() == 7
        # Whether the shop knows the buyer is asked after the order.
        assert not any(BOUGHT in sql for sql in said[:lines])
        asked = [sql for sql in said[:lines] if "loyalty_exclusives" in sql]
        # Whether the pieces are held; the lock, the places, the one that is bought, and all others.
        assert len(asked) == 5 + (0 if is_known else RESERVING), "\n".join(asked)

    def test_costs_a_shop_without_sales_nothing(self, unit, carrier, monkeypatch):
        monkeypatch.setattr(operations, "reserve", pytest.fail)
        boris = Customer(unit, "boris")
        boris.preview()
        assert boris.place()["Location"] == reverse("checkout:thank-you")


def get_product():
    return get_model("catalogue", "Product").objects.get(title="Explorer carrier")


class PaidElsewhere:
    """A gateway that is another site: it takes over when the order is sent, and the customer comes back later."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(PaymentView, "handle_payment", self.lead_away)

    def lead_away(self, number, total, **kwargs):
        raise RedirectRequired("https://pay.example/")


@pytest.fixture
def public():
    with clock.at(PUBLIC_FROM):
        yield


@pytest.mark.usefixtures("public")
class TestStrangersOnThePreview:
    """A sale for everybody: 10 pieces, 2 for each member. Nobody knows who they are, and they have paid nothing."""

    @pytest.fixture
    def sale(self, unit, carrier):
        return a_sale(unit, carrier, quota=10, per_member=2)

    def guests(self, number=5):
        return [Visitor(email=f"nobody{n}@example.com", quantity=2) for n in range(number)]

    def accounts(self, unit, number=5):
        return [Account(unit, f"fresh{n}", rank=0, quantity=2) for n in range(number)]

    @pytest.mark.parametrize("who", ["guests", "accounts", "sessions of one"])
    def test_keep_no_piece_from_an_honest_member(self, unit, sale, who):
        strangers = {
            "guests": self.guests,
            "accounts": lambda: self.accounts(unit),
            "sessions of one": lambda: [Visitor(email="nobody@example.com", quantity=2) for _ in range(5)],
        }[who]()
        for stranger in strangers:
            assert stranger.preview().status_code == 200
        assert (QuotaCounter.objects.get().taken, Reservation.objects.count()) == (0, 0)
        honest = Customer(unit, "honest", rank=0, quantity=2)
        assert "nothing is left" not in text_of(honest.preview())
        assert honest.place()["Location"] == reverse("checkout:thank-you")
        assert (orders.get().user, QuotaCounter.objects.get().taken) == (honest.user, 2)

    def test_buy_what_is_there_as_anybody_does(self, unit, sale):
        for stranger in (*self.guests(2), *self.accounts(unit, 3)):
            stranger.preview()
            assert stranger.place()["Location"] == reverse("checkout:thank-you")
        assert (orders.count(), QuotaCounter.objects.get().taken) == (5, 10)

    def test_are_told_there_that_nothing_is_left(self, unit, sale):
        QuotaCounter.objects.update(taken=9)
        (guest,), (fresh,) = self.guests(1), self.accounts(unit, 1)
        assert "First on the trail: only 1 piece is left for you." in text_of(guest.preview())
        assert "First on the trail: only 1 piece is left for you." in text_of(fresh.preview())

    def test_see_what_another_let_run_out(self, unit, sale):
        for n in range(5):
            early = PUBLIC_FROM - timedelta(minutes=15)
            operations.reserve(wanted={sale: 2}, user_id=None, slot=f"basket:{10**6 + n}", at=early)
        (guest,) = self.guests(1)
        assert "left for you" not in text_of(guest.preview())

    def test_keep_nothing_by_payments_that_are_declined(self, unit, sale, monkeypatch):
        def decline(*args, **kwargs):
            assert QuotaCounter.objects.get().taken == 2, "they have what they pay for"
            raise UnableToTakePayment("declined")

        monkeypatch.setattr(PaymentView, "handle_payment", decline)
        for stranger in (*self.guests(), *self.accounts(unit)):
            stranger.preview()
            assert "declined" in text_of(stranger.place())
            assert QuotaCounter.objects.get().taken == 0

    def test_have_their_pieces_while_they_pay_elsewhere(self, unit, sale, monkeypatch):
        PaidElsewhere(monkeypatch)
        for stranger in self.guests(2):
            stranger.preview()
            assert stranger.place()["Location"] == "https://pay.example/"
        assert QuotaCounter.objects.get().taken == 4

    def test_are_no_strangers_with_an_order_that_stands(self, unit, sale):
        (fresh,) = self.accounts(unit, 1)
        order = bought_before(fresh.user)
        fresh.preview()
        assert Reservation.objects.filter(order_id=None).get().quantity == 2
        order.set_status("Cancelled")
        other = Visitor.__new__(Account)
        other.client, other.email = fresh.client, ""
        operations.release(slot=f"basket:{fresh.basket.pk}")
        other.preview()
        assert QuotaCounter.objects.get().taken == 0


class TestAPieceWhoseCustomerIsAtTheGateway:
    """There is one piece. Boris is led to the page of a bank, with his basket frozen; Olga would like it too."""

    HOUR = timedelta(hours=1)
    OVER = timedelta(minutes=15 + 180)

    @pytest.fixture
    def boris(self, unit, sale, monkeypatch):
        boris = Customer(unit, "boris")
        with monkeypatch.context() as patched:
            PaidElsewhere(patched)
            boris.preview()
            assert boris.place()["Location"] == "https://pay.example/"
        boris.basket.refresh_from_db()
        assert boris.basket.status == Basket.FROZEN
        return boris

    @pytest.fixture
    def olga(self, unit, sale):
        return Customer(unit, "olga")

    def come_back(self, customer, *, at):
        """The bank sends the customer back, paid: the shop places the order."""
        basket = Basket.objects.get(pk=customer.basket.pk)
        basket.strategy = get_class("partner.strategy", "Selector")().strategy()
        with clock.at(at), transaction.atomic():
            return factories.create_order(basket=basket, user=customer.user, date_placed=at)

    def swept(self, *, at):
        return sum(step.done for step in jobs.run(only="places", at=at) if step.finished)

    @pytest.mark.parametrize("who", ["known", "guest"])
    @pytest.mark.parametrize("job", [True, False], ids=["job", "no-job"])
    def test_is_not_sold_to_another_and_his_order_is_placed(self, unit, sale, boris, olga, who, job):
        Sale.objects.update(public_from=GOLD_FROM)
        forget_cache()
        other = olga if who == "known" else Visitor(email="nobody@example.com")
        late = GOLD_FROM + self.HOUR
        with clock.at(late):
            assert not job or self.swept(at=late) == 0
            assert "nothing is left for you" in text_of(other.preview())
            assert other.place()["Location"] == reverse("basket:summary")
        assert not orders.exists()
        self.come_back(boris, at=late)
        assert (orders.get().user, Reservation.objects.get().order_id) == (boris.user, orders.get().pk)
        assert QuotaCounter.objects.get().taken == 1

    def test_shows_the_others_that_nothing_is_left(self, unit, sale, boris, olga):
        with clock.at(GOLD_FROM + self.HOUR):
            page = olga.client.get("/loyalty/sales/trail/")
            assert numbers(page, "left") == [0]
            assert "nothing is left" in text_of(olga.client.get(get_product().get_absolute_url()))
        with clock.at(GOLD_FROM + self.OVER):
            assert numbers(olga.client.get("/loyalty/sales/trail/"), "left") == [1]

    def test_is_given_back_after_the_gateways_time_out(self, unit, sale, boris, olga):
        assert self.swept(at=GOLD_FROM + self.OVER - timedelta(seconds=1)) == 0
        assert self.swept(at=GOLD_FROM + self.OVER) == 1
        assert (QuotaCounter.objects.get().taken, Reservation.objects.count()) == (0, 0)

    def test_is_the_next_ones_after_the_time_out_though_no_job_ran(self, unit, sale, boris, olga):
        with clock.at(GOLD_FROM + self.OVER):
            olga.preview()
            assert olga.place()["Location"] == reverse("checkout:thank-you")
        with pytest.raises(NotForSale):
            self.come_back(boris, at=GOLD_FROM + self.OVER)
        assert orders.get().user == olga.user

    def test_is_given_back_when_the_bank_declined(self, unit, sale, boris, olga):
        boris.basket.thaw()
        assert self.swept(at=GOLD_FROM + timedelta(minutes=14)) == 0
        assert self.swept(at=GOLD_FROM + timedelta(minutes=15)) == 1

    def test_does_not_keep_the_customer_from_another_basket(self, unit, boris):
        sale = Sale.objects.get()
        sale.quota = 3
        sale.save()
        asked = {"wanted": {sale: 2}, "user_id": boris.user.pk, "slot": "basket:77"}
        operations.reserve(**asked, at=GOLD_FROM + 2 * self.HOUR)
        assert QuotaCounter.objects.get().taken == 3

    def test_counts_as_the_members_own(self, unit, boris):
        Sale.objects.update(per_member=1)
        with pytest.raises(operations.SoldOut):
            operations.reserve(
                wanted={Sale.objects.get(): 1}, user_id=boris.user.pk, slot="basket:77", at=GOLD_FROM + self.HOUR
            )
        assert QuotaCounter.objects.get().taken == 1


class TestOneCustomerWithManyBaskets:
    def test_keeps_pieces_for_an_hour_and_not_an_hour_a_basket(self, unit, sale):
        hour = timedelta(hours=1)
        gold = {"wanted": {sale: 1}, "user_id": 1}
        for minutes in range(0, 60, 10):
            operations.reserve(**gold, slot="basket:1", at=GOLD_FROM + timedelta(minutes=minutes))
        operations.release(slot="basket:1")
        operations.reserve(**gold, slot="basket:2", at=GOLD_FROM + timedelta(minutes=55))
        with pytest.raises(operations.KeptTooLong) as refused:
            operations.reserve(**gold, slot="basket:3", at=GOLD_FROM + hour)
        assert refused.value.again_at == GOLD_FROM + timedelta(minutes=75)
        operations.reserve(wanted={sale: 1}, user_id=2, slot="basket:9", at=GOLD_FROM + hour)
        assert QuotaCounter.objects.get().taken == 1

    def test_does_not_begin_anew_by_changing_the_basket(self, unit, sale):
        boris = Customer(unit, "boris")
        for minutes in range(0, 60, 10):
            with clock.at(GOLD_FROM + timedelta(minutes=minutes)):
                boris.preview()
                assert QuotaCounter.objects.get().taken == 1
                boris.basket.lines.get().save()
                assert QuotaCounter.objects.get().taken == 0
        with clock.at(GOLD_FROM + timedelta(minutes=60)):
            assert "now it is others’ turn" in text_of(boris.preview())
