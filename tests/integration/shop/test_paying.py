"""Goods go back while their points are set aside for another basket: who pays at that moment is left alone."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from oscar.test import factories

from loyalty_oscar.journeys.operations import act, undo_act
from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from tests.integration.journeys.deeds import a_campaign
from tests.integration.ledger.books import assert_clean
from tests.points import give, pay, points_club, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, ripen, send_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    """Somebody who has set aside what her only order brought, for another basket."""
    unit, user, bites = points_club(), a_user(), a_product(price="24.00")
    order = arrive(buy(user, (bites, 2), on=day(3, 1)), on=day(3, 3))
    ripen(on=day(3, 20))
    basket = use(user, a_basket(user, (bites, 1)), 48, unit=unit, at=day(3, 20))
    return SimpleNamespace(user=user, order=order, basket=basket)


@pytest.fixture
def shop():
    """A club, a member of it, and two products of 10.00."""
    return SimpleNamespace(unit=points_club(), user=a_user(), things=[a_product(price="10.00") for _ in range(2)])


def account():
    found = Account.objects.get()
    return found.available, found.reserved, found.debt


class TestGoodsThatGoBackMeanwhile:
    def test_take_what_is_set_aside_for_an_open_basket(self, member):
        send_back(member.order, 1, on=day(3, 21))
        assert account() == (0, 24, 0)
        assert applied_to(basket=reload(member.user, member.basket)).points == 24
        assert_clean()

    def test_leave_alone_what_is_set_aside_for_a_basket_that_is_being_paid_for(self, member):
        member.basket.freeze()
        send_back(member.order, 1, on=day(3, 21))
        assert account() == (0, 48, 24)
        with clock.at(day(3, 21)):
            order = factories.create_order(basket=member.basket, user=member.user)
        assert Hold.objects.get().captured == 48
        assert str(order.total_incl_tax) == "23.52"
        assert account() == (0, 0, 24)
        assert_clean()


class TestWhatIsTakenBackMeanwhile:
    """1,000 points on a basket at the gateway, and no others."""

    def paying(self, shop, thing=0, points=1000):
        basket = use(shop.user, a_basket(shop.user, (shop.things[thing], 1)), points, unit=shop.unit)
        basket.freeze()
        return basket

    def is_paid(self, basket):
        with clock.at(TODAY):
            order = pay(basket)
        assert str(order.total_incl_tax) == "0.00"
        assert_clean()

    def test_by_an_order_that_stands_again_leaves_them_alone(self, shop):
        give(shop.user, 1000, shop.unit)
        with clock.at(TODAY):
            order = pay(use(shop.user, a_basket(shop.user, (shop.things[0], 1)), 1000, unit=shop.unit))
            for status in ("Pending", "Cancelled"):
                type(order).objects.update(status=status)
                sync_orders(order_ids=[order.pk], at=TODAY)
        basket = self.paying(shop, thing=1)
        type(order).objects.filter(pk=order.pk).update(status="Pending")
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert account() == (0, 1000, 1000)
        self.is_paid(basket)

    def test_by_a_campaign_that_is_undone_leaves_them_alone(self, shop):
        a_campaign(shop.unit, points=1000)
        forget_cache()
        told = {"user_id": shop.user.pk, "occasion": "review", "detail": "1", "at": TODAY}
        act(program=shop.unit.program, **told)
        basket = self.paying(shop)
        undo_act(**told)
        assert account() == (0, 1000, 1000)
        self.is_paid(basket)

    def test_is_borne_by_the_shop_where_it_says_so(self, shop):
        Program.objects.update(debt_policy=Program.Debt.CLAMP)
        a_campaign(shop.unit, points=1000)
        forget_cache()
        told = {"user_id": shop.user.pk, "occasion": "review", "detail": "1", "at": TODAY}
        act(program=shop.unit.program, **told)
        basket = self.paying(shop)
        undo_act(**told)
        assert account() == (0, 1000, 0)
        self.is_paid(basket)

    @pytest.mark.parametrize("to", ["paused", "closed"])
    def test_by_a_program_that_stops_leaves_them_alone_until_the_gateways_time_out(self, shop, to):
        give(shop.user, 1500, shop.unit)
        basket = self.paying(shop)
        if to == "closed":
            change_state(program=shop.unit.program, to="closing", actor="staff:1", at=day(1, 3))
        change_state(program=shop.unit.program, to=to, actor="staff:1", at=TODAY)
        assert account() == (500 if to == "paused" else 0, 1000, 0)
        list(jobs.run(only="holds", at=TODAY + timedelta(minutes=5)))
        list(jobs.run(only="holds", at=TODAY + timedelta(minutes=184)))
        assert account()[1] == 1000
        list(jobs.run(only="holds", at=TODAY + timedelta(minutes=185)))
        list(jobs.run(only="programs", at=TODAY + timedelta(minutes=186)))
        assert account() == (1500 if to == "paused" else 0, 0, 0)
        assert Hold.objects.get().state == "released"
        assert basket.status == "Frozen"
        assert_clean()

    @pytest.mark.parametrize("to", ["paused", "closed"])
    def test_by_a_program_that_stops_takes_them_back_at_once_when_the_payment_fails(self, shop, to):
        give(shop.user, 1500, shop.unit)
        basket = self.paying(shop)
        if to == "closed":
            change_state(program=shop.unit.program, to="closing", actor="staff:1", at=day(1, 3))
        change_state(program=shop.unit.program, to=to, actor="staff:1", at=TODAY)
        basket.thaw()
        list(jobs.run(only="holds", at=TODAY + timedelta(minutes=5)))
        assert account()[1] == 0
