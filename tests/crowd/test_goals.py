"""Orders of one member that are looked at in the same instant reach a goal together, once."""

from collections import Counter

import pytest
from django.db import transaction

from loyalty_oscar.journeys import effects
from loyalty_oscar.journeys.models import GoalStanding
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.testing.factories import AccountFactory, GoalFactory, MemberFactory
from tests.orders import imported
from tests.storefront import a_club_without_rules, a_user, day

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
RUNS, SIZE = runs_of(50), 4


@pytest.fixture
def goal():
    """One that four orders of five pieces reach, not three."""
    unit = a_club_without_rules()
    found = GoalFactory(program=unit.program, target=20)
    forget_cache()
    return found


class TestAGoal:
    def race(self, crowd, goal, number):
        """One run: each of some orders is looked at by another; returns what came of it."""
        user = a_user(f"new{number}@example.com")
        member = MemberFactory(program=goal.program, user=user, joined_at=day(1, 2))
        AccountFactory(member=member)
        told = {"user": user, "lines": [("5.00", 5)], "placed_at": day(3, 1)}
        ids = [imported(**told, number=f"{number}-{one}").pk for one in range(SIZE)]
        orders = gather_orders(order_ids=ids, set_codes=(), at=day(3, 2))

        def do(one):
            # Alone: what orders earn locks the account before.
            with transaction.atomic():
                effects.reaching.apply(orders=[orders[one]], at=day(3, 2))

        return crowd.do(do)

    def test_is_reached_once_by_all_of_them(self, goal, tell):
        with Crowd(size=SIZE) as crowd:
            found = sum((self.race(crowd, goal, number) for number in range(RUNS)), Counter())

        assert found == {"done": RUNS * SIZE}
        assert list(GoalStanding.objects.values_list("reached", flat=True)) == [1] * RUNS
        assert Entry.objects.count() == RUNS
        assert set(Account.objects.values_list("available", flat=True)) == {100}
        tell(f"a goal reached by {SIZE} orders at once, {RUNS} runs: ok")

    def test_would_be_missed_by_some_without_the_lock_on_the_account(self, goal, monkeypatch, tell):
        monkeypatch.setattr(effects, "lock_accounts", lambda *, unit, member_ids: None)

        def runs():
            with Crowd(size=SIZE) as crowd:
                for number in range(MANY):
                    self.race(crowd, goal, number)
                    yield GoalStanding.objects.count() != number + 1

        first = broken_after(runs())
        assert first
        tell(f"its broken twin, without the lock on the account: missed in run {first}")
