"""What happens when staff edit an order, by every way there is: docs/reference/edited-orders.md, row by row."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync, ProductSetRange
from loyalty_oscar.shop.orders.reconcile import decide_deleted
from loyalty_oscar.shop.orders.returns import preview
from loyalty_oscar.shop.orders.sync import sweep, sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from tests.integration.tiers.ladders import a_ladder, now
from tests.orders import come_back, imported
from tests.points import give, of, pay, use
from tests.storefront import (
    TODAY,
    a_basket,
    a_product,
    a_user,
    arrive,
    buy,
    day,
    dog_beds,
    first_order_bonus,
    ripen,
)

pytestmark = pytest.mark.django_db
Order, Line = get_model("order", "Order"), get_model("order", "Line")


def look(order, *, at=TODAY):
    """Have an order looked at, as the sweep would."""
    sync_orders(order_ids=[order.pk], at=at)


def split(line, *, pieces, price):
    """Staff make two lines of one: so many pieces go to a new line, and each piece costs so much."""
    other = Line.objects.get(pk=line.pk)
    other.pk, other.quantity = None, pieces
    line.quantity -= pieces
    for one in (line, other):
        one.line_price_incl_tax = one.line_price_excl_tax = Decimal(price) * one.quantity
        one.line_price_before_discounts_incl_tax = one.line_price_before_discounts_excl_tax = (
            one.unit_price_incl_tax * one.quantity
        )
        one.save()
    return other


def add(order, product, price, quantity=1):
    """Staff add a line to an order that is there."""
    template = order.lines.first()
    line = Line.objects.get(pk=template.pk) if template else Line(order=order, partner_name="", num_allocated=0)
    total = Decimal(price) * quantity
    line.pk, line.product, line.quantity, line.title = None, product, quantity, product.get_title()
    line.line_price_incl_tax = line.line_price_excl_tax = total
    line.line_price_before_discounts_incl_tax = line.line_price_before_discounts_excl_tax = total
    line.unit_price_incl_tax = line.unit_price_excl_tax = Decimal(price)
    line.save(force_insert=True)
    return line


def points_of(order):
    """What an order brings by now."""
    return Award.objects.get(source_id=order.pk).given


class TestPointsThatWereUsed:
    def used(self, unit, *things, points=1000):
        """An order on which points were used, looked at; its customer is left with none."""
        user = a_user()
        give(user, points, unit)
        with clock.at(TODAY):
            order = pay(use(user, a_basket(user, *things), points, unit=unit))
        look(order)
        assert of(user)[0] == 0
        return user, order

    def test_stay_used_when_a_line_is_split_and_its_discount_is_still_granted(self, unit):
        user, order = self.used(unit, (a_product(price="100.00"), 2))
        split(order.lines.get(), pieces=1, price="95.00")
        look(order)
        assert of(user)[0] == 0

    def test_come_back_with_the_discount_when_what_was_split_costs_the_full_price(self, unit):
        user, order = self.used(unit, (a_product(price="100.00"), 2))
        split(order.lines.get(), pieces=1, price="100.00")
        look(order)
        assert of(user)[0] == 1000

    def test_come_back_with_one_of_two_pieces_that_were_split_and_went_back(self, unit):
        user, order = self.used(unit, (a_product(price="100.00"), 2))
        split(order.lines.get(), pieces=1, price="95.00").delete()
        look(order)
        assert of(user)[0] == 500

    @pytest.mark.parametrize("seen_before", [True, False])
    def test_come_back_of_a_line_that_was_swapped_for_another_in_one_save(self, unit, seen_before):
        user, one, two = a_user(), a_product("One", price="73.30"), a_product("Two", price="26.70")
        give(user, 1000, unit)
        with clock.at(TODAY):
            order = pay(use(user, a_basket(user, (one, 1), (two, 1)), 1000, unit=unit))
        if seen_before:
            look(order)
        first = order.lines.get(product=one)
        with transaction.atomic():
            first.delete()
            add(order, a_product("Three", price="50.00"), "50.00")
        look(order)
        assert of(user)[0] == 733
        look(order, at=TODAY + timedelta(days=1))
        order.lines.get(product=two).delete()
        look(order, at=TODAY + timedelta(days=2))
        assert of(user)[0] == 1000

    def test_stay_used_when_a_line_is_entered_again(self, unit):
        user, order = self.used(unit, (product := a_product(price="100.00"), 1))
        line = order.lines.get()
        line.delete()
        again = add(order, product, "100.00")
        again.line_price_incl_tax = again.line_price_excl_tax = Decimal("90.00")
        again.save()
        look(order)
        assert of(user)[0] == 0

    def test_come_back_when_the_order_is_deleted_before_its_return_period_is_over(self, unit):
        user, order = self.used(unit, (a_product(price="100.00"), 1))
        order.delete()
        list(sweep(at=TODAY + timedelta(hours=1), everything=True))
        assert of(user)[:2] == (1000, 0)


class TestALineThatCameLate:
    def late(self, order, price="10.00", at=TODAY + timedelta(hours=1)):
        line = add(order, a_product("Late", price=price), price)
        look(order, at=at)
        return line

    def test_leaves_known_lines_the_double_points_of_a_range_that_is_empty_since(self, unit):
        product, user = a_product(price="100.00"), a_user()
        dog_beds(unit, product)
        forget_cache()
        order = buy(user, (product, 1), on=day(4, 1))
        assert points_of(order) == 200
        ProductSetRange.objects.get().range.remove_product(product)
        forget_cache()
        self.late(order)
        assert points_of(order) == 210

    def test_counts_on_the_prices_that_counted_when_the_order_was_placed(self, unit):
        order = imported(user=a_user(), lines=[("100.00", 1)], placed_at=day(4, 1))
        order.lines.update(line_price_excl_tax="80.00")
        look(order)
        Program.objects.get().save()
        Program.objects.update(earning_base="excl")
        forget_cache()
        self.late(order)
        assert points_of(order) == 110

    def test_leaves_alone_what_was_put_among_those_that_bring_nothing_since(self, unit):
        product = a_product(price="100.00")
        order = buy(a_user(), (product, 1), on=day(4, 1))
        gifts = get_model("offer", "Range").objects.create(name="Gifts")
        gifts.add_product(product)
        found = ProductSetFactory(code="gifts", tie__range=gifts)
        Program.objects.update(excluded_set=found)
        Program.objects.get().save()
        forget_cache()
        self.late(order)
        assert points_of(order) == 110

    def test_leaves_the_bonus_of_a_first_order_though_an_older_one_was_imported_since(self, unit):
        first_order_bonus(unit)
        forget_cache()
        user = a_user()
        order = buy(user, (a_product(price="100.00"), 1), on=day(4, 1))
        assert points_of(order) == 120
        imported(user=user, lines=[("5.00", 1)], placed_at=day(3, 1))
        self.late(order, "20.00")
        assert points_of(order) == 140

    def test_takes_nothing_back_that_a_goodwill_price_left(self, unit):
        order = buy(a_user(), (a_product(price="100.00"), 1), on=day(4, 1))
        order.lines.update(line_price_incl_tax="60.00", line_price_excl_tax="60.00")
        self.late(order)
        assert points_of(order) == 110

    def test_is_rounded_with_the_whole_order_as_it_was_then(self, unit):
        Program.objects.update(rounding="ceil", rounding_stage="line")
        Program.objects.get().save()
        forget_cache()
        order = imported(user=a_user(), lines=[("10.10", 1)] * 3, placed_at=day(4, 1))
        look(order)
        assert points_of(order) == 33
        Program.objects.update(rounding="floor", rounding_stage="order")
        Program.objects.get().save()
        forget_cache()
        self.late(order, "0.50")
        assert points_of(order) == 34

    def test_on_a_welcomed_order_leaves_the_welcome(self, unit):
        order = imported(user=a_user(), lines=[("100.00", 1)], placed_at=day(12, 1, 2024))
        sync_orders(order_ids=[order.pk], at=TODAY, batch="welcome:1")
        self.late(order)
        assert points_of(order) == 110


class TestAnOrderThatNobodyHadSeen:
    def test_counts_the_double_points_of_a_range_that_is_emptied_before_the_sweep(self, unit):
        product, user = a_product(price="100.00"), a_user()
        dog_beds(unit, product)
        forget_cache()
        order = imported(user=user, lines=[("100.00", 1)], placed_at=day(4, 1), status="Pending")
        order.lines.update(product=product)
        ProductSetRange.objects.get().range.remove_product(product)
        forget_cache()
        list(sweep(at=TODAY))
        assert points_of(order) == 200


class TestAnOrder:
    def test_that_is_deleted_the_day_it_was_placed_came_to_nothing(self, unit):
        user = a_user()
        order = buy(user, (a_product(price="100.00"), 1), on=day(4, 1))
        order.delete()
        list(sweep(at=day(4, 2), everything=True))
        assert of(user) == (0, 0, 0, 0)

    def test_that_is_deleted_once_its_return_period_is_over_keeps_what_it_brought(self, unit):
        user = a_user()
        order = arrive(buy(user, (a_product(price="100.00"), 1), on=day(4, 1)), on=day(4, 2))
        order.delete()
        list(sweep(at=day(4, 20), everything=True))
        assert sum(of(user)[:2]) == 100

    def test_that_is_deleted_unfinished_and_kept_after_all_is_ready_after_the_return_period(self, unit):
        user = a_user()
        order = buy(user, (a_product(price="100.00"), 1), on=day(4, 1))
        order.delete()
        list(sweep(at=day(4, 2), everything=True))
        decide_deleted(number=str(order.number), came_to="kept", at=day(4, 3))
        assert of(user) == (0, 100, 0, 0)
        ripen(on=day(4, 15))
        assert of(user) == (0, 100, 0, 0)
        ripen(on=day(4, 16))
        assert of(user) == (100, 0, 0, 0)
        decide_deleted(number=str(order.number), came_to="nothing", at=day(4, 17))
        assert of(user) == (0, 0, 0, 0)

    @pytest.mark.parametrize(("status", "rank"), [("Delivered", 1), ("Pending", 0)])
    def test_that_is_deleted_late_counts_for_levels_as_it_did_before(self, unit, settings, status, rank):
        settings.LOYALTY_COUNTS_FROM_STATUS = "Being processed"
        a_ladder(unit=unit, silver=90_000, gold=95_000)
        user = a_user()
        order = arrive(buy(user, (a_product(price="100.00"), 1), on=day(4, 1)), on=day(4, 2))
        for status_then, at in (("Delivered", day(4, 18)), (status, day(4, 20))):
            type(order).objects.filter(pk=order.pk).update(status=status_then)
            look(order, at=at)
        assert now(user).rank == rank
        order.delete()
        list(sweep(at=day(4, 22), everything=True))
        assert now(user).rank == rank

    def test_that_is_moved_to_another_customer_stays_with_whoever_placed_it(self, unit):
        user, other = a_user(), a_user("anna@example.com")
        order = buy(user, (a_product(price="100.00"), 1), on=day(4, 1))
        order.user = other
        order.save()
        look(order)
        assert of(user)[1] == 100
        assert not OrderSync.objects.get(order_id=order.pk).failed


class TestAQuantity:
    def test_that_staff_raise_counts_what_the_new_pieces_cost(self, unit):
        order = buy(a_user(), (a_product(price="100.00"), 1), on=day(4, 1))
        order.lines.update(quantity=3, line_price_incl_tax="250.00", line_price_excl_tax="200.00")
        look(order)
        assert points_of(order) == 250
        order.lines.update(quantity=1, line_price_incl_tax="100.00", line_price_excl_tax="100.00")
        look(order, at=TODAY + timedelta(days=1))
        assert points_of(order) == 100

    def test_that_staff_lower_takes_the_share_of_the_pieces(self, unit):
        order = buy(a_user(), (a_product(price="100.00"), 4), on=day(4, 1))
        order.lines.update(quantity=1, line_price_incl_tax="100.00", line_price_excl_tax="100.00")
        look(order)
        assert points_of(order) == 100


class TestALineBelowZero:
    """An ERP or a till writes a discount as a line of its own."""

    @pytest.mark.parametrize(
        ("lines", "points", "goods"),
        [
            ([("100.00", 1), ("-20.00", 1)], 80, [8_000]),
            ([("-20.00", 1), ("60.00", 1), ("40.00", 1)], 80, [4_800, 3_200]),
            ([("33.33", 3), ("-10.01", 1), ("-0.01", 2)], 89, [8_996]),
            ([("0.00", 1), ("30.00", 1), ("-10.00", 1)], 20, [0, 2_000]),
            ([("10.00", 1), ("-20.00", 1)], 0, [0]),
        ],
    )
    def test_comes_off_the_goods_and_is_none(self, unit, lines, points, goods):
        order = imported(user=a_user(), lines=lines, placed_at=day(4, 1))
        look(order)
        assert points_of(order) == points
        parts = OrderSync.objects.get(order_id=order.pk).placed["parts"]
        assert [part[4] for part in parts] == goods
        receipt = Receipt.objects.get(order_id=order.pk)
        assert preview(order=order, at=TODAY).minor == sum(goods)
        assert (receipt.paid_minor, receipt.pieces) == (sum(goods), sum(n for price, n in lines if price[0] != "-"))

    def test_goes_with_the_goods_that_come_back(self, unit):
        order = imported(user=a_user(), lines=[("60.00", 1), ("40.00", 1), ("-20.00", 1)], placed_at=day(4, 1))
        look(order)
        come_back(line=order.lines.get(line_price_incl_tax=40), quantity=1)
        look(order)
        assert points_of(order) == 48

    def test_counts_without_tax_where_the_program_does(self, unit):
        Program.objects.update(earning_base="excl")
        forget_cache()
        order = imported(user=a_user(), lines=[("119.00", 1), ("-23.80", 1)], placed_at=day(4, 1))
        for paid, bare in (("119.00", "100.00"), ("-23.80", "-20.00")):
            order.lines.filter(line_price_incl_tax=paid).update(line_price_excl_tax=bare)
        look(order)
        assert points_of(order) == 80

    def test_that_staff_add_or_delete_is_a_gesture_like_another_price(self, unit):
        product = a_product(price="100.00")
        order = buy(a_user(), (product, 1), on=day(4, 1))
        line = add(order, a_product("Sorry"), "-20.00")
        look(order)
        assert points_of(order) == 100
        line.delete()
        look(order)
        assert points_of(order) == 100

        order = imported(user=a_user("anna@example.com"), lines=[("100.00", 1), ("-20.00", 1)], placed_at=day(4, 1))
        look(order)
        order.lines.get(line_price_incl_tax=-20).delete()
        look(order)
        assert points_of(order) == 80
