"""A reward that was given for something which came to nothing while the reward was in use: it does not come back."""

from datetime import timedelta

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.program import operations as program
from loyalty_oscar.program.models import Member
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.rewards import jobs
from tests.points import a_member_with, points_club
from tests.points import pay as place
from tests.rewards import a_reward, fresh, put_on, state, take_off
from tests.storefront import TODAY, a_basket, a_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
KEY, WHY = "goal:1:1", Because("goal_missed", name="Card")
OPEN, USED, BACK = Claim.State.OPEN, Claim.State.USED, Claim.State.BACK


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


@pytest.fixture
def claim(unit, boris):
    """Five euro off, given to Boris for something."""
    reward = a_reward(unit, "off", amount=500)
    assert give(boris, reward) == Outcome.GIVEN
    return Claim.objects.get()


def give(user, reward):
    member = Member.objects.get(user=user)
    promise, because = Promise(reward_id=reward.pk), Because("goal_reached", name="Card")
    return program.give(member_id=member.pk, promise=promise, key=KEY, because=because, at=TODAY)


def revoke(claim):
    promise = Promise(reward_id=claim.reward_id)
    return program.take_back(member_id=claim.member_id, promise=promise, key=KEY, because=WHY, at=TODAY)


def status(order, to):
    get_model("order", "Order").objects.filter(pk=order.pk).update(status=to)
    sync_orders(order_ids=[order.pk], at=TODAY)


def basket_of(boris, claim):
    return put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)


class TestOneThatWasUsed:
    @pytest.fixture
    def order(self, boris, claim):
        order = place(basket_of(boris, claim))
        assert (revoke(claim), state(claim)) == (Outcome.KEPT, USED)
        return order

    def test_goes_back_once_its_order_comes_to_nothing(self, order, claim):
        status(order, "Cancelled")
        assert (state(claim), fresh(claim).because) == (BACK, WHY.to_json())

    def test_is_used_again_with_the_order_that_stands_after_all(self, order, claim):
        for to, right in (("Cancelled", BACK), ("Pending", USED), ("Cancelled", BACK)):
            status(order, to)
            assert state(claim) == right

    def test_is_its_members_again_where_what_it_was_given_for_stands_after_all(self, boris, order, claim):
        assert give(boris, claim.reward) == Outcome.THERE
        status(order, "Cancelled")
        assert state(claim) == OPEN

    def test_is_used_once_where_both_stand_after_all(self, boris, order, claim):
        status(order, "Cancelled")
        give(boris, claim.reward)
        status(order, "Pending")
        assert (state(claim), fresh(claim).order_id) == (USED, order.pk)

    def test_that_went_back_is_given_again(self, boris, order, claim):
        status(order, "Cancelled")
        assert (give(boris, claim.reward), state(claim)) == (Outcome.AGAIN, OPEN)
        assert fresh(claim).revoked is None
        basket_of(boris, claim)


class TestOneThatSomebodyIsPayingWith:
    @pytest.fixture
    def basket(self, boris, claim):
        basket = basket_of(boris, claim)
        basket.freeze()
        assert (revoke(claim), state(claim)) == (Outcome.KEPT, OPEN)
        return basket

    def test_is_used_with_the_order(self, basket, claim):
        order = place(basket)
        assert (state(claim), order.total_incl_tax) == (USED, basket.total_incl_tax)
        status(order, "Cancelled")
        assert state(claim) == BACK

    def test_does_nothing_any_more_where_the_payment_is_broken_off(self, boris, basket, claim):
        basket.thaw()
        later = TODAY + timedelta(hours=3)
        with pytest.raises(CannotClaim):
            put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim, at=later)
        assert sum(jobs.run(later)) == 1
        assert (state(claim), sum(jobs.run(later))) == (BACK, 0)

    def test_goes_back_as_it_is_taken_off(self, boris, basket, claim):
        basket.thaw()
        take_off(boris, basket, claim, at=TODAY + timedelta(hours=3))
        assert state(claim) == BACK
