"""Rewards for points: who can have them, once each, and the way back of the points."""

from datetime import UTC, date, datetime, timedelta

import pytest

from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.kernel.periods import last_day
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations import end_freeze, freeze, merge
from loyalty_oscar.program.models import Event, Reward
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.redemption.models import Claim, RewardCode
from loyalty_oscar.redemption.operations import (
    CannotClaim,
    ask,
    buy,
    expire,
    fulfil,
    give_back,
    not_fulfilled,
    put_off,
    show_code,
)
from loyalty_oscar.testing.factories import (
    GivenTierFactory,
    LadderFactory,
    MemberFactory,
    ProgramFactory,
    RewardFactory,
    SegmentFactory,
)
from loyalty_oscar.tiers.models import Tier
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(unit):
    """A member with 512 points."""
    return MemberFactory(program=unit.program, points=512, points__at=TODAY, points__expires_at=None)


def ready(member):
    """Points that can be used."""
    return Account.objects.get(member=member).available


def why_refused(**about):
    """The code of the reason for which a reward cannot be had, and nothing has changed then."""
    before = Claim.objects.count(), Entry.objects.count(), [*Reward.objects.values_list("taken", flat=True)]
    with pytest.raises(CannotClaim) as refused:
        buy(key="refused", at=TODAY, **about)
    after = Claim.objects.count(), Entry.objects.count(), [*Reward.objects.values_list("taken", flat=True)]
    assert before == after
    return refused.value.because.code


class TestAReward:
    def test_takes_its_price_once(self, member):
        reward = RewardFactory(price=500, name="A seat")
        claims = [buy(reward=reward, member=member, key="1", at=TODAY) for _time in range(3)]

        assert {claim.pk for claim in claims} == {claims[0].pk}
        assert (ready(member), claims[0].paid) == (12, 500)
        entry = Entry.objects.get(key=f"claim:{claims[0].pk}:pay")
        assert (entry.d_available, entry.counter, str(entry)) == (-500, "redemption", "Used for the reward “A seat”")
        reward.refresh_from_db()
        assert reward.taken == 1
        assert_clean()

    def test_is_not_had_with_too_few_points(self, member):
        assert why_refused(reward=RewardFactory(price=513), member=member) == "reward_points_missing"

    @pytest.mark.parametrize(
        "about",
        [
            {"is_on": False},
            {"price": None},
            {"starts_at": TODAY + timedelta(seconds=1)},
            {"ends_at": TODAY},
        ],
    )
    def test_is_had_only_in_its_time(self, member, about):
        assert why_refused(reward=RewardFactory(**about), member=member) == "reward_over"

    def test_is_had_in_the_first_and_the_last_moment(self, member):
        for about in ({"starts_at": TODAY}, {"ends_at": TODAY + timedelta(microseconds=1)}):
            assert buy(reward=RewardFactory(price=5, **about), member=member, key=str(about.keys()), at=TODAY).paid == 5

    def test_of_a_level_is_for_that_level_and_those_above(self, member):
        LadderFactory(program=member.program)
        low, high = RewardFactory(rank=2, price=5), RewardFactory(rank=3, price=5)
        assert why_refused(reward=low, member=member) == "reward_not_for_you"
        GivenTierFactory(member=member, tier=Tier.objects.get(rank=2), at=TODAY)
        later = TODAY + timedelta(seconds=1)
        assert buy(reward=low, member=member, key="low", at=later).paid == 5
        assert why_refused(reward=high, member=member) == "reward_not_for_you"

    def test_of_a_list_is_for_who_is_on_it(self, member):
        segment = SegmentFactory(program=member.program)
        reward = RewardFactory(segment=segment, price=5)
        assert why_refused(reward=reward, member=member) == "reward_not_for_you"
        set_members(segment=segment, member_ids=[member.pk], at=TODAY)
        assert buy(reward=reward, member=member, key="1", at=TODAY).paid == 5

    def test_of_another_program_is_not_had(self, member):
        other = ProgramFactory(code="other", is_default=False)
        assert why_refused(reward=RewardFactory(program=other, price=5), member=member) == "reward_over"

    def test_is_had_as_often_as_one_member_may(self, member):
        reward = RewardFactory(price=5, per_member=2)
        claims = [buy(reward=reward, member=member, key=str(n), at=TODAY) for n in range(2)]
        assert why_refused(reward=reward, member=member) == "reward_had_enough"
        give_back(claim=claims[0], note="by mistake", actor="staff:1", at=TODAY)
        assert buy(reward=reward, member=member, key="3", at=TODAY).paid == 5

    def test_is_had_as_often_as_there_are(self, member):
        reward = RewardFactory(price=5, quota=2)
        claims = [buy(reward=reward, member=member, key=str(n), at=TODAY) for n in range(2)]
        assert why_refused(reward=reward, member=member) == "reward_gone"
        give_back(claim=claims[0], note="by mistake", actor="staff:1", at=TODAY)
        assert buy(reward=reward, member=member, key="3", at=TODAY).paid == 5
        reward.refresh_from_db()
        assert reward.taken == 2

    def test_is_not_had_while_points_are_frozen(self, member):
        freeze(member=member, until=None, earns=True, reason="asked", actor="staff:1", at=TODAY)
        assert why_refused(reward=RewardFactory(price=5), member=member) == "points_frozen"


class TestAClaim:
    def test_given_back_brings_its_points_to_their_own_lots_once(self, member):
        reward = RewardFactory(price=500)
        before = [*Account.objects.get(member=member).lots.values_list("remaining", "expires_at")]
        claim = buy(reward=reward, member=member, key="1", at=TODAY)
        for _time in range(3):
            give_back(claim=claim, note="The day does not suit", actor="staff:1", at=TODAY)

        assert ready(member) == 512
        assert [*Account.objects.get(member=member).lots.values_list("remaining", "expires_at")] == before
        claim.refresh_from_db()
        assert claim.state == "back"
        assert [*claim.steps.order_by("pk").values_list("state", "actor")] == [
            ("open", "system"), ("asked", "system"), ("back", "staff:1"),
        ]  # fmt: skip
        assert_clean()

    def test_is_given_back_for_a_reason(self, member):
        claim = buy(reward=RewardFactory(), member=member, key="1", at=TODAY)
        with pytest.raises(LoyaltyError, match="reason"):
            give_back(claim=claim, note=" ", actor="staff:1", at=TODAY)
        assert ready(member) == 12

    def test_that_staff_handed_out_is_not_given_back_before_that_is_undone(self, member):
        claim = buy(reward=RewardFactory(params={"ask": "Which day?"}), member=member, key="1", text="Mon", at=TODAY)
        assert (claim.state, claim.text) == ("asked", "Mon")
        fulfil(claim=claim, actor="staff:1", at=TODAY)
        with pytest.raises(NotAllowed, match="used"):
            give_back(claim=claim, note="why", actor="staff:1", at=TODAY)
        assert not_fulfilled(claim=claim, actor="staff:1", at=TODAY).state == "asked"
        assert give_back(claim=claim, note="why", actor="staff:1", at=TODAY).state == "back"
        with pytest.raises(NotAllowed):
            fulfil(claim=claim, actor="staff:1", at=TODAY)

    def test_goes_along_when_members_are_merged_and_comes_back_there(self, unit, member):
        other = MemberFactory(program=unit.program)
        claim = buy(reward=RewardFactory(price=500), member=member, key="1", at=TODAY)
        merge(member=member, into=other, actor="staff:1", at=TODAY + timedelta(hours=1))
        claim.refresh_from_db()
        assert claim.member == other
        give_back(claim=claim, note="why", actor="staff:1", at=TODAY + timedelta(hours=2))
        assert ready(other) == 512
        assert_clean()

    def test_tells_its_member_what_became_of_it(self, member):
        first, second = (buy(reward=RewardFactory(price=5), member=member, key=str(n), at=TODAY) for n in range(2))
        fulfil(claim=first, actor="staff:1", at=TODAY)
        give_back(claim=second, note="why", actor="staff:1", at=TODAY)
        told = [*Event.objects.order_by("pk").values_list("topic", "payload__claim")]
        assert told == [
            ("reward-got", first.pk), ("reward-got", second.pk), ("reward-done", first.pk), ("reward-back", second.pk),
        ]  # fmt: skip


class TestACode:
    def test_is_kept_for_who_has_the_reward_and_used_when_it_is_shown(self, member):
        reward = RewardFactory(price=5, codes=["SPA-1", "SPA-2"])
        claim = buy(reward=reward, member=member, key="1", at=TODAY)
        assert claim.state == "open"
        assert [show_code(claim=claim, at=TODAY) for _time in range(2)] == ["SPA-1", "SPA-1"]
        claim.refresh_from_db()
        assert claim.state == "used"

    def test_is_not_sold_twice(self, member):
        reward = RewardFactory(price=5, codes=["SPA-1"])
        buy(reward=reward, member=member, key="1", at=TODAY)
        assert why_refused(reward=reward, member=member) == "reward_gone"
        assert ready(member) == 507

    def test_that_nobody_saw_goes_back_to_the_list(self, member):
        reward = RewardFactory(price=5, codes=["SPA-1"])
        claim = buy(reward=reward, member=member, key="1", at=TODAY)
        give_back(claim=claim, note="why", actor="staff:1", at=TODAY)
        assert RewardCode.objects.get().claim is None
        assert show_code(claim=claim, at=TODAY) == ""
        again = buy(reward=reward, member=member, key="2", at=TODAY)
        assert show_code(claim=again, at=TODAY) == "SPA-1"

    def test_that_nobody_saw_goes_back_to_the_list_when_its_time_is_over(self, member):
        claim = buy(reward=RewardFactory(price=5, valid_days=30, codes=["SPA-1"]), member=member, key="1", at=TODAY)
        assert RewardCode.objects.get().claim == claim
        assert expire(claim=claim, at=claim.valid_until)
        assert RewardCode.objects.get().claim is None

    def test_is_shown_to_nobody_whose_points_are_frozen_but_stays_seen(self, member):
        reward = RewardFactory(price=5, codes=["SPA-1", "SPA-2"])
        seen, other = (buy(reward=reward, member=member, key=key, at=TODAY) for key in "12")
        show_code(claim=seen, at=TODAY)
        freeze(member=member, until=None, earns=True, reason="asked", actor="staff:1", at=TODAY)
        with pytest.raises(CannotClaim) as refused:
            show_code(claim=other, at=TODAY)
        other.refresh_from_db()
        assert (refused.value.because.code, other.state) == ("points_frozen", "open")
        assert show_code(claim=seen, at=TODAY) == "SPA-1"
        end_freeze(member=member, actor="staff:1", at=TODAY)
        assert show_code(claim=other, at=TODAY) == "SPA-2"

    def test_that_was_seen_never_goes_back_to_the_list(self, member):
        claim = buy(reward=RewardFactory(price=5, valid_days=30, codes=["SPA-1"]), member=member, key="1", at=TODAY)
        show_code(claim=claim, at=TODAY)
        assert not expire(claim=claim, at=claim.valid_until)
        with pytest.raises(NotAllowed):
            give_back(claim=claim, note="why", actor="staff:1", at=TODAY)
        assert RewardCode.objects.get().claim == claim


class TestTheTimeOfAClaim:
    def test_runs_out_once_its_last_day_is_over_and_not_before(self, member):
        claim = buy(reward=RewardFactory(valid_days=30, codes=["A"]), member=member, key="1", at=TODAY)
        assert claim.valid_until == datetime(2026, 6, 5, 22, tzinfo=UTC)
        assert last_day(expires_at=claim.valid_until, zone="Europe/Berlin") == date(2026, 6, 5)
        assert not expire(claim=claim, at=claim.valid_until - timedelta(microseconds=1))
        assert [expire(claim=claim, at=claim.valid_until) for _time in range(2)] == [True, False]
        claim.refresh_from_db()
        assert claim.state == "over"
        assert show_code(claim=claim, at=claim.valid_until) == ""

    def test_moves_where_nobody_was_told(self, member):
        claim = buy(reward=RewardFactory(valid_days=30, codes=["A"]), member=member, key="1", at=TODAY)
        later = TODAY + timedelta(days=37)
        assert put_off(claim=claim, until=later)
        assert not expire(claim=claim, at=TODAY + timedelta(days=31))
        assert expire(claim=claim, at=later)

    def test_does_not_run_out_once_staff_were_asked(self, member):
        claim = buy(reward=RewardFactory(valid_days=1), member=member, key="1", at=TODAY)
        assert not expire(claim=claim, at=TODAY + timedelta(days=2))

    def test_of_what_members_use_alone_knows_no_staff(self, member):
        claim = buy(reward=RewardFactory(codes=["A"]), member=member, key="1", at=TODAY)
        with pytest.raises(NotAllowed):
            ask(claim=claim, at=TODAY)
