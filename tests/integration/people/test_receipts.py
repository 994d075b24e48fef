"""What stands on the receipt of an order, whatever becomes of it, and whose it is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.people.effects import receipts
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.models import Member
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.guests import keep_orders
from tests.orders import imported
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, send_back

pytestmark = pytest.mark.django_db


def receipt(order):
    return Receipt.objects.get(order_id=order.pk)


def money(order):
    row = receipt(order)
    return row.goods_minor, row.paid_minor, row.pieces


def a_guests(email, *, number, on, price="10.00", pieces=1, **more):
    """An order of somebody without an account, looked at."""
    order = imported(user=None, lines=[(price, pieces)], placed_at=on, number=number, guest_email=email, **more)
    sync_orders(order_ids=[order.pk], at=on)
    return order


@pytest.fixture
def club():
    return a_club()


class TestAReceipt:
    def test_says_what_was_bought_and_by_whom(self, club):
        user = a_user()
        order = buy(user, (a_product(price="24.90"), 2), (a_product("Rope", "6.50"), 1), on=day(3, 1))
        row = receipt(order)
        assert money(order) == (5630, 5630, 3)
        assert (row.member, row.buyer, row.program) == (Member.objects.get(), f"u:{user.pk}", club.program)
        assert (row.placed_at, row.final_at, row.currency) == (day(3, 1), None, "EUR")
        assert (row.is_gone, row.is_first, row.changed_at) == (False, True, day(3, 1))

    def test_says_when_it_arrived_and_that_the_next_is_not_the_first(self, club):
        user = a_user()
        first = arrive(buy(user, (a_product(), 1), on=day(3, 1)), on=day(3, 4))
        second = buy(user, (a_product(), 1), on=day(3, 5))
        assert (receipt(first).final_at, receipt(first).is_first) == (day(3, 4), True)
        assert (receipt(second).final_at, receipt(second).is_first) == (None, False)

    def test_counts_goods_before_discounts_and_what_was_paid_for_them(self, club):
        order = imported(user=a_user(), lines=[("10.00", 4)], placed_at=day(3, 1))
        order.lines.update(line_price_incl_tax="30.00")
        sync_orders(order_ids=[order.pk], at=day(3, 1))
        assert money(order) == (4000, 3000, 4)

    def test_counts_what_is_left_after_a_return(self, club):
        order = arrive(buy(a_user(), (a_product(price="10.00"), 3), on=day(3, 1)), on=day(3, 4))
        send_back(order, 1, on=day(3, 8))
        assert (money(order), receipt(order).is_gone) == ((2000, 2000, 2), False)
        assert receipt(order).changed_at == day(3, 8)
        send_back(order, 2, on=day(3, 9))
        assert (money(order), receipt(order).is_gone) == ((0, 0, 0), True)

    def test_comes_to_nothing_with_the_order_and_stands_again_with_it(self, club):
        order = buy(a_user(), (a_product(price="10.00"), 3), on=day(3, 1))
        for status, left in (("Cancelled", (0, 0, 0)), ("Pending", (3000, 3000, 3))):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(3, 2))
            assert (money(order), receipt(order).is_gone) == (left, status == "Cancelled")

    def test_of_an_order_that_was_deleted_after_its_return_period_stays_as_it_was(self, club):
        order = arrive(buy(a_user(), (a_product(price="10.00"), 3), on=day(3, 1)), on=day(3, 4))
        pk, before = order.pk, receipt(order)
        order.delete()
        sync_orders(order_ids=[pk], at=day(6, 1))
        after = Receipt.objects.get(order_id=pk)
        names = ("member_id", "buyer", "goods_minor", "paid_minor", "pieces", "is_gone", "is_first")
        assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]

    def test_is_written_for_no_order_before_any_program_began(self):
        order = imported(user=a_user(), lines=[("10.00", 1)], placed_at=day(3, 1))
        sync_orders(order_ids=[order.pk], at=day(3, 1))
        assert not Receipt.objects.exists()

    def test_looked_at_again_is_the_same(self, club):
        order = buy(a_user(), (a_product(), 1), on=day(3, 1))
        before = Receipt.objects.values().get()
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert Receipt.objects.values().get() == before


class TestAReceiptOfAGuest:
    def test_knows_the_mailbox_by_a_keyed_hash(self, club):
        rows = [
            receipt(a_guests(email, number=str(n), on=day(3, n)))
            for n, email in enumerate(("Zoe@Example.com", "zoe+x@example.com", "max@example.com"), 1)
        ]
        assert rows[0].buyer == rows[1].buyer != rows[2].buyer
        assert [len(row.buyer) for row in rows] == [64] * 3
        assert [row.is_first for row in rows] == [True, False, True]
        assert {row.member for row in rows} == {None}

    def test_without_a_mailbox_is_a_buyer_of_its_own(self, club):
        one, other = (receipt(a_guests("", number=str(n), on=day(3, n))) for n in (1, 2))
        assert one.buyer != other.buyer

    def test_is_first_no_more_when_an_older_order_comes_to_light(self, club):
        new = a_guests("zoe@example.com", number="2", on=day(3, 5))
        old = a_guests("zoe@example.com", number="1", on=day(3, 1))
        assert (receipt(old).is_first, receipt(new).is_first) == (True, False)

    def test_is_first_where_the_one_before_came_to_nothing(self, club):
        gone = a_guests("zoe@example.com", number="1", on=day(3, 1), status="Cancelled")
        stands = a_guests("zoe@example.com", number="2", on=day(3, 5))
        assert (receipt(gone).is_gone, receipt(stands).is_first) == (True, True)

    def test_stays_the_first_when_it_is_sent_back_later(self, club):
        first = a_guests("zoe@example.com", number="1", on=day(3, 1))
        second = a_guests("zoe@example.com", number="2", on=day(3, 5))
        type(first).objects.filter(pk=first.pk).update(status="Cancelled")
        sync_orders(order_ids=[first.pk], at=day(3, 9))
        type(first).objects.filter(pk=second.pk).update(status="Shipped")
        sync_orders(order_ids=[second.pk], at=day(3, 9))
        assert [receipt(one).is_first for one in (first, second)] == [True, False]

    def test_is_the_member_s_who_keeps_the_order(self, club):
        order = a_guests("boris@example.com", number="1", on=day(5, 1))
        user = a_user("boris@example.com")
        assert keep_orders(user=user, email=user.email, at=TODAY) == [order.pk]
        row = receipt(order)
        assert (row.member, row.buyer, row.is_first) == (Member.objects.get(), f"u:{user.pk}", True)
        assert row.changed_at == TODAY


class TestAnOrder:
    def test_takes_two_queries_for_its_receipt(self, club):
        own = buy(a_user(), (a_product(), 1), on=day(3, 1))
        guests = a_guests("zoe@example.com", number="9", on=day(3, 1))
        for order in (own, guests):
            facts = gather_orders(order_ids=[order.pk], set_codes=(), at=day(3, 2))
            with CaptureQueriesContext(connection) as queries:
                receipts.apply(orders=facts, at=day(3, 2))
            assert len(queries) == 2, [query["sql"] for query in queries]

    def test_takes_three_together_with_many_others(self, club):
        user = a_user()
        ids = [
            imported(
                user=None if n % 2 else user, lines=[("1.00", 1)], placed_at=day(3, 1) + timedelta(hours=n),
                number=f"n-{n}", guest_email=f"g{n}@example.com",
            ).pk
            for n in range(50)
        ]  # fmt: skip
        facts = gather_orders(order_ids=ids, set_codes=(), at=TODAY)
        with CaptureQueriesContext(connection) as queries:
            receipts.apply(orders=facts, at=TODAY)
        assert len(queries) == 3
        assert Receipt.objects.count() == 50
