"""Twenty redeem a whole balance at once (T1), also without the lock (T3): one wins. Without any guard many do."""

from collections import Counter

import pytest
from django.db.models import Sum

from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.ledger.operations import desk
from tests.integration.ledger.books import TABLES, a_unit, an_account, assert_clean, balance, capture, give, hold

from .crowds import MANY, Crowd, bare_copies, broken_after

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
BY_LOCK = {"NotEnoughPoints"}
BY_CONSTRAINT = {"IntegrityError"}


def redeem(account, run):
    """What each of a crowd does: set the whole balance aside and use it."""

    def one(number):
        capture(hold(account, 100, slot=f"basket:{run}:{number}"), 100)

    return one


def used(account) -> int:
    """How many points holds of an account say were used."""
    return Hold.objects.filter(account=account).aggregate(points=Sum("captured"))["points"] or 0


def rush(*, runs, outer, search_path=""):
    """Let a crowd redeem so many fresh balances of 100; yields what came of each, and the account."""
    unit = a_unit()
    with Crowd(outer=outer, search_path=search_path) as crowd:
        for run in range(runs):
            account = an_account(unit)
            give(account, 60, source="a")
            give(account, 40, source="b")
            yield crowd.do(redeem(account, run)), account


def without_lock(monkeypatch):
    """Read accounts without locking them."""
    monkeypatch.setattr(desk, "lock", lambda *, account_id: Account.objects.get(pk=account_id))


def story(name, total, outer):
    """The figures of some runs, in a line."""
    mode = "inside a request's transaction" if outer else "in transactions of their own"
    return f"{name}, {mode}: " + ", ".join(f"{what} {count}" for what, count in sorted(total.items()))


class TestTwentyWhoRedeemAWholeBalance:
    @BOTH
    def test_have_exactly_one_winner_fifty_times(self, outer, tell):
        total = Counter()
        for result, account in rush(runs=50, outer=outer):
            assert result["done"] == 1
            assert set(result) <= {"done", *BY_LOCK}
            assert (balance(account), used(account)) == ((0, 0, 0, 0), 100)
            total += result
        assert_clean()
        tell(story("T1, 50 runs of 20", total, outer))

    @BOTH
    def test_overdraw_nothing_without_the_lock_because_constraints_refuse(self, outer, tell, monkeypatch):
        without_lock(monkeypatch)
        total = Counter()
        for result, account in rush(runs=20, outer=outer):
            assert set(result) <= {"done", *BY_LOCK, *BY_CONSTRAINT}
            assert used(account) <= 100
            assert balance(account)[0] >= 0
            total += result
        assert total["IntegrityError"] > 0
        assert_clean()
        tell(story("T3, 20 runs of 20 without the lock", total, outer))

    @BOTH
    def test_would_overdraw_it_without_lock_and_constraints(self, outer, tell, monkeypatch):
        without_lock(monkeypatch)
        with bare_copies(*TABLES) as search_path:
            runs = rush(runs=MANY, outer=outer, search_path=search_path)
            first = broken_after(result["done"] > 1 and used(account) > 100 for result, account in runs)
        assert first
        tell(f"T1's and T3's broken twin{', in a transaction' * outer}: overdrawn in run {first}")
