"""A tab that pays and a tab that changes the points at the same instant, in a shop whose requests are transactions."""

import time

import pytest
from django.db import transaction
from oscar.core.loading import get_model

from tests.integration.ledger.books import assert_clean
from tests.points import reload

from .crowds import MANY, Crowd, broken_after
from .using import a_member, a_shop, baskets_of, place, undercharged, use, used

pytestmark = pytest.mark.django_db(transaction=True)
Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")
RUNS = 8


def change_while_paying(shop, *, runs):
    """One tab pays (its basket frozen, its gateway busy, nothing committed), the other lowers the points meanwhile."""
    with Crowd(size=2) as crowd:
        for run in range(runs):
            member = a_member(shop, 700, name=f"boris{run}")
            (basket,) = baskets_of(member, shop, 1)
            use(shop, member, basket, 500)
            previewed = reload(member.user, basket)

            def one(number, m=member, b=previewed, page=basket):
                if number:
                    time.sleep(0.05)  # The other tab has frozen the basket by now.
                    use(shop, m, page, 100)
                    return
                with transaction.atomic():
                    b.freeze()
                    time.sleep(0.2)
                    place(m, b)
                    b.submit()

            yield crowd.do(one), member


class TestPointsThatAreChangedWhileAnotherTabPays:
    def test_wait_for_the_order_and_then_find_its_basket_closed(self, tell):
        for result, member in change_while_paying(a_shop(), runs=RUNS):
            assert result == {"done": 1, "Refused": 1}
            assert used(member.account) == 500
        assert Order.objects.count() == RUNS
        assert undercharged() == 0
        assert_clean()
        tell(f"changed while another tab pays: {RUNS} of {RUNS} orders placed")

    def test_would_leave_a_payment_without_an_order_if_the_row_of_the_basket_were_not_locked(self, tell, monkeypatch):
        queryset = type(Basket.objects.all())
        real = queryset.select_for_update

        def unlocked(self, **how):
            return self if self.model is Basket else real(self, **how)

        monkeypatch.setattr(queryset, "select_for_update", unlocked)
        runs = change_while_paying(a_shop(), runs=MANY)
        first = broken_after(result["PointsUnavailable"] > 0 for result, _member in runs)
        assert first
        tell(f"its broken twin: paid and got no order in run {first}")
