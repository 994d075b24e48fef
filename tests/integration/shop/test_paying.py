"""Goods go back while their points are set aside for another basket: who pays at that moment is left alone."""

from types import SimpleNamespace

import pytest
from oscar.test import factories

from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.points import points_club, reload, use
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, ripen, send_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    """Somebody who has set aside what her only order brought, for another basket."""
    unit, user, bites = points_club(), a_user(), a_product(price="24.00")
    order = arrive(buy(user, (bites, 2), on=day(3, 1)), on=day(3, 3))
    ripen(on=day(3, 20))
    basket = use(user, a_basket(user, (bites, 1)), 48, unit=unit, at=day(3, 20))
    return SimpleNamespace(user=user, order=order, basket=basket)


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
