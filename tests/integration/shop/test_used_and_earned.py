"""One order uses points and earns some: both sides of what happens to it are worked out together."""

import pytest

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Lot
from loyalty_oscar.ledger.operations import mature_due
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.orders import Order, come_back
from tests.points import account, give, of, pay, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, day

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
RIPE = day(6, 1)


def look(order, *, at=TODAY):
    sync_orders(order_ids=[order.pk], at=at)
    return order


def buy(user, unit, price, *, points=0):
    """An order, delivered, and what it earned ready."""
    basket = a_basket(user, (a_product("Bed", price), 1))
    order = look(pay(use(user, basket, points, unit=unit) if points else basket))
    arrive(order, on=TODAY)
    list(mature_due(at=RIPE))
    return order


def to(status, order):
    Order.objects.filter(pk=order.pk).update(status=status)
    look(order, at=RIPE)


class TestWhatAnOrderEarns:
    @pytest.mark.parametrize(("points", "earned"), [(1, 99), (100, 99), (5050, 49), (9999, 0), (10000, 0)])
    def test_counts_what_is_left_to_pay(self, unit, points, earned):
        user = a_user()
        give(user, 10_000, unit)
        look(pay(use(user, a_basket(user, (a_product("Bed", "100.00"), 1)), points, unit=unit)))
        assert of(user) == (10_000 - points, earned, 0, 0)


class TestAReturn:
    def test_lets_the_points_that_come_back_pay_for_those_that_go(self, unit):
        user = a_user()
        give(user, 500, unit)
        order = buy(user, unit, "20.00", points=500)
        assert of(user) == (15, 0, 0, 0)
        with clock.at(RIPE):
            pay(use(user, a_basket(user, (a_product("Bone", "0.15"), 1)), 15, unit=unit, at=RIPE))
        assert of(user) == (0, 0, 0, 0)
        come_back(line=order.lines.get(), quantity=1)
        look(order, at=RIPE)
        assert of(user) == (485, 0, 0, 0), "nothing is to be made up"
        assert_clean()


class TestAnOrderThatStandsAgain:
    """What it earned was set aside for another basket meanwhile, so that its lot has no room."""

    def test_has_a_twin_of_its_lot_where_its_points_are_set_aside(self, unit):
        user = a_user()
        earning = buy(user, unit, "100.00")
        with clock.at(RIPE):
            basket = use(user, a_basket(user, (a_product("Bone", "1.00"), 1)), 100, unit=unit, at=RIPE)
            give(user, 100, unit, until=day(12, 31, 2030), at=RIPE)
            to("Cancelled", earning)
            assert of(user) == (0, 0, 100, 0), "other points were taken, those that are set aside stay"
            to("Delivered", earning)
            assert of(user) == (100, 0, 100, 0)
            own = Lot.objects.filter(remaining__gt=0).get()
            assert own.expires_at == Lot.objects.get(reserved=100).expires_at
            bone = look(pay(basket), at=RIPE)
            come_back(line=bone.lines.get(), quantity=1)
            look(bone, at=RIPE)
        assert of(user) == (200, 0, 0, 0)
        assert_clean()

    def test_has_its_points_again_where_they_were_taken_out_of_an_open_basket(self, unit):
        user = a_user()
        earning = buy(user, unit, "100.00")
        with clock.at(RIPE):
            use(user, a_basket(user, (a_product("Bone", "1.00"), 1)), 60, unit=unit, at=RIPE)
            to("Cancelled", earning)
            assert of(user) == (0, 0, 0, 0)
            to("Delivered", earning)
        assert of(user) == (100, 0, 0, 0)
        assert_clean()


class TestAnOrderWhosePointsRanOut:
    @pytest.mark.parametrize("policy", ["debt", "clamp"])
    @pytest.mark.parametrize("used", [0, 8])
    def test_leaves_no_false_debt_however_often_it_is_cancelled_and_stands_again(self, unit, policy, used):
        Program.objects.update(debt_policy=policy)
        forget_cache()
        user = a_user()
        order = buy(user, unit, "20.00")
        if used:
            ledger.adjust(
                account_id=account(user).pk, points=-used, key="m", because=Because("adjusted"), actor="staff:1",
                note="x", at=RIPE,
            )  # fmt: skip
        Lot.objects.update(expires_at=RIPE)
        debts = []
        for _ in range(3):
            to("Cancelled", order)
            debts.append(of(user)[3])
            to("Pending", order)
            assert of(user) == (0, 0, 0, 0)
        assert debts == [used if policy == "debt" else 0] * 3
        assert_clean()
