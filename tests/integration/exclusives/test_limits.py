"""The limit of a sale per member is told where pieces are chosen: on its page, at the product and in the basket."""

import pytest
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import Reservation, Sale
from loyalty_oscar.testing import clock
from tests.integration.exclusives.test_checkout import Customer
from tests.storefront import a_product, text_of

from .sales import GOLD_FROM, PUBLIC_FROM, a_member_of, a_sale

pytestmark = pytest.mark.django_db
BASKET, PAGE = reverse("basket:summary"), "/loyalty/sales/trail/"


@pytest.fixture(autouse=True)
def public():
    """The sale is open to everybody."""
    with clock.at(PUBLIC_FROM):
        yield


@pytest.fixture
def sale(unit, carrier):
    """Two pieces for each."""
    return a_sale(unit, carrier, per_member=2)


@pytest.fixture
def member(client, unit):
    """Somebody signed in."""
    user = a_member_of(unit, 0)
    client.force_login(user)
    return user


def add(client, product, quantity):
    return client.post(reverse("basket:add", args=[product.pk]), {"quantity": quantity}, follow=True)


def had(sale, user, quantity, *, slot="basket:99999"):
    """Let somebody have reserved pieces in another basket."""
    operations.reserve(wanted={sale: quantity}, user_id=user.pk, slot=slot, at=PUBLIC_FROM)


def an_offer():
    """Let the shop take a tenth off everything."""
    everything = get_model("offer", "Range").objects.create(name="All", includes_all_products=True)
    condition = get_model("offer", "Condition").objects.create(type="Count", value=1, range=everything)
    benefit = get_model("offer", "Benefit").objects.create(type="Percentage", value=10, range=everything)
    return get_model("offer", "ConditionalOffer").objects.create(
        name="A tenth off", offer_type="Site", condition=condition, benefit=benefit
    )


def lines():
    return list(get_model("basket", "Line").objects.values_list("quantity", flat=True))


class TestTheBasket:
    def test_takes_as_many_as_the_sale_gives_and_no_more(self, client, sale, member, carrier):
        assert "First on the trail: each member can have 2." in text_of(add(client, carrier, 3))
        assert lines() == []
        add(client, carrier, 2)
        assert lines() == [2]
        assert "First on the trail: each member can have 2." in text_of(add(client, carrier, 1))
        assert lines() == [2]

    def test_tells_it_at_the_line_whose_quantity_is_changed(self, client, sale, member, carrier):
        add(client, carrier, 1)
        line = get_model("basket", "Line").objects.get()
        form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-MIN_NUM_FORMS": 0, "form-MAX_NUM_FORMS": 9}
        page = client.post(BASKET, {**form, "form-0-id": line.pk, "form-0-quantity": 3}, follow=True)
        assert "First on the trail: each member can have 2." in text_of(page)
        assert "Available stock" not in text_of(page)
        assert 'max="2"' in page.content.decode()
        assert lines() == [1]

    def test_holds_where_the_shop_counts_no_stock(self, client, sale, member, carrier):
        carrier.product_class.track_stock = False
        carrier.product_class.save()
        self.test_tells_it_at_the_line_whose_quantity_is_changed(client, sale, member, carrier)
        assert "First on the trail: each member can have 2." in text_of(add(client, carrier, 2))

    def test_never_takes_more_than_there_is(self, client, sale, member, carrier):
        carrier.stockrecords.update(num_in_stock=1)
        assert "a maximum of 1 can be bought" in text_of(add(client, carrier, 2))

    def test_counts_what_was_bought_and_what_lies_in_another_one(self, client, sale, member, carrier):
        had(sale, member, 1)
        assert "First on the trail: you can order 1 now. Each member can have 2." in text_of(add(client, carrier, 2))
        add(client, carrier, 1)
        assert lines() == [1]

    def test_counts_what_it_holds_of_others_in_the_sale(self, client, unit, carrier, member):
        tent = a_product("Tent", "90.00")
        a_sale(unit, carrier, tent, per_member=2)
        add(client, carrier, 1)
        assert "First on the trail: each member can have 2." in text_of(add(client, tent, 2))
        add(client, tent, 1)
        assert sorted(lines()) == [1, 1]

    def test_may_have_what_it_reserved_itself(self, client, sale, member, carrier):
        add(client, carrier, 2)
        basket = get_model("basket", "Basket").objects.get(owner=member)
        had(sale, member, 2, slot=f"basket:{basket.pk}")
        assert client.get(reverse("checkout:shipping-address")).status_code == 200

    def test_may_have_what_it_reserved_itself_where_an_offer_asks_for_its_prices(self, client, sale, member, carrier):
        """Oscar puts a basket together when it is first asked for: offers ask for prices, and prices for the basket."""
        offer = an_offer()
        add(client, carrier, 2)
        basket = get_model("basket", "Basket").objects.get(owner=member)
        had(sale, member, 2, slot=f"basket:{basket.pk}")
        assert offer.name in text_of(client.get(BASKET))
        for address in (carrier.get_absolute_url(), PAGE, reverse("checkout:shipping-address")):
            assert client.get(address).status_code == 200
        assert "First on the trail: each member can have 2." in text_of(add(client, carrier, 1))
        assert lines() == [2]

    def test_of_before_the_limit_is_told_at_the_first_step_of_the_checkout(self, client, sale, member, carrier):
        add(client, carrier, 2)
        Sale.objects.get().save()
        sale.per_member = 1
        sale.save()
        answer = client.get(reverse("checkout:shipping-address"), follow=True)
        assert answer.redirect_chain[-1][0] == BASKET
        assert "First on the trail: each member can have 1." in text_of(answer)

    def test_of_a_guest_takes_as_many_as_one_member(self, sale, carrier):
        guest = Client()
        assert "First on the trail: each member can have 2." in text_of(add(guest, carrier, 3))
        add(guest, carrier, 2)
        assert lines() == [2]

    def test_takes_any_number_where_nothing_is_counted_for_each(self, client, unit, carrier, member):
        a_sale(unit, carrier)
        add(client, carrier, 9)
        assert lines() == [9]


class TestWhoHasAll:
    def test_reads_so_in_the_place_of_every_button(self, client, sale, member, carrier):
        assert f"/basket/add/{carrier.pk}/" in client.get(PAGE).content.decode()
        had(sale, member, 2)
        for address in (PAGE, carrier.get_absolute_url()):
            page = client.get(address)
            assert "You have your 2 from First on the trail. Each member can have 2." in text_of(page)
            assert f"/basket/add/{carrier.pk}/" not in page.content.decode()

    def test_after_an_order_reads_it_too(self, unit, carrier):
        a_sale(unit, carrier, per_member=2)
        boris = Customer(unit, "boris", quantity=2)
        boris.preview()
        boris.place()
        assert Reservation.objects.get().order_id
        assert "You have your 2 from First on the trail." in text_of(boris.client.get(PAGE))

    def test_is_told_in_the_singular_too(self, client, unit, carrier, member):
        sale = a_sale(unit, carrier, per_member=1)
        had(sale, member, 1)
        assert "You have your piece from First on the trail." in text_of(client.get(PAGE))

    def test_is_nobody_else(self, client, unit, sale, member, carrier):
        had(sale, a_member_of(unit, 1), 2)
        assert f"/basket/add/{carrier.pk}/" in client.get(PAGE).content.decode()

    def test_buys_again_what_came_back(self, client, sale, member, carrier):
        had(sale, member, 2)
        operations.release(slot="basket:99999")
        assert f"/basket/add/{carrier.pk}/" in client.get(PAGE).content.decode()


class TestWhatItCosts:
    def test_strangers_nothing_and_members_one_query(
        self, client, sale, member, carrier, django_assert_max_num_queries
    ):
        def asked(visitor):
            visitor.get(carrier.get_absolute_url())
            with django_assert_max_num_queries(200) as found:
                visitor.get(carrier.get_absolute_url())
            return len(found.captured_queries)

        stranger, with_limit = asked(Client()), asked(client)
        sale.per_member = None
        sale.save()
        assert (stranger - asked(Client()), with_limit - asked(client)) == (0, 1)


class TestTheDateThatIsMine:
    @pytest.fixture(autouse=True)
    def before(self, unit, carrier):
        a_sale(unit, carrier, doors=((3, GOLD_FROM), (2, PUBLIC_FROM)))
        with clock.at(GOLD_FROM.replace(day=6)):
            yield

    def test_is_the_one_on_the_lock_of_a_member(self, client, unit, carrier):
        client.force_login(a_member_of(unit, 3))
        assert "Opens for you on 9 May" in text_of(client.get(carrier.get_absolute_url()))
        assert "Gold from 9 May · Silver from 11 May · Everyone from 11 May" in text_of(
            Client().get(carrier.get_absolute_url())
        )

    def test_is_marked_in_the_list_and_on_the_button(self, client, unit):
        client.force_login(a_member_of(unit, 3))
        text = text_of(client.get(PAGE))
        assert "Gold : Saturday 9 May, 02:00 (CEST) You" in text
        assert "Remind me on 9 May" in text
