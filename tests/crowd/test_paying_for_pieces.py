"""
The last piece of a sale, while its customer pays: their time at the preview is over, the job comes by and others want
it. In a request that is one transaction nobody sees that their basket is frozen; it is known by the lock of its row.
"""

from collections import Counter
from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.exclusives import operations, queries
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation
from loyalty_oscar.exclusives.queries import sales_in_force
from loyalty_oscar.program import clock
from tests.integration.exclusives.sales import a_sale
from tests.storefront import a_basket, a_club, a_product, a_user

from .crowds import PATIENCE, Crowd, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")


def payments(*, runs, outer):
    """Let one pay for the last piece while the job and eight others come for it; yields who got what."""
    unit, product = a_club(), a_product("Explorer carrier", "57.90")
    product.stockrecords.update(num_in_stock=10**6)
    yesterday = clock.now() - timedelta(days=1)
    sale = a_sale(unit, product, doors=(), quota=1, public_from=yesterday, ends_at=None)
    users = [a_user(f"buyer{number}@example.com") for number in range(10)]
    with Crowd(outer=outer, size=10) as crowd:
        for run in range(runs):
            Reservation.objects.all().delete()
            QuotaCounter.objects.update(taken=0)
            Order.objects.all().delete()
            baskets = [a_basket(user, (product, 1)) for user in users]
            operations.reserve(
                wanted={sale: 1}, user_id=users[0].pk, slot=f"basket:{baskets[0].pk}",
                at=clock.now() - timedelta(minutes=20),
            )  # fmt: skip
            sales_in_force(program_id=unit.program_id)  # remembered, so that nobody waits for it
            paid, begun, swept, tried = [], Event(), Event(), Event()

            def buy(number, baskets=baskets, run=run):
                with transaction.atomic():
                    factories.create_order(number=f"{run}-{number}", basket=baskets[number], user=users[number])

            def act(number, baskets=baskets, buy=buy, paid=paid, begun=begun, swept=swept, tried=tried):
                if number == 0:
                    baskets[0].freeze()
                    begun.set()
                    assert swept.wait(PATIENCE) and tried.wait(PATIENCE)
                    paid.append(number)
                    buy(0)
                    return
                assert begun.wait(PATIENCE)
                try:
                    if number == 1:
                        list(operations.sweep(at=clock.now()))
                    else:
                        buy(number)
                finally:
                    (swept if number == 1 else tried).set()

            yield crowd.do(act), paid, list(Order.objects.values_list("user__email", flat=True))


class TestTheLastPieceWhileItIsBeingPaid:
    @BOTH
    def test_is_its_payers(self, outer, tell):
        total, runs = Counter(), runs_of(50)
        for result, paid, orders in payments(runs=runs, outer=outer):
            assert (paid, orders) == ([0], ["buyer0@example.com"])
            assert result == {"done": 2, "NotForSale": 8}
            assert QuotaCounter.objects.get().taken == 1
            total += result
        tell(f"a piece being paid, {runs} runs, {'in a request' if outer else 'plain'}: 0 paid without an order")

    @BOTH
    def test_would_be_anothers_if_nobody_asked(self, outer, monkeypatch, tell):
        monkeypatch.setattr(queries, "being_paid", lambda **asked: frozenset())
        runs = 6
        lost = sum("buyer0@example.com" not in orders for _result, _paid, orders in payments(runs=runs, outer=outer))
        assert lost == runs
        tell(f"a piece being paid, the broken twin: {lost} of {runs} paid without an order")

    def test_would_be_anothers_if_the_status_alone_were_asked(self, monkeypatch, tell):
        def by_status(*, slots, at):
            ids = {int(slot.partition(":")[2]): slot for slot in slots}
            frozen = Basket.objects.filter(pk__in=ids, status=Basket.FROZEN)
            return frozenset(ids[pk] for pk in frozen.values_list("pk", flat=True))

        monkeypatch.setattr(queries, "being_paid", by_status)
        runs = 6
        lost = sum("buyer0@example.com" not in orders for _result, _paid, orders in payments(runs=runs, outer=True))
        assert lost == runs
        tell(f"a piece being paid in a request, its status alone asked: {lost} of {runs} paid without an order")
