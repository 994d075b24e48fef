"""A reward in a basket that an order uses while staff give it back, and that two baskets want at once."""

from collections import Counter

import pytest
from django.db import transaction

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import desk
from loyalty_oscar.redemption.models import Claim, ClaimStep, Redemption, RewardCode
from loyalty_oscar.redemption.operations import buy, claims, give_back, on_baskets
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.integration.ledger.books import TABLES, assert_clean
from tests.storefront import TODAY, a_club

from .crowds import CROWD, MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS = runs_of(20)
State = Claim.State


def a_claim(unit, reward):
    """A reward of a fresh member, in a basket."""
    member = MemberFactory(program=unit.program, points=512, points__at=TODAY, points__expires_at=None)
    claim = buy(reward=reward, member=member, key="one", at=TODAY)
    row = on_baskets.put_on(claim=claim, slot=f"basket:{claim.pk}", currency="EUR", at=TODAY)
    return Redemption.objects.select_related("claim__reward").get(pk=row.pk)


def order_or_give_back(row):
    """What each of a crowd does: place the order of the basket, or give the reward back as staff do."""

    def act(number):
        if number % 2:
            return give_back(claim=row.claim, note="A mistake", actor="staff", at=TODAY)
        use = Redemption.objects.select_related("claim__reward").get(pk=row.pk)
        with transaction.atomic():
            if use.slot is None:
                raise NotAllowed("ordered by now")
            return on_baskets.use(redemption=use, order_id=row.pk, minor=500, currency="EUR", at=TODAY)

    return act


def outcome(row):
    """The state of the reward, how many orders used it by its steps, and the points of its member."""
    claim = Claim.objects.get(pk=row.claim_id)
    used = ClaimStep.objects.filter(claim=claim, state=State.USED).count()
    has_order = Redemption.objects.get(pk=row.pk).order_id is not None
    return claim.state, used, has_order, Account.objects.get(member_id=claim.member_id).available


class TestARewardThatIsOrderedAndGivenBackAtOnce:
    @BOTH
    def test_is_one_of_both(self, outer, tell):
        unit = a_club()
        reward = RewardFactory(price=500, kind="off", params={"amount": 500})
        with Crowd(outer=outer) as crowd:
            found = Counter()
            for _run in range(RUNS):
                row = a_claim(unit, reward)
                crowd.do(order_or_give_back(row))
                found[outcome(row)] += 1

        assert set(found) <= {(State.USED, 1, True, 12), (State.BACK, 0, False, 512)}
        assert found.total() == RUNS
        assert_clean()
        used, how = found[State.USED, 1, True, 12], "in" if outer else "no"
        tell(f"a reward ordered and given back by {CROWD} at once, {how} outer: used in {used} of {RUNS} runs")

    def test_would_be_both_without_lock_and_state(self, monkeypatch, tell):
        for module in (claims, desk):
            monkeypatch.setattr(module, "lock", lambda *, account_id: Account.objects.get(pk=account_id))
        for module in (claims, on_baskets):
            monkeypatch.setattr(module, "take_step", look_then_write)
        unit = a_club()
        reward = RewardFactory(price=500, kind="off", params={"amount": 500})
        ours = (Claim, ClaimStep, RewardCode, Redemption)

        def is_broken(crowd):
            row = a_claim(unit, reward)
            crowd.do(order_or_give_back(row))
            return outcome(row) not in {(State.USED, 1, True, 12), (State.BACK, 0, False, 512)}

        with bare_copies(*TABLES, *ours) as search_path, Crowd(search_path=search_path) as crowd:
            first = broken_after(is_broken(crowd) for _run in range(MANY))
        assert first
        tell(f"the reward's broken twin: ordered and given back, or twice, in run {first}")


def look_then_write(claim, before, to, because, at, actor, note="", **more):
    """A step as one writes it at first: look at the state, then write the next."""
    states = [before] if isinstance(before, str) else list(before)
    if claim.state not in states:
        return False
    Claim.objects.filter(pk=claim.pk).update(state=to, **more)
    claim.state = to
    claims._write_down(claim, because, at, actor, note)
    return True


class TestARewardThatTwoBasketsWantAtOnce:
    @BOTH
    def test_lies_in_one(self, outer, tell):
        unit = a_club()
        reward = RewardFactory(price=500, kind="off", params={"amount": 500})
        with Crowd(outer=outer) as crowd:
            for _run in range(RUNS):
                claim = a_claim(unit, reward).claim
                said = crowd.do(
                    lambda number, claim=claim: on_baskets.put_on(
                        claim=claim, slot=f"basket:{number + 1}", currency="EUR", at=TODAY
                    )
                )
                assert said["done"] == CROWD
                assert Redemption.objects.filter(claim=claim).count() == 1
        tell(f"a reward that {CROWD} baskets want at once, {'in' if outer else 'no'} outer: in one in {RUNS} runs")
