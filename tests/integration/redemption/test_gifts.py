"""Rewards as gifts: given once per key, on the way until they are ready, taken back while they are unused."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger.operations import foreseen, merge
from loyalty_oscar.program.models import Event
from loyalty_oscar.program.operations import give, take_back
from loyalty_oscar.redemption.models import Claim, ClaimStep, RewardCode
from loyalty_oscar.redemption.operations import fulfil, open_now, show_code
from loyalty_oscar.redemption.operations.claims import ask
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db
KEY, WHY = "tier:7:gift", Because("goodwill")


@pytest.fixture
def member(unit):
    """A member without points."""
    return MemberFactory(program=unit.program)


def given(member, reward, *, at=TODAY, **more):
    """What comes of giving a reward."""
    promise = Promise(reward_id=reward.pk if reward else None)
    return give(member_id=member.pk, promise=promise, key=KEY, because=WHY, at=at, **more)


def taken(member, reward, *, at=TODAY, **more):
    """What comes of taking it back."""
    return take_back(member_id=member.pk, promise=Promise(reward_id=reward.pk), key=KEY, because=WHY, at=at, **more)


def states():
    return [*ClaimStep.objects.order_by("pk").values_list("state", flat=True)]


class TestAPromise:
    def test_is_points_or_a_reward(self):
        assert (Promise(points=5).grant, Promise(reward_id=5).grant) == ("points", "claim")
        assert [bool(promise) for promise in (Promise(), Promise(points=1), Promise(reward_id=1))] == [
            False,
            True,
            True,
        ]
        with pytest.raises(ValueError, match="not both"):
            Promise(points=5, reward_id=5)


class TestAGift:
    def test_is_given_once_and_costs_nothing(self, member):
        reward = RewardFactory(price=500, quota=1, taken=1, is_on=False, rank=3)
        assert [given(member, reward) for _time in range(3)] == [Outcome.GIVEN, Outcome.THERE, Outcome.THERE]
        claim = Claim.objects.get()
        assert (claim.state, claim.paid, claim.key) == ("open", 0, KEY)
        reward.refresh_from_db()
        assert reward.taken == 1

    def test_is_taken_back_and_given_again(self, member):
        reward = RewardFactory(codes=["A"])
        seen = []
        for _time in range(2):
            seen += [given(member, reward), taken(member, reward), taken(member, reward)]
        assert seen[:3] == [Outcome.GIVEN, Outcome.TAKEN, Outcome.NOTHING]
        assert seen[3:] == [Outcome.AGAIN, Outcome.TAKEN, Outcome.NOTHING]
        assert states() == ["open", "back"] * 2
        assert RewardCode.objects.get().claim is None

    def test_stays_what_it_was_though_something_else_is_promised_by_now(self, member):
        first, other = RewardFactory(), RewardFactory()
        given(member, first), taken(member, first)
        assert given(member, other) == Outcome.AGAIN
        assert Claim.objects.get().reward == first

    def test_that_was_used_or_asked_for_is_kept(self, member):
        reward = RewardFactory()
        given(member, reward)
        ask(claim=Claim.objects.get(), at=TODAY)
        assert taken(member, reward) == Outcome.KEPT
        fulfil(claim=Claim.objects.get(), actor="staff:1", at=TODAY)
        assert taken(member, reward) == Outcome.KEPT
        assert given(member, reward) == Outcome.THERE

    def test_from_before_is_spared(self, member):
        reward = RewardFactory()
        given(member, reward)
        assert taken(member, reward, since=TODAY + timedelta(seconds=1)) == Outcome.KEPT
        assert taken(member, reward, since=TODAY) == Outcome.TAKEN

    def test_that_was_given_again_is_as_old_as_that(self, member):
        reward, again = RewardFactory(), TODAY + timedelta(days=2)
        given(member, reward), taken(member, reward)
        given(member, reward, at=again)
        assert Claim.objects.get().got_at == again
        assert taken(member, reward, since=TODAY + timedelta(days=1)) == Outcome.TAKEN

    def test_waits_until_it_is_ready(self, member):
        reward, ready = RewardFactory(valid_days=10, codes=["A"]), TODAY + timedelta(days=14)
        assert given(member, reward, waits=True, ready_at=None) == Outcome.GIVEN
        claim = Claim.objects.get()
        assert (claim.state, claim.valid_until, show_code(claim=claim, at=TODAY)) == ("waits", None, "")
        assert given(member, reward, waits=True, ready_at=ready) == Outcome.THERE
        claim.refresh_from_db()
        assert (claim.state, claim.ready_at) == ("waits", ready)
        assert not open_now(claim=claim, at=ready - timedelta(seconds=1))
        assert not Event.objects.exists()
        assert [open_now(claim=claim, at=ready) for _time in range(2)] == [True, False]
        claim.refresh_from_db()
        assert (claim.state, claim.valid_until) == ("open", datetime(2026, 5, 30, 22, tzinfo=UTC))
        assert Event.objects.count() == 1

    def test_is_kept_without_a_code_and_takes_one_that_comes_later(self, member):
        reward = RewardFactory(codes=[])
        given(member, reward)
        claim = Claim.objects.get()
        assert show_code(claim=claim, at=TODAY) == ""
        RewardCode.objects.create(reward=reward, code="LATE")
        assert show_code(claim=claim, at=TODAY) == "LATE"

    def test_is_found_where_its_member_went(self, unit, member):
        reward, other = RewardFactory(), MemberFactory(program=unit.program)
        given(member, reward)
        merge(member=member, into=other, actor="staff:1", at=TODAY)
        assert given(member, reward) == Outcome.THERE
        assert taken(member, reward) == Outcome.TAKEN
        assert Claim.objects.get().member == other

    def test_is_foreseen_and_nothing_is_written(self, member):
        reward = RewardFactory()
        with foreseen():
            assert given(member, reward) == Outcome.GIVEN
        assert not Claim.objects.exists()
        given(member, reward)
        with foreseen():
            assert taken(member, reward) == Outcome.TAKEN
        assert states() == ["open"]

    def test_of_nothing_is_nothing(self, member):
        assert given(member, None) == Outcome.NOTHING
        assert taken(member, RewardFactory()) == Outcome.NOTHING
