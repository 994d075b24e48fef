"""A friend is brought in: tied once, rewarded on both sides, and taken back on both."""

import pytest

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import bind, code_of, decide
from loyalty_oscar.shop.orders.sync import sync_orders
from tests.integration.ledger.books import assert_clean
from tests.storefront import a_product, a_user, arrive, buy, day, ripen, send_back

from .friendly import points

pytestmark = pytest.mark.django_db


class TestACode:
    def test_is_made_once_and_found_however_it_is_typed(self, friends):
        member = Member.objects.get(user=friends.boris)
        assert code_of(member=member).code == friends.code
        other = a_user("anna@example.com")
        typed = friends.code.upper().replace("-", " ")
        assert bind(code=typed, program_id=friends.unit.program_id, user_id=other.pk, at=day(3, 2)).giver == member

    def test_ties_nobody_twice_nor_to_oneself_nor_by_a_code_that_nobody_has(self, friends):
        anna = a_user("anna@example.com")
        other = code_of(member=join(program=friends.unit.program, user_id=anna.pk, at=day(2, 1))).code
        where = {"program_id": friends.unit.program_id, "at": day(3, 2)}
        assert bind(code=other, user_id=friends.priya.pk, **where) is None
        assert bind(code=friends.code, user_id=friends.boris.pk, **where) is None
        assert bind(code="zzzz-zzzz", user_id=anna.pk, **where) is None
        assert Referral.objects.get().giver.user == friends.boris


class TestTheFirstOrder:
    def test_rewards_both_once_its_return_period_is_over(self, friends):
        order = buy(friends.priya, (a_product(price="30.00"), 1), on=day(3, 3))
        assert (points(friends.boris), points(friends.priya)) == ((0, 150), (0, 100))
        arrive(order, on=day(3, 5))
        ripen(on=day(3, 18))
        assert points(friends.boris) == (0, 150)
        ripen(on=day(3, 20))
        assert (points(friends.boris), points(friends.priya)) == ((150, 0), (100, 0))
        assert_clean()

    def test_brings_nothing_below_the_amount_and_the_next_may(self, friends):
        buy(friends.priya, (a_product(price="19.00"), 1), on=day(3, 3))
        assert points(friends.boris) == (0, 0)
        buy(friends.priya, (a_product(price="21.00"), 1), on=day(3, 4))
        assert points(friends.boris) == (0, 150)

    def test_takes_both_rewards_back_when_it_goes_back(self, friends):
        order = arrive(buy(friends.priya, (a_product(price="30.00"), 1), on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 20))
        send_back(order, 1, on=day(3, 21))
        assert (points(friends.boris), points(friends.priya)) == ((0, 0), (0, 0))
        assert Referral.objects.get().state == "reversed"
        buy(friends.priya, (a_product(price="30.00"), 1), on=day(3, 22))
        assert points(friends.boris) == (0, 0)
        assert_clean()

    def test_that_is_cancelled_leaves_the_next_one_to_be_first(self, friends):
        order = buy(friends.priya, (a_product(price="30.00"), 1), on=day(3, 3))
        type(order).objects.filter(pk=order.pk).update(status="Cancelled")
        sync_orders(order_ids=[order.pk], at=day(3, 4))
        assert (points(friends.boris), Referral.objects.get().state) == ((0, 0), "invited")
        buy(friends.priya, (a_product(price="30.00"), 1), on=day(3, 5))
        assert (points(friends.boris), points(friends.priya)) == ((0, 150), (0, 100))
        assert_clean()


class TestALookAlike:
    def test_is_blocked_until_staff_say_otherwise(self, friends):
        twin = a_user("Boris+friend@example.com")
        bind(code=friends.code, program_id=friends.unit.program_id, user_id=twin.pk, at=day(3, 2))
        referral = Referral.objects.get(newcomer__user=twin)
        order = buy(twin, (a_product(price="30.00"), 1), on=day(3, 3))
        referral.refresh_from_db()
        assert (referral.state, points(twin)) == ("blocked", (0, 0))
        decide(referral=referral, decision="allow", reason="A brother", actor="staff:0", at=day(3, 4))
        arrive(order, on=day(3, 5))
        assert points(twin) == (0, 100)
