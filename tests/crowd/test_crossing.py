"""An order of a newcomer, and a sweep of orders of both sides at the same instant: nobody waits for ever."""

import time
from collections import Counter

import pytest
from django.db import transaction
from oscar.test import factories

from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.program.models import Member
from loyalty_oscar.referrals import effects
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.orders import sync
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring, points
from tests.storefront import a_basket, a_product, a_user, day

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
RUNS = runs_of(50)


class TestOrdersOfBothSides:
    """One holds the newcomer's account and wants the inviter's; the other has locked them the other way round."""

    @pytest.fixture
    def club(self, monkeypatch):
        """Boris invites; whoever looks at referrals takes a moment, so that the other is there meanwhile."""
        monkeypatch.setattr("loyalty_oscar.shop.orders.receivers.after_commit", lambda **kwargs: None)

        def slowly(**kwargs):
            time.sleep(0.03)
            return locked(**kwargs)

        locked = effects.locked_referrals
        monkeypatch.setattr(effects, "locked_referrals", slowly)
        club = an_inviting_club(per_month=1000)
        club.product, club.boris_member = a_product(price="30.00"), Member.objects.get(user=club.boris)
        return club

    def order(self, club, user):
        with clock.at(day(3, 3)), transaction.atomic():
            basket = a_basket(user, (club.product, 1))
            return factories.create_order(basket=basket, user=user, date_placed=day(3, 3)).pk

    def run(self, club, crowd, number):
        """One run: a first order by itself, the second one and one of Boris's in a sweep; returns what came of it."""
        nina = a_user(f"nina{number}@example.com")
        member = bring(club, nina).newcomer
        for one in (club.boris_member, member):
            open_account(member=one, unit=club.unit)
        whose = [[self.order(club, nina)], [self.order(club, club.boris), self.order(club, nina)]]
        return crowd.do(lambda one: sync_orders(order_ids=whose[one], at=day(3, 3)))

    def test_are_all_looked_at_every_time(self, club, tell):
        with Crowd(size=2) as crowd:
            found = sum((self.run(club, crowd, number) for number in range(RUNS)), Counter())

        assert found == {"done": 2 * RUNS}
        assert Referral.objects.filter(state="rewarded").count() == RUNS
        assert points(club.boris) == (0, 150 * RUNS)
        assert_clean()
        tell(f"an order of a newcomer and a sweep of both sides, {RUNS} runs: nobody waits for ever")

    def test_would_wait_for_each_other_without_the_common_lock(self, club, tell, monkeypatch):
        monkeypatch.setattr(sync, "lock_accounts", lambda **kwargs: None)
        with Crowd(size=2) as crowd:
            first = broken_after(self.run(club, crowd, number)["OperationalError"] > 0 for number in range(MANY))

        assert first
        tell(f"its broken twin, without locking up front: run {first} ends in a deadlock")
