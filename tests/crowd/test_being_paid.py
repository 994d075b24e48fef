"""A payment in a transaction that nobody sees into: its basket is known by the lock of its row."""

from contextlib import contextmanager
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from oscar.core.loading import get_model

from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.shop.storefront import basket_holds
from tests.points import reload

from .using import a_member, a_shop, baskets_of, place, use

pytestmark = pytest.mark.django_db(transaction=True)
Basket = get_model("basket", "Basket")
PATIENCE = 30


@contextmanager
def meanwhile(what):
    """Somebody else has done something in a transaction that is still open."""
    ready, leave, trouble = Event(), Event(), []

    def other():
        try:
            with transaction.atomic():
                what()
                ready.set()
                assert leave.wait(PATIENCE)
        except Exception as error:  # noqa: BLE001 - told below
            trouble.append(error)
        finally:
            ready.set()
            connection.close()

    thread = Thread(target=other)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield
    finally:
        leave.set()
        thread.join(PATIENCE)
    assert trouble == []


@pytest.fixture
def shop():
    return a_shop()


@pytest.fixture
def member(shop):
    return a_member(shop, 700)


@pytest.fixture
def basket(shop, member):
    basket = baskets_of(member, shop, 2)[0]
    use(shop, member, basket, 500)
    return basket


def paid(member):
    asked = [basket_holds.slot_of(basket=basket) for basket in member.baskets]
    return [basket for basket, slot in zip(member.baskets, asked, strict=True) if slot in being_paid(slots=asked)]


class TestABasketThatAnotherTransaction:
    def test_froze_is_being_paid_for_before_anybody_sees_it(self, member, basket):
        with meanwhile(basket.freeze):
            assert paid(member) == [basket]

    def test_froze_and_ordered_is_being_paid_for_until_it_commits(self, member, basket):
        page = reload(member.user, basket)

        def pay():
            page.freeze()
            place(member, page)

        with meanwhile(pay):
            assert paid(member) == [basket]
        assert paid(member) == []

    def test_froze_in_vain_is_not_being_paid_for_any_more(self, member, basket):
        with meanwhile(lambda: (basket.freeze(), transaction.set_rollback(True))):
            assert paid(member) == [basket]
        assert paid(member) == []

    def test_only_adds_something_to_is_not_being_paid_for(self, member, basket, shop):
        with meanwhile(lambda: reload(member.user, basket).add_product(shop.product)):
            assert paid(member) == []


class TestWhoAsked:
    def test_keeps_payments_from_beginning_until_its_transaction_is_over(self, member, basket):
        began = Event()

        def pay():
            basket.freeze()
            began.set()
            connection.close()

        with transaction.atomic():
            assert paid(member) == []
            thread = Thread(target=pay)
            thread.start()
            assert not began.wait(0.3)
        assert began.wait(PATIENCE)
        thread.join()
        assert paid(member) == [basket]

    def test_would_see_no_payment_if_it_asked_for_the_status_alone(self, member, basket, monkeypatch):
        monkeypatch.setattr(basket_holds, "_unlocked", lambda baskets: baskets)
        with meanwhile(basket.freeze):
            assert paid(member) == []
