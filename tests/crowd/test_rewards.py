"""Rewards that many want at once: points for one, ten seats, one for each member, ten codes."""

from collections import Counter

import pytest
from django.db.models import F

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import desk
from loyalty_oscar.program.models import Reward
from loyalty_oscar.redemption.models import Claim, ClaimStep, RewardCode
from loyalty_oscar.redemption.operations import CannotClaim, buy, claims
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.integration.ledger.books import TABLES, assert_clean
from tests.storefront import TODAY, a_club

from .crowds import CROWD, MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS = runs_of(20)
PEOPLE = 50
#: The tables of claims, which refer to each other.
OURS = (Claim, ClaimStep, RewardCode)


def a_member(unit, points=512):
    return MemberFactory(program=unit.program, points=points, points__at=TODAY, points__expires_at=None)


def people(unit):
    return [a_member(unit, 10_000) for _number in range(PEOPLE)]


def want(reward, members, run):
    """What each of a crowd does: want the reward, under a key of its own."""
    return lambda number: buy(
        reward=Reward.objects.get(pk=reward.pk), member=members[number % len(members)], key=f"{run}:{number}", at=TODAY
    )


def sound_books():
    """What claims paid is what their holds took, and every account is what its history says."""
    assert not Claim.objects.exclude(hold__captured=F("paid")).exists()
    assert_clean()


def no_lock(*, account_id):
    """An account that anybody may change at any time."""
    return Account.objects.get(pk=account_id)


def without_lock(monkeypatch):
    """Read accounts without locking them, for rewards and for points."""
    for module in (claims, desk):
        monkeypatch.setattr(module, "lock", no_lock)


class TestPointsForOneRewardInTwentyWindows:
    def run(self, unit, reward, crowd, run):
        """One run of a fresh member; returns how many rewards there are and how many points are left."""
        member = a_member(unit)
        said = crowd.do(want(reward, [member], run))
        return said["done"], Claim.objects.filter(member_id=member.pk).count(), ready(member)

    @BOTH
    def test_buy_one_and_leave_the_rest(self, outer, tell):
        unit = a_club()
        reward = RewardFactory(price=500)
        with Crowd(outer=outer) as crowd:
            found = Counter(self.run(unit, reward, crowd, run) for run in range(RUNS))

        assert found == {(1, 1, 12): RUNS}
        assert Reward.objects.get().taken == RUNS
        sound_books()
        tell(f"a reward for 500 of 512, {CROWD} windows, {'in' if outer else 'no'} outer: one in {RUNS} runs")

    @BOTH
    def test_pay_once_under_one_key(self, outer, tell):
        unit, member = a_club(), None
        reward = RewardFactory(price=100)
        with Crowd(outer=outer) as crowd:
            for _run in range(RUNS):
                member = a_member(unit)
                said = crowd.do(lambda number, member=member: buy(reward=reward, member=member, key="one", at=TODAY))
                assert (said["done"], ready(member)) == (CROWD, 412)

        assert Claim.objects.count() == Reward.objects.get().taken == RUNS
        sound_books()
        tell(f"a button pressed {CROWD} times at once, {'in' if outer else 'no'} outer: paid once in {RUNS} runs")

    def test_would_buy_several_without_lock_and_constraints(self, monkeypatch, tell):
        without_lock(monkeypatch)
        unit = a_club()
        reward = RewardFactory(price=500)
        with bare_copies(*TABLES, *OURS) as search_path, Crowd(search_path=search_path) as crowd:
            runs = (self.run(unit, reward, crowd, run) for run in range(MANY))
            first = broken_after(done > 1 and count > 1 for done, count, _left in runs)

        assert first
        tell(f"the windows' broken twin: several rewards for the points of one in run {first}")


def ready(member):
    return Account.objects.get(member_id=member.pk).available


def look_then_count(reward):
    """A quota as one writes it at first: look whether one is left, then count."""
    row = Reward.objects.get(pk=reward.pk)
    if row.quota is not None and row.taken >= row.quota:
        raise CannotClaim(Because("reward_gone"))
    Reward.objects.filter(pk=reward.pk).update(taken=F("taken") + 1)


class TestTenSeatsThatFiftyPeopleWant:
    def run(self, crowd, members, run):
        """One run with a reward of its own; returns how many have it, and how many are counted."""
        reward = RewardFactory(price=5, quota=10)
        crowd.do(want(reward, members, run))
        return Claim.objects.filter(reward_id=reward.pk).count(), Reward.objects.get(pk=reward.pk).taken

    @BOTH
    def test_are_had_by_exactly_ten(self, outer, tell):
        members = people(a_club())
        with Crowd(outer=outer, size=PEOPLE) as crowd:
            found = Counter(self.run(crowd, members, run) for run in range(RUNS))

        assert found == {(10, 10): RUNS}
        sound_books()
        tell(f"a reward with 10 seats, {PEOPLE} at once, {'in' if outer else 'no'} outer: 10 in {RUNS} runs")

    def test_are_never_more_by_the_constraint_alone(self, monkeypatch, tell):
        monkeypatch.setattr(claims, "_count", look_then_count)
        members = people(a_club())
        with Crowd(size=PEOPLE) as crowd:
            found = Counter(self.run(crowd, members, run) for run in range(5))

        assert found == {(10, 10): 5}
        sound_books()
        tell("the seats, looked at before they are counted, 5 runs: 10 by the CHECK alone")

    def test_would_be_more_without_both(self, monkeypatch, tell):
        monkeypatch.setattr(claims, "_count", look_then_count)
        members = people(a_club())
        with bare_copies(Reward, *OURS) as search_path, Crowd(search_path=search_path, size=PEOPLE) as crowd:
            runs = (self.run(crowd, members, run) for run in range(MANY))
            first = broken_after(count > 10 for count, _taken in runs)

        assert first
        tell(f"the seats' broken twin: more than 10 in run {first}")


class TestOneForEachMember:
    def run(self, unit, reward, crowd, run):
        member = a_member(unit, 10_000)
        crowd.do(want(reward, [member], run))
        return Claim.objects.filter(member_id=member.pk).count(), ready(member)

    def test_is_had_once_under_twenty_keys(self, tell):
        unit = a_club()
        reward = RewardFactory(price=5, per_member=1)
        with Crowd() as crowd:
            found = Counter(self.run(unit, reward, crowd, run) for run in range(RUNS))

        assert found == {(1, 9_995): RUNS}
        sound_books()
        tell(f"one for each member, {CROWD} keys at once: one in {RUNS} runs")

    def test_would_be_had_several_times_without_lock_and_constraints(self, monkeypatch, tell):
        without_lock(monkeypatch)
        unit = a_club()
        reward = RewardFactory(price=5, per_member=1)
        with bare_copies(*TABLES, *OURS) as search_path, Crowd(search_path=search_path) as crowd:
            runs = (self.run(unit, reward, crowd, run) for run in range(MANY))
            first = broken_after(count > 1 for count, _left in runs)

        assert first
        tell(f"one for each member, its broken twin: several in run {first}")


def look_then_reserve(claim):
    """A code as one gives it out at first: look for a free one, then write whose it is."""
    free = RewardCode.objects.filter(reward=claim.reward_id, claim=None).order_by("pk").first()
    return free is not None and bool(RewardCode.objects.filter(pk=free.pk).update(claim=claim))


class TestTenCodesThatFiftyPeopleWant:
    def run(self, crowd, members, run):
        """One run with a list of its own; returns how many have the reward, and how many of them have a code."""
        reward = RewardFactory(price=5, codes=[f"{run}-{number}" for number in range(10)])
        crowd.do(want(reward, members, run))
        given = RewardCode.objects.filter(reward_id=reward.pk).exclude(claim=None)
        return Claim.objects.filter(reward_id=reward.pk).count(), given.values("claim").distinct().count()

    @BOTH
    def test_are_given_out_once_each(self, outer, tell):
        members = people(a_club())
        with Crowd(outer=outer, size=PEOPLE) as crowd:
            found = Counter(self.run(crowd, members, run) for run in range(RUNS))

        assert found == {(10, 10): RUNS}
        sound_books()
        tell(f"a list of 10 codes, {PEOPLE} at once, {'in' if outer else 'no'} outer: each once in {RUNS} runs")

    def test_would_be_promised_to_several(self, monkeypatch, tell):
        monkeypatch.setattr(claims, "_reserve_code", look_then_reserve)
        members = people(a_club())
        with Crowd(size=PEOPLE) as crowd:
            runs = (self.run(crowd, members, run) for run in range(MANY))
            first = broken_after(count > codes for count, codes in runs)

        assert first
        tell(f"the codes' broken twin: somebody without a code in run {first}")
