"""A fault of ours in what we hang onto the shop's models is logged and reaches nobody; what we refuse is refused."""

import logging

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test.factories import create_order

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.shop.exclusives import backstop, checkout
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.referrals import attribution
from tests.integration.exclusives.sales import GOLD, GOLD_FROM, a_member_of, a_sale
from tests.integration.referrals.friendly import register
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_basket, a_club, a_product, day, fill

pytestmark = pytest.mark.django_db
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")


@pytest.fixture
def sale():
    unit = a_club()
    a_ladder(unit=unit)
    found = a_sale(unit, a_product("Explorer carrier", "57.90"), quota=5)
    found.buyer = a_member_of(unit, GOLD)
    return found


@pytest.fixture
def product(sale):
    return get_model("catalogue", "Product").objects.get()


def break_down(*args, **kwargs):
    raise RuntimeError("a fault of ours")


@pytest.fixture
def logged(caplog):
    with caplog.at_level(logging.ERROR, logger="loyalty_oscar"):
        yield caplog


class TestABasket:
    @pytest.fixture(autouse=True)
    def broken(self, sale, monkeypatch):
        monkeypatch.setattr(checkout.operations, "release", break_down)

    def test_is_filled_and_changed(self, client, sale, product, logged):
        client.force_login(sale.buyer)
        with clock.at(GOLD_FROM):
            client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1})
            client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1})
        assert Basket.objects.get().num_items == 2
        assert "the pieces that are reserved go back by themselves" in logged.text

    def test_is_emptied(self, sale, product, logged):
        with clock.at(GOLD_FROM):
            basket = a_basket(sale.buyer, (product, 1))
            basket.lines.get().delete()
        assert not basket.lines.exists()
        assert "basket_changed" in logged.text

    def test_goes_up_in_another_at_login(self, sale, product, logged):
        with clock.at(GOLD_FROM):
            own, strangers = a_basket(sale.buyer, (product, 1)), fill(Basket.objects.create(), (product, 1))
            own.merge(strangers)
        assert own.num_items == 2
        assert "basket_merged" in logged.text


class TestAnOrder:
    def test_is_placed_though_nobody_could_look_who_may_have_it(self, sale, product, logged, monkeypatch):
        monkeypatch.setattr(backstop, "sales_in_force", break_down)
        with clock.at(GOLD_FROM):
            order = create_order(basket=a_basket(sale.buyer, (product, 1)), user=sale.buyer)
        assert order.lines.count() == 1
        assert "without a look at who may have it" in logged.text

    def test_is_refused_to_who_may_not_have_it(self, sale, product, logged):
        stranger = a_member_of(sale.program.unit, 0)
        with clock.at(day(5, 8)):
            basket = a_basket(stranger)
            basket.lines.create(product=product, quantity=1, line_reference="1", stockrecord=product.stockrecords.get())
        with clock.at(GOLD_FROM), pytest.raises(NotForSale), transaction.atomic():
            create_order(basket=fill(Basket.objects.get(pk=basket.pk)), user=stranger)
        assert not Order.objects.exists()
        assert Sale.objects.get().count.taken == 0
        assert logged.text == ""


class TestARegistration:
    def test_goes_through(self, client, sale, logged, monkeypatch):
        monkeypatch.setattr(attribution, "visit_of", break_down)
        assert register(client).status_code == 302
        assert "was not tied to whoever invited" in logged.text


class Refused(Exception):
    pass


class TestAHarmlessReceiver:
    def test_lets_refusals_through_and_logs_the_rest(self, logged):
        @harmless(but=Refused, later="somebody looks later")
        def refuses(sender, error, **kwargs):
            raise error

        with pytest.raises(Refused):
            refuses(sender=None, error=Refused())
        assert refuses(sender=None, error=ValueError()) is None
        assert "could not be noted (refuses); somebody looks later" in logged.text

    def test_passes_over_rows_that_are_loaded_raw(self):
        @harmless
        def counts(sender, **kwargs):
            seen.append(sender)

        seen = []
        counts(sender=1, raw=True)
        counts(sender=2, raw=False)
        assert seen == [2]

    @pytest.mark.parametrize("savepoint", [True, False])
    def test_raises_what_broke_the_transaction_around_it(self, logged, savepoint):
        @harmless
        def refused_by_the_database(sender, **kwargs):
            with transaction.atomic(savepoint=savepoint):
                raise IntegrityError("no such piece")

        with transaction.atomic():
            if savepoint:
                refused_by_the_database(sender=None)
                assert "could not be noted" in logged.text
                return
            with pytest.raises(IntegrityError, match="no such piece"):
                refused_by_the_database(sender=None)
            transaction.set_rollback(False)
        assert logged.text == ""
