"""What becomes of points that are set aside for a basket, whatever becomes of the basket."""

from datetime import timedelta

import pytest
from oscar.core.loading import get_model
from oscar.test.factories import create_order

from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.ledger.operations import renew, settle_holds
from loyalty_oscar.shop.storefront import basket_holds
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, balance, dump
from tests.points import give, use
from tests.storefront import TODAY, a_basket, a_product

pytestmark = pytest.mark.django_db


def after(**units):
    """A moment after the points were set aside."""
    return TODAY + timedelta(**units)


@pytest.fixture
def basket(user, account, unit):
    """A basket that was last changed when 600 points were set aside for it, TODAY."""
    return held(user, unit, 600)


def held(user, unit, points):
    basket = a_basket(user, (a_product(), 2))
    basket.lines.update(date_updated=TODAY)
    return use(user, basket, points, unit=unit)


def changed(basket, *, at):
    """The customer changes the basket."""
    basket.lines.update(date_updated=at)


def ordered(basket, *, at):
    """An order of the basket is written at a moment, and takes no points."""
    get_model("offer", "ConditionalOffer").objects.update(status="Suspended")
    basket.reset_offer_applications()
    order = create_order(basket=basket, user=basket.owner)
    type(order).objects.filter(pk=order.pk).update(date_placed=at)


def settle(account, *, at):
    """Settle an account's holds and tell when what is still set aside ends; None where nothing is."""
    settle_holds(account_id=account.pk, fates=basket_holds.fates, at=at)
    return Hold.objects.filter(state="open").values_list("expires_at", flat=True).first()


def why_released():
    return list(Entry.objects.filter(kind="release").values_list("because__c", flat=True))


class TestALiveBasket:
    def test_keeps_its_points_for_half_an_hour_after_its_last_change(self, basket, account):
        assert settle(account, at=after(minutes=29)) == after(minutes=30)
        changed(basket, at=after(minutes=20))
        assert settle(account, at=after(minutes=49)) == after(minutes=50)
        assert settle(account, at=after(minutes=50)) is None
        assert why_released() == ["hold_ran_out"]
        assert balance(account) == (1000, 0, 0, 0)
        assert_clean()

    def test_that_was_changed_long_ago_keeps_them_from_when_they_were_set_aside(self, basket, account):
        changed(basket, at=after(days=-3))
        assert settle(account, at=after(minutes=29)) == after(minutes=30)

    def test_that_was_emptied_keeps_none(self, basket, account):
        basket.flush()
        assert settle(account, at=after(minutes=1)) is None
        assert why_released() == ["slot_gone"]
        assert balance(account) == (1000, 0, 0, 0)

    def test_may_stand_on_an_order_that_was_declined(self, basket, account):
        ordered(basket, at=after(hours=-1))
        basket.thaw()
        assert settle(account, at=after(minutes=29)) == after(minutes=30)


class TestABasketWhosePointsReachTheirDate:
    """Two hours from now; a gateway takes three."""

    @pytest.fixture
    def account(self, user, unit):
        give(user, 400, unit, source="later")
        return give(user, 600, unit, until=after(hours=2))

    def touched(self, basket, account, *, hours, freeze=False):
        """The basket is touched every twenty minutes for so long; returns when its points went, None if not at all."""
        for minutes in range(0, hours * 60, 20):
            at = after(minutes=minutes)
            changed(basket, at=at)
            renew(hold_id=Hold.objects.latest("pk").pk, until=at + timedelta(minutes=30))
            if freeze and basket.status == "Open" and minutes % 160 == 80:
                basket.freeze()
            elif basket.status == "Frozen" and minutes % 160 == 60:
                basket.thaw()
            if settle(account, at=at) is None:
                return at - TODAY
        return None

    def test_keeps_them_for_a_payment_but_not_for_ever(self, basket, account):
        went = self.touched(basket, account, hours=48)
        assert timedelta(hours=4, minutes=30) <= went <= timedelta(hours=5, minutes=20)
        assert balance(account) == (400, 0, 0, 0)
        assert_clean()

    def test_keeps_them_not_for_ever_though_payments_begin_and_fail_again_and_again(self, basket, account):
        went = self.touched(basket, account, hours=48, freeze=True)
        assert went <= timedelta(hours=2) + 3 * timedelta(hours=3)
        assert balance(account) == (400, 0, 0, 0)

    def test_is_not_renewed_beyond_it_by_its_customers_pages(self, basket, account):
        held = Hold.objects.get(state="open")
        assert renew(hold_id=held.pk, until=after(hours=5))
        assert not renew(hold_id=held.pk, until=after(hours=5, minutes=1))
        assert Hold.objects.get(pk=held.pk).expires_at == after(hours=5)

    def test_keeps_them_while_it_is_being_paid_for(self, basket, account):
        renew(hold_id=Hold.objects.get(state="open").pk, until=after(hours=5))
        assert settle(account, at=after(hours=4, minutes=50)) is not None
        basket.freeze()
        assert settle(account, at=after(hours=4, minutes=55)) == after(hours=7, minutes=55)
        assert settle(account, at=after(hours=7, minutes=54)) is not None
        assert settle(account, at=after(hours=7, minutes=55)) is None
        assert balance(account) == (400, 0, 0, 0)
        assert_clean()


class TestABasketThatIsBeingPaidFor:
    def test_keeps_its_points_until_the_gateways_own_time_out(self, basket, account):
        basket.freeze()
        assert settle(account, at=after(minutes=30)) == after(minutes=210)
        assert settle(account, at=after(minutes=209)) == after(minutes=210)
        assert balance(account) == (400, 0, 600, 0)

    def test_gives_them_back_when_that_is_over(self, basket, account):
        basket.freeze()
        ends = [settle(account, at=after(minutes=minutes)) for minutes in range(5, 400, 5)]
        assert ends.index(None) == 185 // 5 - 1
        assert balance(account) == (1000, 0, 0, 0)
        assert_clean()

    def test_keeps_them_as_long_though_the_job_came_late(self, basket, account):
        basket.freeze()
        assert settle(account, at=after(hours=9)) == after(hours=12)
        assert settle(account, at=after(hours=11)) == after(hours=12)
        assert settle(account, at=after(hours=12)) is None

    def test_keeps_them_as_long_however_often_they_were_renewed_before(self, basket, account):
        renew(hold_id=Hold.objects.get(state="open").pk, until=after(hours=5))
        basket.freeze()
        assert settle(account, at=after(hours=4)) == after(hours=7)
        assert settle(account, at=after(hours=7)) is None

    def test_keeps_them_after_it_was_thawed(self, basket, account):
        basket.freeze()
        settle(account, at=after(minutes=30))
        basket.thaw()
        assert settle(account, at=after(minutes=60)) == after(minutes=210)

    def test_has_all_that_time_again_when_it_is_paid_for_once_more(self, basket, account):
        basket.freeze()
        settle(account, at=after(minutes=30))
        basket.thaw()
        settle(account, at=after(minutes=100))
        basket.freeze()
        assert settle(account, at=after(minutes=110)) == after(minutes=290)

    def test_keeps_them_though_its_order_was_declined_before(self, basket, account):
        ordered(basket, at=after(minutes=-5))
        get_model("basket", "Basket").objects.update(status="Frozen")
        assert settle(account, at=after(minutes=30)) == after(minutes=210)

    def test_follows_the_shops_own_minutes(self, user, unit, account, settings):
        settings.LOYALTY_HOLD_MINUTES, settings.LOYALTY_GATEWAY_MINUTES = 10, 20
        held(user, unit, 600).freeze()
        assert settle(account, at=after(minutes=10)) == after(minutes=30)
        assert settle(account, at=after(minutes=30)) is None


class TestABasketThatIsNoMore:
    @pytest.mark.parametrize("status", ["Merged", "Saved", "Submitted"])
    def test_gives_its_points_back_at_once(self, basket, account, status):
        get_model("basket", "Basket").objects.update(status=status)
        assert settle(account, at=after(minutes=1)) is None
        assert why_released() == ["slot_gone"]
        assert balance(account) == (1000, 0, 0, 0)
        assert_clean()

    def test_gives_them_back_though_it_was_deleted(self, basket, account):
        basket.delete()
        assert settle(account, at=after(minutes=1)) is None

    def test_gives_them_back_when_it_was_merged_into_another(self, basket, account, user):
        a_basket(user).merge(basket)
        assert settle(account, at=after(minutes=1)) is None
        assert get_model("basket", "Line").objects.get().quantity == 2

    def test_gives_them_back_when_it_stays_frozen_though_its_order_is_there(self, basket, account):
        ordered(basket, at=after(minutes=2))
        get_model("basket", "Basket").objects.update(status="Frozen")
        assert settle(account, at=after(minutes=3)) is None

    def test_takes_no_other_basket_along(self, basket, account, user, unit):
        held(user, unit, 300)
        basket.delete()
        assert settle(account, at=after(minutes=1)) == after(minutes=30)
        assert balance(account) == (700, 0, 300, 0)


class TestTheSlotOfSomethingElse:
    def test_is_left_to_its_own_date(self, basket, account):
        Hold.objects.update(slot="guest:7", origin="guest:7")
        assert settle(account, at=after(minutes=29)) == after(minutes=30)
        assert settle(account, at=after(minutes=30)) is None


class TestTheJob:
    def run(self, *, at):
        with clock.at(at):
            ran = list(jobs.run(only="holds"))[-1]
        assert not ran.error
        return ran.done

    def test_finds_baskets_that_are_gone_before_their_date(self, basket, account, user, unit):
        held(user, unit, 300)
        basket.delete()
        assert self.run(at=after(minutes=1)) == 1
        assert balance(account) == (700, 0, 300, 0)

    def test_finds_what_has_run_out_and_renews_who_is_still_there(self, basket, account, user, unit):
        live = held(user, unit, 300)
        changed(live, at=after(minutes=25))
        assert self.run(at=after(minutes=31)) == 1
        assert balance(account) == (700, 0, 300, 0)
        assert Hold.objects.get(state="open").expires_at == after(minutes=55)

    def test_notes_within_a_sweep_that_a_payment_began_and_that_it_ended(self, basket, account):
        basket.freeze()
        assert self.run(at=after(minutes=5)) == 0
        assert Hold.objects.get(state="open").expires_at == after(minutes=185)
        basket.thaw()
        assert self.run(at=after(minutes=10)) == 0
        basket.freeze()
        assert self.run(at=after(minutes=15)) == 0
        assert Hold.objects.get(state="open").expires_at == after(minutes=195)

    def test_writes_nothing_where_nothing_is_over(self, basket, account):
        before = dump()
        assert self.run(at=after(minutes=29)) == 0
        assert dump() == before

    @pytest.mark.parametrize("more", [0, 9])
    def test_asks_two_statements_for_each_batch_of_open_holds(
        self, basket, user, unit, more, django_assert_num_queries
    ):
        for _ in range(more):
            held(user, unit, 10)
        with django_assert_num_queries(3):  # The second batch is empty.
            assert [ids for ids in jobs._accounts_to_settle(after(minutes=1)) if ids] == []

    def test_walks_through_all_of_them(self, basket, account, user, unit, settings):
        settings.LOYALTY_SWEEP_BATCH = 2
        for _ in range(4):
            held(user, unit, 10)
        get_model("basket", "Basket").objects.update(status="Merged")
        assert self.run(at=after(minutes=1)) == 5
        assert balance(account) == (1000, 0, 0, 0)
