"""Two members become one while both order and use points: nothing is lost, counts twice, or stays behind."""

import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import Sum

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import desk as ledger_desk
from loyalty_oscar.ledger.operations import freezing
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member, Merge
from tests.integration.ledger.books import assert_clean, balance

from .crowds import MANY, Crowd, broken_after, runs_of
from .using import a_member, a_shop, baskets_of, placed, use, used

pytestmark = pytest.mark.django_db(transaction=True)
RUNS, SIZE = runs_of(50), 12
READY = 600


def rush(shop, *, runs, size=SIZE, undoes=True):
    """Merge two members, and undo it, while both order, use points and are given some; yields them with what came."""
    with Crowd(size=size) as crowd:
        for run in range(runs):
            gone, into = (a_member(shop, READY, name=f"{name}{run}") for name in ("ada", "boris"))
            for one in (gone, into):
                baskets_of(one, shop, size)

            def act(number, gone=gone, into=into, run=run):
                who = (gone, into)[number % 2]
                if number < 2:
                    told = {"member": Member.objects.get(pk=gone.account.member_id), "actor": "staff:1"}
                    return ledger.merge(into=Member.objects.get(pk=into.account.member_id), at=clock.now(), **told)
                if number < 6:
                    use(shop, who, who.baskets[number], 50)
                    return placed(who, who.baskets[number])
                if number == size - 1:
                    row = Merge.objects.filter(member=gone.account.member_id, undone_at=None).first()
                    return row and undoes and run % 2 and ledger.unmerge(merge=row, actor="staff:1", at=clock.now())
                time.sleep(random.uniform(0, 0.1))  # Some before the merge, some while it is made, some after it.
                grant = ledger.LotGrant(
                    account_id=who.account.pk, points=10, key=f"gift:{number}", source=f"gift:{number}",
                    because=Because("adjusted"), kind="adjust", counter="adjustment", available_at=clock.now(),
                    expires_at=clock.now() + timedelta(days=9),
                )  # fmt: skip
                return ledger.post(grant=grant, at=clock.now())

            yield gone, into, crowd.do(act)


def has(member):
    """All that an account has, in whatever bucket."""
    return sum(balance(member.account)[:3]) - balance(member.account)[3]


def orders_brought(*members):
    """The points that orders of these members brought."""
    awards = Account.objects.filter(pk__in=[one.account.pk for one in members])
    return awards.aggregate(points=Sum("awards__given", default=0))["points"]


class TestAMergeWhileBothOrderAndUsePoints:
    def test_loses_nothing_and_doubles_nothing(self, tell):
        total = Counter()
        for gone, into, result in rush(a_shop(), runs=RUNS):
            given = 10 * sum(1 for number in range(6, SIZE - 1))
            spent = used(gone.account) + used(into.account)
            assert has(gone) + has(into) == 2 * READY + given + orders_brought(gone, into) - spent
            if Member.objects.get(pk=gone.account.member_id).merged_into_id is not None:
                assert has(gone) == 0
                total["merged"] += 1
            assert set(result) <= {"done", "CannotMerge", "Refused", "NotPlaced", "PointsUnavailable"}
            total += result
        assert total["merged"]
        assert_clean()
        tell(f"merges while both order and use points, {RUNS} runs of {SIZE}: {dict(total)}")

    def test_would_leave_points_behind_where_the_old_account_passed_nothing_on(self, tell, monkeypatch):
        def stays(*, account_id):
            return Account.objects.select_for_update().get(pk=account_id)

        monkeypatch.setattr(ledger_desk, "lock", stays)

        def lost():
            for gone, _into, _result in rush(a_shop(), runs=MANY, undoes=False):
                merged = Member.objects.get(pk=gone.account.member_id).merged_into_id is not None
                yield merged and has(gone) != 0

        found = broken_after(lost())
        assert found
        tell(f"points stayed at a merged member in round {found} where its account passed nothing on")


class TestAFreezeWhileTheMemberUsesPoints:
    def rush(self, shop, *, runs, size=8):
        """Freeze a member who wants points on many baskets; yields the member."""
        with Crowd(size=size) as crowd:
            for run in range(runs):
                member = a_member(shop, READY, name=f"carla{run}")
                baskets_of(member, shop, size)
                row = Member.objects.get(pk=member.account.member_id)

                def act(number, member=member, row=row):
                    if number:
                        return use(shop, member, member.baskets[number], 50)
                    told = {"until": None, "earns": True, "reason": "x", "actor": "staff:1", "at": clock.now()}
                    time.sleep(random.uniform(0, 0.05))  # While the others are at work.
                    return ledger.freeze(member=row, **told)

                crowd.do(act)
                yield member

    def test_leaves_nothing_set_aside(self, tell):
        for member in self.rush(a_shop(), runs=RUNS):
            assert balance(member.account) == (READY, 0, 0, 0)
        assert_clean()
        tell(f"freezes while seven baskets want points, {RUNS} runs: nothing stayed set aside")

    def test_would_leave_some_without_the_lock_and_the_look_at_it(self, tell, monkeypatch):
        monkeypatch.setattr(freezing, "_locked", lambda member: list(member.accounts.values_list("pk", flat=True)))
        monkeypatch.setattr(ledger_desk.AccountWriter, "is_frozen", False)
        found = broken_after(balance(one.account)[2] > 0 for one in self.rush(a_shop(), runs=MANY))
        assert found
        tell(f"points stayed set aside for a frozen member in round {found} without lock and look")
