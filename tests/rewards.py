"""Rewards of the kinds that are used with a basket: members who have one, and the baskets they put it on."""

from itertools import count

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import buy
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.redemption.rewards.in_basket import given_to
from loyalty_oscar.shop.redemption.rewards.use_rewards import leave_reward, use_reward
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.testing.factories import RewardFactory
from tests.points import reload
from tests.storefront import TODAY

_keys = count(1)


def a_reward(unit, kind, *, price=500, **params):
    """A reward of a kind for 500 points; amounts are minor units."""
    reward = RewardFactory(program=unit.program, kind=kind, params=params, price=price)
    forget_cache()
    return reward


def have(user, reward, *, at=TODAY) -> Claim:
    """A reward that a member has, bought now."""
    member = Member.objects.get(user=user, program=reward.program_id)
    return buy(reward=reward, member=member, key=f"test-{next(_keys)}", at=at)


def put_on(user, basket, claim, *, at=TODAY, product=None):
    """Put a reward on a basket as the page does; the basket as the next page loads it."""
    set_gates(strategy=basket.strategy, visit=Visit(None))  # As each request does.
    use_reward(claim=fresh(claim), basket=basket, at=at, product_id=product.pk if product else None)
    return reload(user, basket)


def take_off(user, basket, claim, *, at=TODAY):
    """Take a reward off again; the basket as the next page loads it."""
    leave_reward(claim=fresh(claim), basket=basket, at=at)
    return reload(user, basket)


def fresh(claim) -> Claim:
    """A claim as the database has it."""
    return Claim.objects.select_related("reward__program", "member").get(pk=claim.pk)


def state(claim):
    """In which state a claim is."""
    return fresh(claim).state


def why(basket):
    """The codes of what the rewards of a basket say."""
    return sorted(because.code for because in given_to(basket=basket).because.values() if because.code != "as_asked")
