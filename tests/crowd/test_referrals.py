"""One newcomer claimed by two at the same instant, and two first orders at once: exactly one of each."""

import threading
from collections import Counter
from contextlib import suppress

import pytest
from django.db import transaction
from oscar.test import factories

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.operations import join
from loyalty_oscar.referrals import effects, operations
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.referrals.queries import referrals_about
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring, code_for, points
from tests.storefront import a_basket, a_product, a_user, day

from .crowds import MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS = runs_of(50)


class TestANewcomerClaimedByTwo:
    SIZE = 8

    def people(self):
        """Two who invite, and their club."""
        club = an_inviting_club()
        club.codes = [club.code, code_for(a_user("anna@example.com"), club.unit)]
        return club

    def run(self, club, crowd, number):
        """One run: everybody claims the same newcomer, by two codes in turn; returns how many ties there are."""
        user = a_user(f"new{number}@example.com")
        told = {"program_id": club.unit.program_id, "user_id": user.pk, "at": day(3, 1)}
        join(program=club.unit.program, user_id=user.pk, at=day(3, 1))
        crowd.do(lambda one: bind(code=club.codes[one % 2], **told))
        return Referral.objects.filter(newcomer__user_id=user.pk).count()

    @BOTH
    def test_is_tied_to_one_every_time(self, outer, tell):
        club = self.people()
        with Crowd(outer=outer, size=self.SIZE) as crowd:
            found = Counter(self.run(club, crowd, number) for number in range(RUNS))

        assert found == {1: RUNS}
        assert Referral.objects.count() == RUNS
        tell(
            f"a newcomer claimed by two, {RUNS} runs {'in' if outer else 'without'} an outer transaction: one tie each"
        )

    def test_would_be_tied_several_times_without_the_constraint(self, tell):
        club = self.people()
        with bare_copies(Referral) as search_path, Crowd(search_path=search_path, size=self.SIZE) as crowd:
            first = broken_after(self.run(club, crowd, number) > 1 for number in range(MANY))

        assert first
        tell(f"its broken twin, without UNIQUE (newcomer): tied more than once in run {first}")


class TestTwoFirstOrdersAtOnce:
    def orders(self, club, number, product):
        """Two orders of one newcomer that nobody has looked at."""
        user = a_user(f"new{number}@example.com")
        bring(club, user)
        made = []
        for _n in range(2):
            with clock.at(day(3, 3)), transaction.atomic():
                basket = a_basket(user, (product, 1))
                made.append(factories.create_order(basket=basket, user=user, date_placed=day(3, 3)))
        return user, made

    def alone(self, order_id):
        """The effect of this feature by itself, so that no other has locked the newcomer's account before."""
        with transaction.atomic():
            orders = gather_orders(order_ids=[order_id], set_codes=frozenset(), at=day(3, 3))
            effects.bringing.apply(orders=orders, at=day(3, 3))

    def run(self, club, crowd, number, product, monkeypatch, *, look=None):
        """One run; returns how many rewards there are of each side, and what the newcomer has."""
        with monkeypatch.context() as quiet:
            quiet.setattr("loyalty_oscar.shop.orders.receivers.after_commit", lambda **kwargs: None)
            user, made = self.orders(club, number, product)
        look = look or (lambda order_id: sync_orders(order_ids=[order_id], at=day(3, 3)))
        said = crowd.do(lambda one: look(made[one].pk))
        referral = Referral.objects.get(newcomer__user=user)
        keys = Entry.objects.filter(key__startswith=f"referral:{referral.pk}:").values_list("key", flat=True)
        return said["done"], len(keys), len(set(keys)), points(user), referral.state

    @BOTH
    def test_reward_once_every_time(self, outer, tell, monkeypatch):
        club = an_inviting_club(per_month=1000)
        product = a_product(price="30.00")
        with Crowd(outer=outer, size=2) as crowd:
            found = Counter(self.run(club, crowd, number, product, monkeypatch) for number in range(RUNS))

        assert found == {(2, 2, 2, (0, 100), "rewarded"): RUNS}
        assert points(club.boris) == (0, 150 * RUNS)
        assert_clean()
        tell(f"two first orders at once, {RUNS} runs {'in' if outer else 'without'} an outer: one reward on each side")

    def test_are_told_apart_by_the_lock_of_this_feature_alone(self, tell, monkeypatch):
        assert list(self.taken_for_the_first(monkeypatch, runs=20)) == [1] * 20
        assert_clean()
        tell("two first orders at once, only this effect at work, 20 runs: one of them is the first")

    def test_would_both_be_the_first_without_the_lock(self, tell, monkeypatch):
        def unlocked(**told):
            found = list(referrals_about(**told).prefetch_related("giver", "newcomer", "program"))
            return {row.order_id: row for row in found}, {row.newcomer.user_id: row for row in found}

        monkeypatch.setattr(effects, "locked_referrals", unlocked)
        first = broken_after(orders > 1 for orders in self.taken_for_the_first(monkeypatch, runs=MANY))
        assert first
        tell(f"its broken twin, without the lock: two orders taken for the first in run {first}")

    def taken_for_the_first(self, monkeypatch, *, runs):
        """Yield of each run how many orders of a referral were taken for the first."""
        looked = []

        def noted(*, referral, at):
            looked.append(referral.pk)
            operations.look(referral=referral, at=at)

        monkeypatch.setattr(effects, "look", noted)
        club = an_inviting_club(per_month=1000)
        product = a_product(price="30.00")
        with Crowd(size=2) as crowd:
            for number in range(runs):
                looked.clear()
                self.run(club, crowd, number, product, monkeypatch, look=self.alone)
                yield len(looked)


class TestTheCapOfAMonth:
    def run(self, club, crowd, number, product, monkeypatch):
        """Two friends of one giver, whose cap is one, order at once."""
        at, orders = day(3, 3), []
        # Who has no account yet: that of others is locked before, so that nobody comes as far as the cap's own lock.
        code = code_for(a_user(f"giver{number}@example.com"), club.unit)
        for name in "ab":
            user = a_user(f"{name}{number}@example.com")
            bring(club, user, code=code, at=at)
            with monkeypatch.context() as quiet, clock.at(at), transaction.atomic():
                quiet.setattr("loyalty_oscar.shop.orders.receivers.after_commit", lambda **kwargs: None)
                orders.append(factories.create_order(basket=a_basket(user, (product, 1)), user=user, date_placed=at))
        crowd.do(lambda one: sync_orders(order_ids=[orders[one].pk], at=at))
        rows = Referral.objects.filter(order_id__in=[order.pk for order in orders])
        return sum(not row.is_over_cap for row in rows), len(rows)

    def test_lets_one_of_two_through_every_time(self, tell, monkeypatch):
        club = an_inviting_club(per_month=1)
        product = a_product(price="30.00")
        with Crowd(size=2) as crowd:
            found = Counter(self.run(club, crowd, number, product, monkeypatch) for number in range(RUNS))

        assert found == {(1, 2): RUNS}
        assert_clean()
        tell(f"a cap of one and two friends at once, {RUNS} runs: one reward for the giver each")

    def test_would_let_both_through_without_the_lock(self, tell, monkeypatch):
        both = threading.Barrier(2, timeout=5)

        def wait_for_the_other(giver_id):
            """Where the lock stood: a busy machine lets one finish before the other begins, so they meet."""
            with suppress(threading.BrokenBarrierError):
                both.wait()

        monkeypatch.setattr(operations, "_one_at_a_time", wait_for_the_other)
        club = an_inviting_club(per_month=1)
        product = a_product(price="30.00")
        with Crowd(size=2) as crowd:
            runs = (self.run(club, crowd, number, product, monkeypatch) for number in range(MANY))
            first = broken_after(through > 1 for through, _rows in runs)

        assert first
        tell(f"its broken twin, without the lock: run {first} let both through")
