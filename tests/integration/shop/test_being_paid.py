"""Which baskets are being paid for, as everybody is told who keeps something for them."""

from datetime import timedelta

import pytest
from django.db import transaction
from oscar.core.loading import get_model
from oscar.test.factories import create_order

from loyalty_oscar.ledger.operations import settle_holds
from loyalty_oscar.program.paying import being_paid, payments
from loyalty_oscar.shop.storefront import basket_holds as slots
from tests.integration.ledger.books import balance
from tests.points import use
from tests.storefront import TODAY, a_basket, a_product

pytestmark = pytest.mark.django_db
Basket = get_model("basket", "Basket")


def after(**units):
    """A moment after the points were set aside."""
    return TODAY + timedelta(**units)


def paid(*baskets, at=TODAY):
    """Which of these baskets are being paid for."""
    asked = [slots.slot_of(basket=basket) for basket in baskets]
    found = being_paid(slots=asked, at=at)
    return [basket for basket, slot in zip(baskets, asked, strict=True) if slot in found]


@pytest.fixture
def basket(user, account, unit):
    """A basket with 600 points, set aside TODAY."""
    return use(user, a_basket(user, (a_product(), 2)), 600, unit=unit)


@pytest.fixture
def other(user):
    """A basket that nothing is set aside for."""
    return a_basket(user, (a_product("Other"), 1))


class TestABasketThatIsFrozen:
    def test_is_being_paid_for(self, basket, other):
        basket.freeze()
        assert paid(basket, other) == [basket]

    def test_is_no_more_after_the_gateways_own_time_out(self, basket, account):
        basket.freeze()
        settle_holds(account_id=account.pk, fates=slots.fates, at=after(minutes=10))
        assert paid(basket, at=after(minutes=189)) == [basket]
        assert paid(basket, at=after(minutes=190)) == []

    def test_is_until_the_time_out_counted_from_when_that_was_first_seen(self, basket):
        basket.freeze()
        assert paid(basket, at=after(hours=9)) == [basket]

    def test_is_no_more_once_it_is_ordered(self, basket, unit):
        create_order(basket=basket, user=basket.owner)
        Basket.objects.update(status="Frozen")
        assert paid(basket) == []

    def test_is_again_after_its_order_was_declined(self, user, unit, account, other):
        order = create_order(basket=other, user=user)
        type(order).objects.update(date_placed=after(hours=-1))
        Basket.objects.update(status="Open")
        use(user, other, 100, unit=unit).freeze()
        assert paid(other) == [other]

    def test_is_though_nothing_is_set_aside_for_it(self, other):
        other.freeze()
        assert paid(other) == [other]

    def test_is_for_the_transaction_that_froze_it_too(self, basket):
        with transaction.atomic():
            basket.freeze()
            assert paid(basket) == [basket]


class TestABasketThatIsNot:
    @pytest.mark.parametrize("status", ["Open", "Merged", "Saved", "Submitted"])
    def test_is_not_being_paid_for(self, basket, status):
        Basket.objects.update(status=status)
        assert paid(basket) == []

    def test_is_not_though_its_row_is_locked_by_who_asks(self, basket):
        with transaction.atomic():
            Basket.objects.select_for_update().get(pk=basket.pk)
            assert paid(basket) == []

    def test_is_not_when_it_is_gone(self, basket):
        slot = slots.slot_of(basket=basket)
        basket.delete()
        assert being_paid(slots=[slot]) == frozenset()


class TestAsking:
    def test_costs_one_statement_while_nobody_pays(self, basket, other, django_assert_num_queries):
        with transaction.atomic(), django_assert_num_queries(1):
            assert paid(basket, other) == []

    def test_costs_one_more_for_the_time_of_those_who_do(self, basket, other, django_assert_num_queries):
        basket.freeze()
        with transaction.atomic(), django_assert_num_queries(2):
            assert paid(basket, other) == [basket]

    @pytest.mark.parametrize("asked", [[], ["table:7", "basket:x", "basket:"]])
    def test_costs_none_where_there_is_no_basket(self, asked, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert being_paid(slots=asked) == frozenset()

    def test_is_open_to_other_kinds_of_slots(self, basket):
        payments.register("table")(lambda *, slots, at, peek: {slot for slot in slots if slot == "table:7"})
        try:
            basket.freeze()
            asked = [slots.slot_of(basket=basket), "table:7", "table:8"]
            assert being_paid(slots=asked) == {asked[0], "table:7"}
        finally:
            payments.unregister("table")

    def test_moves_nothing(self, basket, account):
        basket.freeze()
        paid(basket)
        assert balance(account) == (400, 0, 600, 0)
