"""What becomes of used points when goods come back, an order is cancelled, stands again, or is paid a second time."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, balance, lots
from tests.orders import come_back
from tests.points import give, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, day

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Order, Line = get_model("order", "Order"), get_model("order", "Line")
MONTH = timedelta(days=30)


def account(user):
    return Account.objects.get(member__user=user)


def ready(user):
    """What is ready, set aside and to be made up; what the orders earned is on the way and of no interest here."""
    available, _pending, reserved, debt = balance(account(user))
    return available, reserved, debt


def pay(user, unit, points, *things, at=TODAY):
    """An order that used points, looked at once."""
    basket = use(user, a_basket(user, *things), points, unit=unit, at=at)
    with clock.at(at), transaction.atomic():
        order = factories.create_order(basket=basket, user=user, date_placed=at)
    return look(order, at=at)


def look(order, *, at=TODAY):
    sync_orders(order_ids=[order.pk], at=at)
    return order


def to(status, order, *, at=TODAY):
    """The order is given a status, as an admin may: no signal at all."""
    Order.objects.filter(pk=order.pk).update(status=status)
    return look(order, at=at)


def goods(price="10.00", quantity=1, title="Bone"):
    return a_product(title, price), quantity


def said(user):
    """What the entries about points that moved back or forth say, oldest first."""
    codes = ("use_returned", "used_again", "use_replaced", "order_came_to_nothing")
    rows = Entry.objects.filter(account=account(user), counter="redemption").order_by("seq")
    return [(row.because["c"], row.d_available - row.d_debt) for row in rows if row.because["c"] in codes]


class TestGoodsThatComeBack:
    def test_bring_their_share_of_the_points_unit_by_unit(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 3), goods("20.00", 1, "Bed"))
        for left, back in [(1, 200), (1, 400), (1, 600)]:
            come_back(line=order.lines.first(), quantity=left)
            look(order)
            assert ready(boris) == (back, 0, 0)
        come_back(line=order.lines.last(), quantity=1)
        look(order)
        assert ready(boris) == (1000, 0, 0)
        assert_clean()

    def test_are_looked_at_as_often_as_one_likes(self, unit, boris):
        order = pay(boris, unit, 500, goods("10.00", 2))
        come_back(line=order.lines.first(), quantity=1)
        for _again in range(3):
            look(order)
        assert (ready(boris), len(said(boris))) == ((750, 0, 0), 1)

    def test_bring_points_back_to_their_lots_with_their_dates(self, unit):
        user = a_user()
        give(user, 300, unit, source="soon", until=day(9, 30))
        give(user, 300, unit, source="late", until=day(3, 31, 2027))
        order = pay(user, unit, 400, goods("10.00", 2))
        come_back(line=order.lines.first(), quantity=2)
        look(order)
        assert [(lot[0], lot[1]) for lot in lots(account(user))][:2] == [("soon", 300), ("late", 300)]
        assert [lot.expires_at for lot in Lot.objects.order_by("pk")[:2]] == [day(9, 30), day(3, 31, 2027)]

    def test_are_known_when_their_line_is_deleted(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 1, "Bone"), goods("30.00", 1, "Bed"))
        order.lines.first().delete()
        look(order)
        assert ready(boris) == (250, 0, 0)
        to("Cancelled", order)
        assert ready(boris) == (1000, 0, 0)

    def test_are_told_apart_where_two_lines_hold_one_product_and_one_is_deleted(self, unit, boris):
        product = a_product("Engraved bowl", "10.00")
        basket = a_basket(boris, (product, 1), goods("10.00", 1, "Bed"))
        twin = basket.lines.first()
        twin.pk, twin.line_reference, twin.quantity = None, "engraved", 3
        twin.save()
        basket = use(boris, reload(boris, basket), 1000, unit=unit)
        order = look(factories.create_order(basket=basket, user=boris))
        order.lines.get(quantity=1, product=product).delete()
        look(order)
        assert ready(boris) == (200, 0, 0)
        come_back(line=order.lines.get(quantity=3), quantity=3)
        look(order)
        assert ready(boris) == (800, 0, 0)

    def test_stay_known_when_their_product_leaves_the_catalogue(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 1, "Bone"), goods("10.00", 3, "Bed"))
        bone, bed = order.lines.order_by("pk")
        bed.product.delete()
        bone.delete()
        look(order)
        assert ready(boris) == (250, 0, 0), "the bed is still with its buyer"

    def test_of_an_order_without_a_line_for_each_of_its_basket_are_found_by_their_product(self, unit, boris):
        """A shop's own creator may keep a line for itself."""
        order = pay(boris, unit, 1000, goods("10.00", 1, "Bone"), goods("30.00", 1, "Bed"))
        Line.objects.filter(pk=order.lines.first().pk).delete()
        come_back(line=order.lines.get(), quantity=1)
        look(order)
        assert ready(boris) == (1000, 0, 0)

    def test_of_a_basket_line_that_became_several_count_by_their_units(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 4))
        line = order.lines.get()
        Line.objects.filter(pk=line.pk).update(quantity=3)
        line.pk, line.quantity = None, 1
        line.save()
        to("Being processed", order)
        assert ready(boris) == (0, 0, 0)
        come_back(line=line, quantity=1)
        look(order)
        assert ready(boris) == (250, 0, 0)
        come_back(line=order.lines.get(quantity=3), quantity=3)
        look(order)
        assert ready(boris) == (1000, 0, 0)

    def test_come_with_the_last_line_that_is_deleted_and_go_when_it_is_there_again(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 1))
        line = order.lines.get()
        line.delete()
        to("Being processed", order)
        assert ready(boris) == (1000, 0, 0)
        line.save()
        to("Shipped", order)
        assert ready(boris) == (0, 0, 0)
        come_back(line=line, quantity=1)
        look(order)
        assert ready(boris) == (1000, 0, 0)


class TestTheGrace:
    """Points that ran out, or are about to, live 30 days more: once, and only for delivered goods that came back."""

    @pytest.fixture
    def carla(self, unit):
        user = a_user("carla@example.com")
        give(user, 1000, unit, until=day(5, 31))
        return user

    def test_is_for_delivered_goods_that_come_back(self, unit, carla):
        order = pay(carla, unit, 1000, goods("10.00", 2))
        arrive(order, on=TODAY)
        come_back(line=order.lines.first(), quantity=1)
        look(order, at=day(6, 10))
        assert ready(carla) == (500, 0, 0)
        assert Lot.objects.get(source="gift").expires_at == day(6, 10) + MONTH

    def test_comes_once_in_a_lots_life(self, unit, carla):
        order = pay(carla, unit, 1000, goods("10.00", 2))
        arrive(order, on=TODAY)
        for at in (day(6, 10), day(6, 20)):
            come_back(line=order.lines.first(), quantity=1)
            look(order, at=at)
        assert ready(carla) == (1000, 0, 0)
        assert Lot.objects.get(source="gift").expires_at == day(6, 10) + MONTH

    def test_is_not_for_an_order_that_was_cancelled_unpaid(self, unit, carla):
        order = pay(carla, unit, 1000, goods("10.00", 2))
        to("Cancelled", order, at=day(5, 20))
        assert ready(carla) == (1000, 0, 0)
        assert Lot.objects.get(source="gift").expires_at == day(5, 31)

    def test_keeps_no_points_alive_by_buying_and_cancelling(self, unit, carla):
        order = pay(carla, unit, 1000, goods("10.00", 2))
        to("Cancelled", order, at=day(6, 10))
        assert ready(carla) == (0, 0, 0), "they had run out"
        assert_clean()

    @pytest.mark.parametrize("times", [1, 3])
    def test_keeps_no_points_alive_by_buying_and_cancelling_what_was_delivered(self, unit, carla, times):
        for number in range(times):
            at = day(5, 10 + 6 * number)
            order = arrive(pay(carla, unit, 300, goods(), at=at), on=at)
            to("Cancelled", order, at=at + timedelta(days=2))
            assert ready(carla) == (1000, 0, 0)
        assert Lot.objects.get(source="gift").expires_at == day(5, 31)

    def test_is_not_for_goods_sent_back_before_they_were_delivered(self, unit, carla):
        order = pay(carla, unit, 1000, goods("10.00", 2))
        come_back(line=order.lines.first(), quantity=1)
        look(order, at=day(5, 20))
        assert ready(carla) == (500, 0, 0)
        assert Lot.objects.get(source="gift").expires_at == day(5, 31)


class TestACancelledOrder:
    def test_gives_all_back_once_whatever_came_back_before(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 2))
        come_back(line=order.lines.first(), quantity=1)
        look(order)
        for _again in range(2):
            to("Cancelled", order)
        assert ready(boris) == (1000, 0, 0)
        assert said(boris) == [("use_returned", 500), ("order_came_to_nothing", 500)]
        assert_clean()

    def test_uses_its_points_again_when_it_stands_again_but_for_what_came_back(self, unit, boris):
        order = pay(boris, unit, 1000, goods("10.00", 2))
        come_back(line=order.lines.first(), quantity=1)
        look(order)
        to("Cancelled", order)
        to("Pending", order)
        assert ready(boris) == (500, 0, 0)
        assert said(boris)[-1] == ("used_again", -500)
        to("Cancelled", order)
        assert ready(boris) == (1000, 0, 0)
        assert_clean()

    def test_that_stands_again_takes_points_of_an_open_basket_and_then_makes_debt(self, unit, boris):
        order = to("Cancelled", pay(boris, unit, 1000, goods("10.00", 1)))
        use(boris, a_basket(boris, goods("6.00")), 600, unit=unit)
        assert ready(boris) == (400, 600, 0)
        to("Pending", order)
        assert ready(boris) == (0, 0, 0)
        to("Cancelled", order)
        assert ready(boris) == (1000, 0, 0)
        pay(boris, unit, 900, goods("9.00", 1))
        to("Pending", order)
        assert ready(boris) == (0, 0, 900)
        to("Cancelled", order)
        assert ready(boris) == (100, 0, 0)
        assert_clean()

    def test_finds_a_twin_where_its_lot_has_no_room_any_more(self, unit):
        user = a_user()
        give(user, 500, unit, source="first", until=day(9, 30))
        first = to("Cancelled", pay(user, unit, 500, goods("5.00", 1)))
        give(user, 500, unit, source="second", until=day(12, 31))
        second = pay(user, unit, 500, goods("5.00", 1, "Bed"))  # of the first lot again
        to("Pending", first)  # of the second lot now
        to("Cancelled", first)
        to("Cancelled", second)
        assert ready(user) == (1000, 0, 0)
        dates = sorted((lot.expires_at, lot.remaining) for lot in Lot.objects.filter(remaining__gt=0))
        assert sum(points for _date, points in dates) == 1000
        assert {date for date, _points in dates} <= {day(9, 30), day(12, 31)}, "no date was made up"
        assert_clean()

    def test_puts_points_back_beside_those_of_their_lot_that_are_set_aside(self, unit, boris):
        order = pay(boris, unit, 600, goods("6.00", 1))
        use(boris, a_basket(boris, goods("4.00")), 400, unit=unit)
        to("Cancelled", order)
        assert ready(boris) == (600, 400, 0)
        assert_clean()


class TestADeclinedOrder:
    """Some gateways keep the order of a declined payment, and place the same one again."""

    def again(self, basket, order, user):
        """What such a shop does: the same row, discounts anew, and Oscar's deferred benefits once more."""
        basket.thaw()
        basket = reload(user, basket)
        with transaction.atomic():
            order.discounts.all().delete()
            for application in basket.offer_applications:
                application["message"] = application["offer"].apply_deferred_benefit(basket, order, application)
                get_class("order.utils", "OrderCreator")().create_discount_model(order, application)
        return basket

    def test_gives_its_points_back_and_takes_those_of_the_second_payment(self, unit, boris):
        basket = use(boris, a_basket(boris, goods("10.00", 2)), 600, unit=unit)
        order = look(factories.create_order(basket=basket, user=boris))
        to("Payment Declined", order)
        assert ready(boris) == (1000, 0, 0)
        basket.thaw()
        use(boris, basket, 800, unit=unit)
        basket = self.again(basket, order, boris)
        assert applied_to(basket=basket).points == 800
        to("Pending", order)
        assert ready(boris) == (200, 0, 0)
        assert list(Redemption.objects.order_by("pk").values_list("points", "is_replaced")) == [
            (600, True),
            (800, False),
        ]
        to("Cancelled", order)
        assert ready(boris) == (1000, 0, 0)
        assert_clean()

    def test_takes_them_in_place_of_the_first_even_where_nobody_said_that_it_was_declined(self, unit, boris):
        basket = use(boris, a_basket(boris, goods("10.00", 2)), 600, unit=unit)
        order = look(factories.create_order(basket=basket, user=boris))
        basket.thaw()
        use(boris, basket, 300, unit=unit)
        self.again(basket, order, boris)
        assert ready(boris) == (700, 0, 0)
        assert [row.amount for row in order.discounts.all()] == [D("3.00")]
        come_back(line=order.lines.first(), quantity=1)
        look(order)
        assert ready(boris) == (850, 0, 0)
        assert_clean()
