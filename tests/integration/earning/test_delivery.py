"""Points for delivery where a rule counts it: promised in the basket, brought by the order, gone when paid back."""

from decimal import Decimal

import pytest
from django.urls import reverse
from oscar.apps.shipping.methods import FixedPrice
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award, RuleBudget
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.ledger.operations.foresight import foreseen
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import a_set
from tests.integration.ledger.books import assert_clean
from tests.storefront import (
    TODAY,
    a_basket,
    a_club_without_rules,
    a_product,
    a_user,
    arrive,
    buy,
    day,
    numbers,
    send_back,
    text_of,
)

pytestmark = pytest.mark.django_db
Order, Repository = get_model("order", "Order"), "oscar.apps.shipping.repository.Repository"
COUNTED = {"currency": "EUR", "points": 1, "step_minor": 100, "delivery": True}


def by_post(incl="4.90", excl=None):
    return FixedPrice(charge_excl_tax=Decimal(excl or incl), charge_incl_tax=Decimal(incl))


@pytest.fixture
def unit(db):
    return a_club_without_rules()


@pytest.fixture
def rule(unit):
    def saved(code="base", type="per-amount", params=COUNTED, *conditions):
        narrowed = [{"code": name, "params": told} for name, told in conditions]
        told = {"code": code, "name": code.capitalize(), "type": type, "params": params, "narrowed": narrowed}
        found = save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        forget_cache()
        return found

    return saved


def sent(*things, by="boris@example.com", method=None):
    """An order of things at 10.00 each, sent by post for 4.90."""
    return buy(a_user(by), *things, on=TODAY, shipping_method=method or by_post())


def given(order):
    return Award.objects.get(source_id=order.pk).given


def charge(order, amount):
    """Staff change what the order's delivery costs."""
    order.refresh_from_db()
    order.shipping_incl_tax = order.shipping_excl_tax = Decimal(amount)
    order.save()
    sync_orders(order_ids=[order.pk], at=day(5, 8))
    return given(order)


class TestAnOrder:
    @pytest.mark.parametrize(("params", "points"), [(COUNTED, 24), ({**COUNTED, "delivery": False}, 20)])
    def test_brings_points_for_delivery_where_the_rule_says_so(self, rule, params, points):
        rule(params=params)
        assert given(sent((a_product(price="10.00"), 2))) == points

    def test_says_in_its_why_what_was_paid_for_delivery(self, rule):
        rule()
        award = Award.objects.get(source_id=sent((a_product(price="10.00"), 2)).pk)
        rows = [(row.text, row.value) for row in why_rows(because=award.because, unit=award.unit)]
        assert rows[:2] == [("Goods, after discounts", "€20.00"), ("Delivery", "€4.90")]
        assert rows[-1] == ("Rounded down", "24\xa0paws")

    def test_is_rounded_once_with_the_delivery_and_multiplied(self, rule):
        rule(), rule("double", "multiplier", {"percent": 200})
        # 0.55 and 4.90 are 5.45, twice: neither 0 and 9 nor 1 and 9.
        assert given(sent((a_product(price="0.55"), 1))) == 10

    def test_has_its_delivery_multiplied_only_where_a_multiplier_asks_for_no_products(self, rule):
        bed = a_product("Bed", "10.00")
        a_set(bed, code="beds")
        rule(), rule("double", "multiplier", {"percent": 200}, ("product-set", {"sets": ["beds"]}))
        assert given(sent((bed, 1))) == 24

    def test_counts_delivery_without_tax_where_goods_count_so(self, rule):
        Program.objects.update(earning_base="excl")
        forget_cache()
        rule()
        assert given(sent((a_product(price="10.00"), 2), method=by_post("5.95", "5.00"))) == 25

    def test_that_nothing_in_it_counts_for_brings_none_for_its_delivery(self, rule):
        rule()
        assert given(sent((a_product(price="0.00"), 1))) == 0

    def test_never_counts_delivery_as_goods_that_it_has_to_come_to(self, rule):
        rule("order", "per-order", {"points": 50}, ("minimum-spend", {"currency": "EUR", "minimum_minor": 2200}))
        rule()
        assert given(sent((a_product(price="10.00"), 2))) == 24

    def test_takes_points_for_delivery_from_the_budget_of_the_rule(self, rule):
        rule("base", "per-amount", COUNTED, ("budget", {"points": 22}))
        order = sent((a_product(price="10.00"), 2))
        assert (given(order), RuleBudget.objects.get().taken) == (22, 22)

    def test_to_which_a_line_comes_late_counts_its_delivery_once(self, rule):
        rule()
        order = sent((a_product(price="10.00"), 2))
        line = order.lines.get()
        line.pk, line.product, line.title = None, a_product("Bed", "10.00"), "Bed"
        line.save(force_insert=True)
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert given(order) == 44
        assert_clean()


class TestPointsForDelivery:
    @pytest.fixture
    def order(self, rule):
        rule()
        return sent((a_product(price="10.00"), 2))

    def test_stay_with_the_last_piece_and_go_with_it(self, order):
        found = []
        for number in (7, 8):
            send_back(order, 1, on=day(5, number))
            found.append(given(order))
        assert found == [14, 0]
        assert_clean()

    def test_go_with_a_cancelled_order_and_come_again_with_it(self, order):
        found = []
        for status in ("Cancelled", "Pending"):
            Order.objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(5, 7))
            found.append(given(order))
        assert found == [0, 24]

    def test_go_as_far_as_the_delivery_is_paid_back(self, order):
        # 4 points for 4.90: of 2.45 paid back two go, as of goods.
        assert [charge(order, amount) for amount in ("2.45", "0.00", "4.90", "9.90")] == [22, 20, 24, 24]
        assert_clean()

    def test_are_named_by_the_preview_of_a_return(self, order):
        from dataclasses import replace

        from loyalty_oscar.earning.effects import earning
        from loyalty_oscar.kernel.left import as_if
        from loyalty_oscar.shop.orders.facts import gather_orders

        (facts,) = gather_orders(order_ids=[order.pk], set_codes=(), at=TODAY)
        for pieces, points in ((1, -10), (2, -24)):
            back = as_if(order=facts, rows=[replace(row, gone=pieces) for row in facts.rows])
            with foreseen() as entries:
                earning.foresee(orders=[back], at=TODAY)
            assert sum(entry.d_pending for entry in entries) == points

    def test_stay_when_the_order_is_deleted_after_the_return_period(self, order):
        order_id = arrive(order, on=day(5, 7)).pk
        order.delete()
        sync_orders(order_ids=[order_id], at=day(6, 30))
        assert Award.objects.get().given == 24


class TestABasket:
    @pytest.fixture
    def page(self, client, monkeypatch):
        monkeypatch.setattr(f"{Repository}.methods", (by_post(),))
        user = a_user()
        client.force_login(user)
        a_basket(user, (a_product(price="10.00"), 2))

        def told():
            with clock.at(TODAY):
                return client.get(reverse("basket:summary"))

        return told

    def test_promises_what_the_order_brings_and_says_that_delivery_counts(self, rule, page):
        rule()
        answer = page()
        assert numbers(answer, "earn") == [24]
        assert "14 days after delivery. Delivery counts, too." in text_of(answer)

    def test_promises_nothing_for_delivery_without_such_a_rule(self, rule, page):
        rule(params={**COUNTED, "delivery": False})
        answer = page()
        assert numbers(answer, "earn") == [20]
        assert "Delivery itself brings none." in text_of(answer)

    def test_is_told_so_on_a_product_too(self, rule, client):
        rule()
        product = a_product(price="10.00")
        with clock.at(TODAY):
            page = text_of(client.get(product.get_absolute_url()))
        assert "Earn 10 paws" in page and "Delivery counts, too." in page
