"""A merchant who changes limits and closes our offer while customers are at the gateway: each pays what she saw."""

import random
import time
from collections import Counter
from contextlib import nullcontext

import pytest
from django.db import transaction
from oscar.core.loading import get_model

from loyalty_oscar.shop.redemption import discount, keeping, promise, quotes
from loyalty_oscar.shop.redemption.offer import KEEPER, keep_offering
from tests.integration.ledger.books import assert_clean
from tests.points import reload, terms
from tests.promising import with_offers

from .crowds import MANY, Crowd, broken_after, runs_of
from .using import a_member, a_shop, baskets_of, place, undercharged, use

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
Basket, Offer, Order = (
    get_model(*name) for name in (("basket", "Basket"), ("offer", "ConditionalOffer"), ("order", "Order"))
)
CUSTOMERS = 5
RUNS = runs_of(30)


def wait():
    time.sleep(random.uniform(0, 0.03))


def changes_things():
    """The merchant lowers the share, closes our offer, and thinks better of it."""
    for share, status in ((100, "Open"), (3, "Suspended"), (100, "Open"), (2, "Open"), (100, "Suspended"), (1, "Open")):
        wait()
        terms(share=share)
        ours = Offer.objects.get(priority=-10_000)
        ours.status = status
        ours.save()


def payments(shop, *, runs, outer):
    """
    Customers look, leave for the gateway and come back, each in requests of her own; yields what came of each run.

    What they saw is written down in `shop.saw`, by basket.
    """
    shop.saw = {}
    with Crowd(size=CUSTOMERS + 1) as crowd:
        for run in range(runs):
            members = [a_member(shop, 700, name=f"boris{run}-{number}") for number in range(CUSTOMERS)]
            for member in members:
                (basket,) = baskets_of(member, shop, 1)
                use(shop, member, basket, 500)

            def one(number, members=members):
                if number == CUSTOMERS:
                    changes_things()
                    return
                member = members[number]
                wait()
                with a_request(outer):
                    leaves(shop, member)
                wait()
                with a_request(outer):
                    comes_back(member, thaws=number % 2)

            yield crowd.do(one, outer=False)


def a_request(atomic):
    return transaction.atomic() if atomic else nullcontext()


def leaves(shop, member):
    """The last step of the checkout: the page is loaded anew and its basket frozen."""
    seen = reload(member.user, member.baskets[0])
    shop.saw[seen.pk] = seen.total_incl_tax
    seen.freeze()


def comes_back(member, *, thaws):
    """The gateway's way back."""
    basket = Basket.objects.get(pk=member.baskets[0].pk, status="Frozen")
    if thaws:
        basket.thaw()
    place(member, with_offers(basket, member.user))


def dearer(shop):
    """The orders that cost more than was seen."""
    return [order for order in Order.objects.all() if order.total_incl_tax > shop.saw[order.basket_id]]


class TestCustomersAtTheGateway:
    @BOTH
    def test_pay_what_they_saw_every_time(self, outer, tell):
        shop, total = a_shop(), Counter()
        for result in payments(shop, runs=RUNS, outer=outer):
            total += result
        assert total == {"done": RUNS * (CUSTOMERS + 1)}
        orders = list(Order.objects.all())
        assert len(orders) == RUNS * CUSTOMERS
        assert [order for order in orders if order.total_incl_tax != shop.saw[order.basket_id]] == []
        assert len({order.total_incl_tax for order in orders}) > 1, "the merchant was quick enough to be seen"
        assert undercharged() == 0
        assert_clean()
        tell(f"limits changed{', in a transaction' * outer}: {len(orders)} of {len(orders)} paid what they saw")

    def test_find_one_offer_that_stands_in_though_many_close_ours_at_once(self):
        a_shop()
        with Crowd(size=8) as crowd:
            for _run in range(5):
                Offer.objects.filter(priority=KEEPER).delete()
                assert crowd.do(lambda number: keep_offering()) == {"done": 8}
                assert Offer.objects.filter(priority=KEEPER).count() == 1

    def test_would_pay_more_if_todays_limits_decided(self, tell, monkeypatch):
        for module in (promise, quotes, keeping, discount):
            monkeypatch.setattr(module, "in_force", lambda *, basket, redemption: None)
        monkeypatch.setattr(discount, "check_order", lambda *, basket, off: None)
        monkeypatch.setattr(keeping, "check_order", lambda *, basket, off: None)
        shop = a_shop()
        assert broken_after(bool(dearer(shop)) for _result in payments(shop, runs=MANY, outer=False))
        tell(f"its broken twin: {len(dearer(shop))} of {Order.objects.count()} paid more")
