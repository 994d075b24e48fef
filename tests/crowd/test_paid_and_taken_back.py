"""A gateway takes its second, and meanwhile what brought the points is taken back: nobody pays and gets no order."""

import random
import time
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import transaction
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.earning.operations import revoke_batch
from loyalty_oscar.journeys.operations import act, undo_act
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import clock, operations
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.operations import bind, code_of
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.storefront import basket_holds
from loyalty_oscar.shop.storefront.offer_hooks import LookAgain
from loyalty_oscar.testing.factories import SchemeFactory
from tests.integration.journeys.deeds import a_campaign
from tests.integration.ledger.books import assert_clean
from tests.orders import imported
from tests.points import reload
from tests.storefront import a_user, day

from .crowds import MANY, Crowd, broken_after, runs_of
from .using import a_shop, baskets_of, use, used

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("atomic", [False, True], ids=["plain", "atomic-requests"])
Order, ProductRecord = get_model("order", "Order"), get_model("analytics", "ProductRecord")
RUNS = runs_of(50)
POINTS, GATEWAY, SOON = 500, 0.08, 0.2


class Way:
    """A way to points, and how they are taken back."""

    def shop(self):
        return a_shop()

    def bring(self, shop, user, run):
        """Bring the points, ready; returns what takes them back."""
        raise NotImplementedError


class AnOrder(Way):
    """An earlier order, which staff cancel."""

    def bring(self, shop, user, run):
        order = imported(user=user, lines=[(POINTS, 1)], placed_at=day(3, 1), number=f"earlier-{run}")
        sync_orders(order_ids=[order.pk], at=day(3, 1))

        def cancel():
            Order.objects.filter(pk=order.pk).update(status="Cancelled")
            sync_orders(order_ids=[order.pk], at=clock.now())

        return cancel


class AGift(Way):
    """A gift, as for a level."""

    def bring(self, shop, user, run):
        member = join(program=shop.unit.program, user_id=user.pk, at=day(1, 2))
        gift = {"member_id": member.pk, "key": f"gift:{run}", "because": Because("goodwill")}
        gift["promise"] = Promise(points=POINTS)
        operations.give(at=day(3, 1), **gift)
        return lambda: operations.take_back(at=clock.now(), **gift)


class ACampaign(Way):
    """Points for a review, which is withdrawn."""

    def shop(self):
        shop = a_shop()
        a_campaign(shop.unit, points=POINTS)
        return shop

    def bring(self, shop, user, run):
        told = {"occasion": "review", "detail": f"{run}"}
        act(program=shop.unit.program, user_id=user.pk, at=day(3, 1), **told)
        return lambda: undo_act(user_id=user.pk, at=clock.now(), **told)


class AReferral(Way):
    """The reward for a friend, whose order is cancelled."""

    def shop(self):
        shop = a_shop()
        SchemeFactory(program=shop.unit.program, giver_points=POINTS, newcomer_points=1, per_month=1000)
        return shop

    def bring(self, shop, user, run):
        code = code_of(member=join(program=shop.unit.program, user_id=user.pk, at=day(1, 2))).code
        friend = a_user(f"friend{run}@example.com")
        bind(code=code, program_id=shop.unit.program_id, user_id=friend.pk, at=day(3, 1))
        order = imported(user=friend, lines=[(50, 1)], placed_at=day(3, 2), number=f"friends-{run}")
        sync_orders(order_ids=[order.pk], at=day(3, 2))

        def cancel():
            Order.objects.filter(pk=order.pk).update(status="Cancelled")
            sync_orders(order_ids=[order.pk], at=clock.now())

        return cancel


class AWelcome(Way):
    """Points for orders from before the program, undone as a batch."""

    def shop(self):
        shop = a_shop()
        Program.objects.update(expiry="never")
        forget_cache()
        return shop

    def bring(self, shop, user, run):
        order = imported(user=user, lines=[(POINTS, 1)], placed_at=day(3, 1, 2024), number=f"old-{run}")
        sync_orders(order_ids=[order.pk], at=day(3, 1), batch=f"welcome:{run}")
        return lambda: list(revoke_batch(batch=f"welcome:{run}", actor="staff:1", at=clock.now()))


WAYS = pytest.mark.parametrize("way", [AGift, ACampaign, AReferral, AWelcome])


def ready(shop, way, run):
    """A member whose points came that way and are on a basket; returns the page of the basket, and what undoes it."""
    user = a_user(f"boris{run}@example.com")
    get_model("analytics", "UserRecord").objects.create(user=user)
    undo = way.bring(shop, user, run)
    account = Account.objects.get(member__user=user)
    now = clock.now()
    for source in account.lots.filter(state="pending").values_list("source", flat=True):
        ledger.schedule(account_id=account.pk, source=source, available_at=now, expires_at=None, at=now)
    member = SimpleNamespace(user=user, account=account, baskets=[])
    (basket,) = baskets_of(member, shop, 1)
    use(shop, member, basket, POINTS)
    return member, reload(user, basket), undo


LOST = "paid without an order"


def rush(way, *, runs, atomic, early=SOON):
    """
    Each begins to pay at any moment, at a slow gateway, while the points are taken back; yields what came of each.

    Who takes them back does so at any moment of the first `early` seconds.
    """
    way = way()
    shop = way.shop()
    with Crowd(size=2) as crowd:
        for run in range(runs):
            member, page, undo = ready(shop, way, run)
            paid: list[bool] = []

            def one(number, m=member, p=page, take_back=undo, done=paid, run=run):
                if number:
                    time.sleep(random.uniform(0, early))
                    take_back()
                    return
                with transaction.atomic() if atomic else nullcontext():
                    time.sleep(random.uniform(0, SOON))
                    p.freeze()
                    done.append(True)
                    time.sleep(GATEWAY)
                    with transaction.atomic():
                        factories.create_order(number=f"new-{run}", basket=p, user=m.user)
                    p.submit()

            result = crowd.do(one)
            placed = Order.objects.filter(number=f"new-{run}").count()
            assert set(result) <= {"done", LookAgain.__name__, "PointsUnavailable"}
            assert used(member.account) == POINTS * placed
            yield LOST if paid and not placed else "ordered" if placed else "asked to look"


def story(way, said, runs, atomic):
    told = ", ".join(f"{what} {count}" for what, count in sorted(said.items()))
    return f"{way.__name__} taken back while its points pay, {runs} runs{', in a transaction' * atomic}: {told}"


class TestAPaymentWhilePointsAreTakenBack:
    @BOTH
    def test_always_ends_in_its_order(self, atomic, tell):
        said = Counter(rush(AnOrder, runs=RUNS, atomic=atomic))
        assert said[LOST] == 0
        assert said["ordered"] > 0
        assert Entry.objects.filter(kind="claw").exists()
        assert_clean()
        tell(story(AnOrder, said, RUNS, atomic))

    @WAYS
    @BOTH
    def test_does_so_whatever_brought_the_points(self, way, atomic, tell):
        said = Counter(rush(way, runs=RUNS // 5, atomic=atomic))
        assert said[LOST] == 0
        assert_clean()
        tell(story(way, said, RUNS // 5, atomic))

    def test_would_be_lost_if_the_committed_status_were_asked(self, tell, monkeypatch):
        monkeypatch.setattr(basket_holds, "_unlocked", lambda baskets: baskets)
        first = broken_after(said == LOST for said in rush(AnOrder, runs=MANY, atomic=True))
        assert first
        tell(f"its broken twin: {LOST} in run {first}")

    @BOTH
    def test_would_be_lost_if_nobody_looked_once_more_when_it_begins(self, atomic, tell, monkeypatch):
        monkeypatch.setattr("loyalty_oscar.shop.redemption.freezing._is_short", lambda applied: False)
        first = broken_after(said == LOST for said in rush(AnOrder, runs=MANY, atomic=atomic, early=0))
        assert first
        tell(f"its broken twin{', in a transaction' * atomic}: {LOST} in run {first}")
