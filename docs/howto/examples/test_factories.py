from datetime import timedelta
from decimal import Decimal

import pytest
from oscar.test.factories import UserFactory, create_product

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.segments import members_of
from loyalty_oscar.redemption.operations import buy
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    AccountFactory,
    CampaignFactory,
    GivenTierFactory,
    GoalFactory,
    LadderFactory,
    LotFactory,
    MemberFactory,
    ProductSetFactory,
    ProgramFactory,
    RedemptionFactory,
    ReferralFactory,
    RewardFactory,
    RuleFactory,
    SaleFactory,
    SchemeFactory,
    SegmentFactory,
    UseTermsFactory,
)
from loyalty_oscar.tiers.queries import ladder_of

pytestmark = pytest.mark.django_db


# program
def test_a_program_and_its_rules():
    program = ProgramFactory(hold_days=30, unit__names={"en": {"one": "star", "other": "stars"}}, rule__points=2)
    RuleFactory(program=program, code="double-beds", double=True)

    assert (program.state, program.is_default, program.unit.names["en"]["other"]) == ("live", True, "stars")
    assert [rule.code for rule in program.rules.order_by("pk")] == ["base", "double-beds"]


# members
def test_a_member_with_points():
    member = MemberFactory(user=UserFactory(email="boris@example.com"), points=500)
    LotFactory(account__member=member, points=40, on_the_way=True)
    LotFactory(account__member=member, points=7, expires_at=clock.now() + timedelta(days=9))

    account = Account.objects.get(member=member)
    assert (account.available, account.pending) == (507, 40)


# using
def test_points_set_aside_for_a_basket():
    UseTermsFactory(share=50)
    account = AccountFactory(points=1_000)
    redemption = RedemptionFactory(account=account, points=300)

    assert (account.available, account.reserved) == (700, 300)
    assert redemption.basket.total_excl_tax == Decimal("100.00")


# rewards
def test_a_reward_that_a_member_can_have():
    member = MemberFactory(points=500)
    claim = buy(reward=RewardFactory(price=300, codes=["SPA-1"]), member=member, key="1", at=clock.now())

    assert (claim.paid, claim.code.code) == (300, "SPA-1")


# levels
def test_a_member_on_a_level():
    ladder = LadderFactory(gold__threshold=30_000, gold__percent=150)
    gold = GivenTierFactory(tier=ladder.tiers.get(code="gold")).tier

    assert ladder_of(program_id=ladder.program_id).known_tiers[-1] == gold
    assert (gold.threshold, gold.percent) == (30_000, 150)


# sales
def test_a_sale_for_friends_of_the_house():
    bed, friend = create_product(title="Bed"), MemberFactory()
    segment = SegmentFactory(members=[friend])
    sale = SaleFactory(product_set=ProductSetFactory(products=[bed]), door__segment=segment, percent=20, quota=5)

    assert members_of(segment=sale.doors.get().segment) == {friend.pk}
    assert sale.public_from > clock.now()


# friends
def test_a_friend_and_a_campaign():
    SchemeFactory(giver_points=200)
    referral = ReferralFactory(giver=MemberFactory())
    campaign = CampaignFactory(word="Leipzig", points=25)

    assert (referral.state, referral.giver_points) == ("invited", 200)
    assert (campaign.occasion, campaign.is_on) == ("word", True)


# goals
def test_a_stamp_card():
    goal = GoalFactory(sets=["coffee"], reward=RewardFactory(name="A free bag"))

    assert (goal.target, goal.repeats, goal.set_codes, goal.points) == (10, True, ["coffee"], 0)
