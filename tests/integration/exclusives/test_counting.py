"""Counted pieces stay right whatever happens around them: tabs, returns, changed sets, merged baskets, hoarders."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_class, get_model

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.exclusives.words import sold_out
from loyalty_oscar.shop.orders.sync import sync_orders
from tests.storefront import a_product, arrive, buy, send_back, text_of

from .sales import GOLD, GOLD_FROM, a_member_of, a_sale

pytestmark = pytest.mark.django_db
Order, Line, Basket = (get_model(*name) for name in (("order", "Order"), ("order", "Line"), ("basket", "Basket")))
LATER = GOLD_FROM + timedelta(days=1)
MINUTE = timedelta(minutes=1)


def taken():
    """What the locked row says, and what the places hold."""
    return QuotaCounter.objects.get().taken, sum(Reservation.objects.values_list("quantity", flat=True))


def reserve(sale, quantity, *, slot="basket:1", at=GOLD_FROM, user_id=1):
    operations.reserve(wanted={sale: quantity}, user_id=user_id, slot=slot, at=at)


def leave(product):
    """Take a product out of the range of the sale."""
    get_model("offer", "Range").objects.get(name="trail").remove_product(product)
    forget_cache()


class TestABasketThatIsChanged:
    @pytest.mark.parametrize("meanwhile", [1, 5])
    def test_gives_back_what_it_has_and_not_what_it_had(self, unit, carrier, monkeypatch, meanwhile):
        sale, plain = a_sale(unit, carrier, quota=20), operations.lock_counts
        reserve(sale, 7, slot="basket:9", user_id=9)
        reserve(sale, 3)

        def another_tab(*, sale_ids):
            sale_ids = list(sale_ids)
            monkeypatch.setattr(operations, "lock_counts", plain)
            reserve(sale, meanwhile)
            return plain(sale_ids=sale_ids)

        monkeypatch.setattr(operations, "lock_counts", another_tab)
        operations.release(slot="basket:1")
        assert taken() == (7, 7)

    def test_gives_nothing_back_twice(self, unit, carrier):
        reserve(a_sale(unit, carrier, quota=20), 3)
        for _ in range(2):
            operations.release(slot="basket:1")
        assert taken() == (0, 0)


class TestAnOrderOfASaleThatChanged:
    def test_keeps_its_pieces_when_the_product_left(self, unit, carrier):
        a_sale(unit, carrier, quota=10)
        order = buy(a_member_of(unit, GOLD), (carrier, 3), on=GOLD_FROM)
        leave(carrier)
        arrive(order, on=LATER)
        assert taken() == (3, 3)

    def test_gives_back_what_came_back_all_the_same(self, unit, carrier):
        a_sale(unit, carrier, quota=10)
        order = buy(a_member_of(unit, GOLD), (carrier, 3), on=GOLD_FROM)
        leave(carrier)
        send_back(order, 1, on=LATER)
        assert taken() == (2, 2)

    def test_gives_nothing_back_for_what_was_in_no_sale_then(self, unit, carrier):
        other = a_product("Bowl", "9.00")
        a_sale(unit, carrier, quota=10)
        order = buy(a_member_of(unit, GOLD), (other, 2), (carrier, 3), on=GOLD_FROM)
        get_model("offer", "Range").objects.get(name="trail").add_product(other)
        forget_cache()
        send_back(order, 2, on=LATER)
        assert taken() == (3, 3)

    def test_keeps_its_pieces_when_the_product_is_deleted(self, unit, carrier):
        a_sale(unit, carrier, quota=10)
        order = buy(a_member_of(unit, GOLD), (carrier, 3), on=GOLD_FROM)
        carrier.delete()
        forget_cache()
        arrive(order, on=LATER)
        assert taken() == (3, 3)


class TestAnOrderWithoutABasket:
    def order(self, user, *lines):
        """Lines written one by one, as an import or a call centre does."""
        zero = dict.fromkeys(("total_incl_tax", "total_excl_tax"), 1)
        prices = ("line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax")
        more = {"num_allocated": 0, "partner_sku": "s", "line_price_before_discounts_excl_tax": 1}
        with clock.at(GOLD_FROM), transaction.atomic():
            found = Order.objects.create(number="x1", user=user, currency="EUR", date_placed=GOLD_FROM, **zero)
            for product, quantity in lines:
                about = {"title": product.title, **dict.fromkeys(prices, 1), **more}
                Line.objects.create(order=found, product=product, quantity=quantity, **about)
        return found

    def test_is_counted_line_by_line(self, unit, carrier):
        bowl = a_product("Bowl", "9.00")
        a_sale(unit, carrier, bowl, quota=10)
        order = self.order(a_member_of(unit, GOLD), (carrier, 1), (bowl, 4), (carrier, 2))
        assert taken() == (7, 7)
        assert Reservation.objects.get().bought == {str(carrier.pk): 3, str(bowl.pk): 4}
        sync_orders(order_ids=[order.pk], at=LATER)
        assert taken() == (7, 7)

    @pytest.mark.parametrize("limit", [{"quota": 9}, {"quota": 20, "per_member": 2}])
    def test_is_refused_at_the_line_that_is_too_much(self, unit, carrier, limit):
        bowl = a_product("Bowl", "9.00")
        a_sale(unit, carrier, bowl, **limit)
        with pytest.raises(NotForSale, match="left for you"):
            self.order(a_member_of(unit, GOLD), (carrier, 1), (bowl, 9))
        assert taken() == (0, 0)
        assert not Order.objects.exists()


class TestAGuestWhoSignsIn:
    def test_has_the_piece_that_the_basket_reserved_before(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=1)
        strategy = get_class("partner.strategy", "Selector")().strategy()
        guest, own = Basket.objects.create(), Basket.objects.create(owner=a_member_of(unit, GOLD))
        guest.strategy = own.strategy = strategy
        guest.add_product(carrier, 1)
        reserve(sale, 1, slot=f"basket:{guest.pk}", user_id=None)
        own.merge(guest, add_quantities=False)
        assert taken() == (0, 0)
        reserve(sale, 1, slot=f"basket:{own.pk}", user_id=own.owner_id)
        assert (taken(), Reservation.objects.get().slot) == ((1, 1), f"basket:{own.pk}")


class TestABasketThatRenewsForEver:
    def test_keeps_its_pieces_for_an_hour_then_others_have_their_turn(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        for minutes in (0, 14, 28, 42, 56):
            reserve(sale, 10, at=GOLD_FROM + minutes * MINUTE)
        with pytest.raises(operations.SoldOut):
            reserve(sale, 1, slot="basket:2", user_id=2, at=GOLD_FROM + 59 * MINUTE)
        for minutes in (60, 74):
            with pytest.raises(operations.KeptTooLong) as refused:
                reserve(sale, 10, at=GOLD_FROM + minutes * MINUTE)
        assert sold_out(refused.value).endswith("now it is others’ turn. Try again at 03:15 (CEST).")
        reserve(sale, 1, slot="basket:2", user_id=2, at=GOLD_FROM + 74 * MINUTE)
        assert taken() == (1, 1)

    def test_may_have_what_is_left_a_quarter_of_an_hour_later(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        for minutes in (0, 14, 28, 42, 56):
            reserve(sale, 10, at=GOLD_FROM + minutes * MINUTE)
        reserve(sale, 3, slot="basket:2", user_id=2, at=GOLD_FROM + 70 * MINUTE)
        reserve(sale, 7, at=GOLD_FROM + 75 * MINUTE)
        assert taken() == (10, 10)

    def test_is_not_one_that_came_back_after_a_pause(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        for minutes in (0, 20, 40, 60, 80):
            reserve(sale, 10, at=GOLD_FROM + minutes * MINUTE)
        assert taken() == (10, 10)

    def test_leaves_nothing_behind(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        for minutes in (0, 14, 28, 42, 56):
            reserve(sale, 10, at=GOLD_FROM + minutes * MINUTE)
        assert list(operations.sweep(at=GOLD_FROM + 60 * MINUTE)) == [10]
        assert taken() == (0, 0)
        list(operations.sweep(at=GOLD_FROM + 75 * MINUTE))
        assert not Reservation.objects.exists()


class TestAQuotaThatComesLater:
    def test_begins_with_what_was_sold_before(self, unit, carrier):
        sale = a_sale(unit, carrier)
        order = buy(a_member_of(unit, GOLD), (carrier, 5), on=GOLD_FROM)
        send_back(order, 1, on=LATER)
        sale = Sale.objects.get()
        sale.quota = 10
        sale.save()
        forget_cache()
        assert taken() == (4, 4)
        assert operations.miscounted() == {}
        with pytest.raises(operations.SoldOut):
            reserve(sale, 7, at=LATER)
        reserve(sale, 6, at=LATER)

    def test_sells_members_no_more_than_theirs_with_what_they_had(self, unit, carrier):
        sale, gold = a_sale(unit, carrier), a_member_of(unit, GOLD)
        buy(gold, (carrier, 2), on=GOLD_FROM)
        assert operations.miscounted() == {}
        sale.per_member = 3
        sale.save()
        with pytest.raises(operations.SoldOut):
            reserve(sale, 2, user_id=gold.pk)
        reserve(sale, 1, user_id=gold.pk)
        assert taken() == (3, 3)
        QuotaCounter.objects.update(taken=1)
        assert operations.miscounted() == {sale.pk: 3}

    def test_stays_right_though_another_process_sold_more_before_it_knew(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=5)
        order = buy(a_member_of(unit, GOLD), (carrier, 4), on=GOLD_FROM)
        Reservation.objects.create(sale=sale, order_id=10**6, quantity=3, bought={str(carrier.pk): 3})
        send_back(order, 1, on=LATER)
        assert QuotaCounter.objects.get().taken == 5
        assert operations.miscounted() == {}
        order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=LATER)
        assert taken() == (3, 3)


class TestASoldOutProduct:
    def look(self, user, product, at):
        client = Client()
        client.force_login(user)
        with clock.at(at):
            return client.get(product.get_absolute_url())

    def test_has_no_basket_button_until_a_piece_comes_back(self, unit, carrier):
        reserve(a_sale(unit, carrier, quota=1), 1, slot="basket:9", user_id=9)
        gold, button = a_member_of(unit, GOLD), reverse("basket:add", args=[carrier.pk])
        page = self.look(gold, carrier, GOLD_FROM)
        assert button not in page.content.decode()
        assert "First on the trail: nothing is left for you." in text_of(page)
        page = self.look(gold, carrier, GOLD_FROM + 15 * MINUTE)
        assert button in page.content.decode()
        assert "nothing is left" not in text_of(page)
