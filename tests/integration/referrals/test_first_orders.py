"""Which order of a newcomer is the first, who gets something for it, and what becomes of it later."""

import pytest
from django.db import transaction
from oscar.test import factories

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import State
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import decide
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.referrals.attribution import look_again
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.orders import imported
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, ripen, send_back

from .friendly import bring, points

pytestmark = pytest.mark.django_db


@pytest.fixture
def club(friends):
    return friends


@pytest.fixture
def now(django_capture_on_commit_callbacks):
    """What happens, with what follows after commit, at a moment."""

    def happens(what, *, at):
        with clock.at(at), django_capture_on_commit_callbacks(execute=True):
            what()

    return happens


def ordered(user, *, on, **fields):
    return buy(user, (a_product(price="30.00"), 1), on=on, **fields)


def cancel(order, at):
    type(order).objects.filter(pk=order.pk).update(status="Cancelled")
    sync_orders(order_ids=[order.pk], at=at)


def settled(user):
    """A first order that arrived, and whose return period is over."""
    order = arrive(ordered(user, on=day(3, 3)), on=day(3, 5))
    ripen(on=day(3, 30))
    return order


def both(club):
    return points(club.boris), points(club.priya)


class TestARewardGivenAgain:
    def test_after_a_decision_was_undone_gets_ready_on_the_day_that_is_known_by_then(self, club, now):
        order = ordered(club.priya, on=day(3, 3))
        referral = Referral.objects.get()
        told = {"referral": referral, "actor": "staff:0"}
        now(lambda: decide(**told, decision="block", reason="x", at=day(3, 4)), at=day(3, 4))
        assert both(club) == ((0, 0), (0, 0))
        arrive(order, on=day(3, 5))
        now(lambda: decide(**told, decision="", reason="", at=day(3, 6)), at=day(3, 6))
        assert both(club) == ((0, 150), (0, 100))
        ripen(on=day(3, 20))

        assert both(club) == ((150, 0), (100, 0))
        assert_clean()

    def test_for_an_order_that_arrived_before_the_first_was_cancelled_gets_ready(self, club, now):
        first = ordered(club.priya, on=day(3, 3))
        arrive(ordered(club.priya, on=day(3, 4)), on=day(3, 6))
        now(lambda: cancel(first, day(3, 7)), at=day(3, 7))
        assert both(club) == ((0, 150), (0, 100))
        ripen(on=day(3, 21))

        assert both(club) == ((150, 0), (100, 0))
        assert Referral.objects.get().order_id != first.pk
        assert_clean()

    def test_long_after_its_day_is_ready_at_once(self, club, now):
        order = arrive(ordered(club.priya, on=day(3, 3)), on=day(3, 5))
        now(lambda: cancel(order, day(3, 7)), at=day(3, 7))
        assert both(club) == ((0, 0), (0, 0))
        type(order).objects.filter(pk=order.pk).update(status=order.status)
        sync_orders(order_ids=[order.pk], at=day(5, 1))

        assert both(club) == ((150, 0), (100, 0))
        assert_clean()

    def test_for_another_order_once_the_first_had_been_safe_waits_for_that(self, club, now):
        first = settled(club.priya)
        assert both(club) == ((150, 0), (100, 0))
        now(lambda: cancel(first, day(4, 7)), at=day(4, 7))
        assert both(club) == ((0, 0), (0, 0))
        arrive(ordered(club.priya, on=day(4, 8)), on=day(4, 10))
        assert both(club) == ((0, 150), (0, 100))
        ripen(on=day(4, 30))

        assert both(club) == ((150, 0), (100, 0))
        assert_clean()

    def test_for_another_order_from_before_the_first_was_cancelled_waits_for_that(self, club, now):
        first = settled(club.priya)
        arrive(ordered(club.priya, on=day(4, 1)), on=day(4, 3))
        now(lambda: cancel(first, day(4, 7)), at=day(4, 7))
        assert both(club) == ((0, 150), (0, 100))
        ripen(on=day(4, 17))

        assert both(club) == ((150, 0), (100, 0))
        assert_clean()

    def test_for_the_same_order_that_had_been_safe_is_ready_as_its_points_are(self, club, now):
        order = settled(club.priya)
        now(lambda: cancel(order, day(4, 7)), at=day(4, 7))
        assert both(club) == ((0, 0), (0, 0))
        type(order).objects.filter(pk=order.pk).update(status=order.status)
        order.status_changes.update(date_created=day(4, 8))
        sync_orders(order_ids=[order.pk], at=day(4, 8))

        assert both(club) == ((150, 0), (100, 0))
        assert Referral.objects.get().ready_at == day(3, 19)
        assert_clean()


class TestANewcomerWhoLeft:
    def test_takes_the_givers_reward_along_with_a_return(self, club):
        order = arrive(ordered(club.priya, on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 20))
        with clock.at(day(3, 21)):
            club.priya.delete()
        order.refresh_from_db()
        assert (order.user_id, points(club.boris)) == (None, (150, 0))
        send_back(order, 1, on=day(3, 22))

        assert points(club.boris) == (0, 0)
        assert Referral.objects.get().state == "reversed"
        assert_clean()

    def test_leaves_the_giver_the_day_on_which_the_reward_is_ready(self, club):
        order = ordered(club.priya, on=day(3, 3))
        with clock.at(day(3, 4)):
            club.priya.delete()
        order.refresh_from_db()
        arrive(order, on=day(3, 5))
        ripen(on=day(3, 20))

        assert points(club.boris) == (150, 0)


class TestAGiverWhoLeft:
    def test_gets_nothing_any_more_and_the_newcomer_does(self, club):
        with clock.at(day(3, 2)):
            club.boris.delete()
        order = ordered(club.priya, on=day(3, 3))
        assert points(club.priya) == (0, 100)
        assert list(Account.objects.filter(pending__gt=0).values_list("member__user", flat=True)) == [club.priya.pk]
        send_back(order, 1, on=day(3, 4))
        assert points(club.priya) == (0, 0)
        assert_clean()


class TestAProgramThatDoesNotEarn:
    @pytest.mark.parametrize("to", [State.PAUSED, State.CLOSING])
    def test_rewards_nobody_for_what_is_ordered_then(self, club, to):
        change_state(program=club.unit.program, to=to, actor="test", at=day(3, 2))
        order = ordered(club.priya, on=day(3, 3))

        assert both(club) == ((0, 0), (0, 0))
        assert (Referral.objects.get().state, Referral.objects.get().order_id) == ("invited", None)
        arrive(order, on=day(3, 5))
        assert both(club) == ((0, 0), (0, 0))

    def test_still_rewards_what_was_ordered_before_and_takes_it_back(self, club):
        with clock.at(day(3, 1)):
            order = ordered(club.priya, on=day(3, 1))
        change_state(program=club.unit.program, to=State.PAUSED, actor="test", at=day(3, 2))
        forget_cache()
        look_again(order_ids=[order.pk])
        arrive(order, on=day(3, 3))
        ripen(on=day(3, 20))
        assert both(club) == ((150, 0), (100, 0))
        send_back(order, 1, on=day(3, 21))
        assert both(club) == ((0, 0), (0, 0))


class TestWhoBoughtHereBefore:
    def state(self, club, email, **fields):
        user = a_user(email)
        bring(club, user, **fields)
        ordered(user, on=day(3, 28))
        return Referral.objects.get(newcomer__user=user).state, points(user)

    @pytest.mark.parametrize("email", ["e.ve+2@googlemail.com", "EVE@gmail.com", "eve+x@gmail.com"])
    def test_from_another_account_of_the_mailbox_is_no_newcomer(self, club, email):
        ordered(a_user("eve@gmail.com"), on=day(2, 1))

        assert self.state(club, email) == ("blocked", (0, 0))

    @pytest.mark.parametrize("email", ["eve+shop@gmail.com", "E.V.E@googlemail.com", "Eve@gmail.com"])
    def test_as_a_guest_is_no_newcomer_however_the_mailbox_was_written(self, club, email):
        basket = a_basket(a_user("somebody@example.com"), (a_product(price="30.00"), 1))
        with clock.at(day(2, 1)), transaction.atomic():
            order = factories.create_order(basket=basket, user=None, date_placed=day(2, 1))
            type(order).objects.filter(pk=order.pk).update(user=None, guest_email=email)

        assert self.state(club, "eve@gmail.com") == ("blocked", (0, 0))

    @pytest.mark.parametrize("email", ["evelyn@gmail.com", "eve@example.com", "steve@gmail.com", "eve.@example.org"])
    def test_with_another_mailbox_says_nothing_of_the_newcomer(self, club, email):
        ordered(a_user(email), on=day(2, 1))

        assert self.state(club, "eve@gmail.com") == ("rewarded", (0, 100))

    def test_and_deleted_the_profile_is_no_newcomer_again(self, club):
        arrive(ordered(club.priya, on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 25))
        with clock.at(day(3, 26)):
            club.priya.delete()

        assert self.state(club, "priya+again@example.com", at=day(3, 27)) == ("blocked", (0, 0))
        assert points(club.boris) == (150, 0)

    def test_with_an_order_that_was_cancelled_still_is_one(self, club):
        order = ordered(club.priya, on=day(3, 3))
        cancel(order, day(3, 4))
        assert Referral.objects.get().mark is None
        with clock.at(day(3, 5)):
            club.priya.delete()

        assert self.state(club, "priya@example.com", at=day(3, 27)) == ("rewarded", (0, 100))


class TestAnOrderFromBefore:
    """Priya was a customer already when she came, by an order that the shop wrote down later."""

    @pytest.fixture
    def older(self, club):
        order = imported(user=club.priya, lines=[("30.00", 1)], placed_at=day(2, 1))
        sync_orders(order_ids=[order.pk], at=day(3, 2))
        return order

    def stands_again(self, order, at):
        type(order).objects.filter(pk=order.pk).update(status="Delivered")
        sync_orders(order_ids=[order.pk], at=at)

    def test_keeps_the_first_one_from_being_rewarded(self, club, older):
        ordered(club.priya, on=day(3, 3))
        assert both(club) == ((0, 0), (0, 0))
        assert Referral.objects.get().state == Referral.State.BLOCKED

    @pytest.mark.parametrize("deleted", [False, True])
    def test_that_comes_to_nothing_is_as_if_it_never_was(self, club, now, deleted):
        status = "Pending" if deleted else "Delivered"
        older = imported(user=club.priya, lines=[("30.00", 1)], placed_at=day(2, 1), status=status)
        sync_orders(order_ids=[older.pk], at=day(3, 2))
        ordered(club.priya, on=day(3, 3))
        if deleted:
            type(older).objects.filter(pk=older.pk).delete()
            now(lambda: sync_orders(order_ids=[older.pk], at=day(3, 4)), at=day(3, 4))
        else:
            now(lambda: cancel(older, day(3, 4)), at=day(3, 4))
        assert both(club) == ((0, 150), (0, 100))
        assert_clean()

    def test_that_stands_again_takes_the_reward_back(self, club, now, older):
        ordered(club.priya, on=day(3, 3))
        now(lambda: cancel(older, day(3, 4)), at=day(3, 4))
        now(lambda: self.stands_again(older, day(3, 5)), at=day(3, 5))
        assert both(club) == ((0, 0), (0, 0))
        assert_clean()

    def test_that_is_imported_once_the_reward_was_given_changes_nothing(self, club, now):
        ordered(club.priya, on=day(3, 3))
        late = imported(user=club.priya, lines=[("30.00", 1)], placed_at=day(2, 1))
        for at in (day(3, 4), day(3, 5)):
            now(lambda at=at: sync_orders(order_ids=[late.pk], at=at), at=at)
        assert both(club) == ((0, 150), (0, 100))

    def test_changes_nothing_where_staff_decided(self, club, now, older):
        ordered(club.priya, on=day(3, 3))
        told = {"referral": Referral.objects.get(), "actor": "staff:0"}
        now(lambda: decide(**told, decision="block", reason="x", at=day(3, 4)), at=day(3, 4))
        now(lambda: cancel(older, day(3, 5)), at=day(3, 5))
        assert both(club) == ((0, 0), (0, 0))


class TestAnOlderOrderThatCameLate:
    def test_that_was_imported_late_blocks_no_more_once_it_is_cancelled(self, club, now):
        """A guest's order is kept by its buyer, who has an older one from elsewhere; that comes to nothing."""
        kept = imported(
            user=None, lines=[("30.00", 1)], placed_at=day(3, 4), number="kept", guest_email="p@example.com"
        )
        older = imported(user=club.priya, lines=[("30.00", 1)], placed_at=day(2, 20), number="older")
        assert older.pk > kept.pk
        type(kept).objects.filter(pk=kept.pk).update(user=club.priya)
        now(lambda: sync_orders(order_ids=[kept.pk], at=day(3, 5)), at=day(3, 5))
        assert (Referral.objects.get().state, both(club)) == ("blocked", ((0, 0), (0, 0)))
        now(lambda: cancel(older, day(3, 6)), at=day(3, 6))
        assert Referral.objects.get().state == "rewarded"
