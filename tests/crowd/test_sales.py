"""
Fifty buyers at once for ten pieces of a sale, through Oscar's own order placement: ten orders, in every run.

Without the lock the constraint still refuses the eleventh piece; without both, more are sold than there are.
"""

from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from django.db import transaction
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation, Sale
from loyalty_oscar.exclusives.queries import sales_in_force
from loyalty_oscar.program import clock
from tests.integration.exclusives.sales import a_sale
from tests.storefront import a_basket, a_club, a_product, a_user

from .crowds import MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
BUYERS, PIECES = 50, 10
Order, Line = get_model("order", "Order"), get_model("order", "Line")
numbers = count(1)


def rush(*, runs, outer, search_path="", pieces=1):
    """Let fifty buy at once, so many times, a fresh sale each; yields what came of it, and the sale."""
    unit = a_club()
    product = a_product("Explorer carrier", "57.90")
    product.stockrecords.update(num_in_stock=10**6)
    yesterday = clock.now() - timedelta(days=1)
    dates = {"public_from": yesterday, "ends_at": None}
    users = [a_user(f"buyer{number}@example.com") for number in range(BUYERS)]
    sale = a_sale(unit, product, doors=(), quota=PIECES, **dates)
    with Crowd(outer=outer, search_path=search_path, size=BUYERS) as crowd:
        for _ in range(runs):
            Reservation.objects.all().delete()
            QuotaCounter.objects.filter(sale=sale).update(taken=0)
            Order.objects.all().delete()
            baskets = [a_basket(user, (product, pieces)) for user in users]
            orders = [f"{next(numbers)}" for _ in users]
            sales_in_force(program_id=unit.program_id)  # remembered, so that nobody waits for it

            def buy(number, baskets=baskets, orders=orders):
                with transaction.atomic():
                    factories.create_order(number=orders[number], basket=baskets[number], user=users[number])

            yield crowd.do(buy), sale


def without_lock(monkeypatch):
    """Read the counts without locking them."""

    def read(*, sale_ids):
        return {row.sale_id: row for row in QuotaCounter.objects.filter(sale_id__in=list(sale_ids))}

    monkeypatch.setattr(operations, "lock_counts", read)


def sold():
    return sum(Line.objects.values_list("quantity", flat=True))


class TestFiftyBuyersForTenPieces:
    @BOTH
    def test_make_exactly_ten_orders_every_time(self, outer, tell):
        total = Counter()
        runs = runs_of(20)
        for result, sale in rush(runs=runs, outer=outer):
            assert result == {"done": PIECES, "NotForSale": BUYERS - PIECES}
            assert (Order.objects.count(), sold(), Reservation.objects.count()) == (PIECES, PIECES, PIECES)
            assert QuotaCounter.objects.get(sale=sale).taken == PIECES
            total += result
        tell(f"sale, {runs} runs of 50 for 10 pieces, {'in a request' if outer else 'plain'}: {dict(total)}")

    def test_sell_no_piece_too_many_without_the_lock_because_the_constraint_refuses(self, monkeypatch, tell):
        without_lock(monkeypatch)
        total = Counter()
        for result, sale in rush(runs=5, outer=False):
            assert set(result) <= {"done", "NotForSale", "IntegrityError"}
            assert Order.objects.count() == sold() == QuotaCounter.objects.get(sale=sale).taken == PIECES
            total += result
        assert total["IntegrityError"] > 0
        tell(f"sale, 5 runs without the lock: {dict(total)}")

    def test_would_buy_more_than_there_is_without_lock_and_constraint(self, monkeypatch, tell):
        without_lock(monkeypatch)
        with bare_copies(QuotaCounter, Reservation) as search_path:
            runs = rush(runs=MANY, outer=False, search_path=search_path)
            first = broken_after(sold() > PIECES for _result, _sale in runs)
        assert first
        assert Sale.objects.count() == 1
        tell(f"sale, the broken twin: oversold in run {first}")


def tabs(*, runs):
    """Let one customer's six tabs reserve and give back at once; yields what came of it and by how much it is wrong."""
    unit, product = a_club(), a_product("Explorer carrier", "57.90")
    dates = {"public_from": clock.now() - timedelta(days=1), "ends_at": None}
    sale = a_sale(unit, product, doors=(), quota=1000, **dates)
    with Crowd(size=6) as crowd:
        for _ in range(runs):
            Reservation.objects.all().delete()
            QuotaCounter.objects.update(taken=0)
            operations.reserve(wanted={sale: 5}, user_id=1, slot="basket:1", at=clock.now())

            def click(number):
                if number % 2:
                    operations.release(slot="basket:1")
                else:
                    operations.reserve(wanted={sale: 1 + number}, user_id=1, slot="basket:1", at=clock.now())

            result = crowd.do(click)
            yield result, QuotaCounter.objects.get().taken - sum(Reservation.objects.values_list("quantity", flat=True))


class TestTheTabsOfOneCustomer:
    def test_leave_the_count_at_what_is_reserved(self, tell):
        total, runs = Counter(), runs_of(100)
        for result, wrong in tabs(runs=runs):
            assert (set(result), wrong) == ({"done"}, 0)
            total += result
        tell(f"sale, {runs} runs of six tabs that reserve and give back: {dict(total)}")

    def test_would_get_it_wrong_without_the_lock(self, monkeypatch, tell):
        without_lock(monkeypatch)
        first = broken_after(bool(wrong) or set(result) != {"done"} for result, wrong in tabs(runs=MANY))
        assert first
        tell(f"sale, the broken twin of the tabs: wrong in run {first}")
