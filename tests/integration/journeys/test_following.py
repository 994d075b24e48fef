"""Campaigns about orders: planned as an order is placed, arrives or goes back, and withdrawn with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_model

from loyalty_oscar.journeys import carrying, following
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.operations import take_back
from loyalty_oscar.ledger.operations import merge, unmerge
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import claims
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RewardFactory
from tests.integration.ledger.books import assert_clean
from tests.storefront import a_product, a_user, arrive, buy, day, send_back

from .deeds import a_campaign, a_member, a_night, has, whys

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")


@pytest.fixture
def member(unit):
    return a_member(unit, at=day(1, 1))


def cancel(order, *, on, status="Cancelled"):
    """Give an order another status on a day."""
    Order.objects.filter(pk=order.pk).update(status=status)
    sync_orders(order_ids=[order.pk], at=on)


class TestAnOrder:
    @pytest.mark.parametrize(
        ("occasion", "source"), [("order-placed", "placed"), ("order-final", "final"), ("order-returned", "returned")]
    )
    def test_brings_what_is_set_up_for_it_once(self, unit, member, occasion, source):
        a_campaign(unit, occasion)
        order = arrive(buy(member.user, (a_product(), 2), on=day(5, 1)), on=day(5, 3))
        send_back(order, 1, on=day(5, 6))

        assert list(Occurrence.objects.values_list("source", "order_id")) == [(f"order:{order.pk}:{source}", order.pk)]
        assert [a_night(day(5, 7)) for _night in range(2)] == [1, 0]
        assert has(member) == (50, 0)
        assert_clean()

    def test_brings_nothing_in_its_own_transaction(self, unit, member):
        a_campaign(unit, "order-placed")
        buy(member.user, (a_product(), 1), on=day(5, 1))

        assert whys() == [("planned", "")]
        assert has(member)[0] == 0

    def test_brings_it_so_many_days_later(self, unit, member):
        a_campaign(unit, "order-final", delay_days=12)
        arrive(buy(member.user, (a_product(), 1), on=day(5, 1)), on=day(5, 3))

        assert [a_night(day(5, number)) for number in (4, 14, 15, 16)] == [0, 0, 1, 0]

    def test_that_went_back_on_day_three_has_no_review_request_on_day_twelve(self, unit, member):
        a_campaign(unit, "order-final", delay_days=12, points=0)
        order = arrive(buy(member.user, (a_product(), 1), on=day(5, 1)), on=day(5, 3))
        send_back(order, 1, on=day(5, 6))

        assert whys() == [("skipped", "order_gone")]
        assert a_night(day(5, 20)) == 0

    def test_that_comes_to_nothing_takes_along_what_it_brought_and_standing_again_brings_it_again(self, unit, member):
        campaign = a_campaign(unit, "order-placed", most=5)
        order = buy(member.user, (a_product(), 1), on=day(5, 1))
        a_night(day(5, 1))
        cancel(order, on=day(5, 2))
        assert whys() == [("back", "order_gone")]
        assert has(member)[0] == 0
        campaign.refresh_from_db()
        assert (campaign.given, campaign.spent) == (0, 0)

        cancel(order, on=day(5, 3), status="Pending")
        assert a_night(day(5, 3)) == 1
        assert has(member)[0] == 50
        campaign.refresh_from_db()
        assert (campaign.given, campaign.spent) == (1, 50)
        assert_clean()

    def test_whose_goods_go_back_in_part_keeps_it(self, unit, member):
        a_campaign(unit, "order-final", delay_days=12)
        order = arrive(buy(member.user, (a_product(), 2), on=day(5, 1)), on=day(5, 3))
        send_back(order, 1, on=day(5, 6))

        assert a_night(day(5, 20)) == 1

    def test_taken_back_by_staff_does_not_come_again(self, unit, member):
        a_campaign(unit, "order-placed")
        order = buy(member.user, (a_product(), 1), on=day(5, 1))
        a_night(day(5, 1))
        cancel(order, on=day(5, 2))
        Occurrence.objects.update(barred_by="staff:1")
        cancel(order, on=day(5, 3), status="Pending")

        assert a_night(day(5, 3)) == 0

    def test_of_before_the_campaign_brings_nothing(self, unit, member):
        order = buy(member.user, (a_product(), 1), on=day(4, 1))
        a_campaign(unit, "order-placed"), a_campaign(unit, "order-final", starts_at=day(5, 4))
        arrive(order, on=day(5, 3))
        cancel(order, on=day(5, 5), status="Archived")

        assert not Occurrence.objects.exists()

    def test_of_a_guest_brings_nothing(self, unit):
        a_campaign(unit, "order-placed")
        buy(a_user("guest@example.com"), (a_product(), 1), on=day(5, 1))  # Joins with this order, where all do.

        assert Occurrence.objects.count() == 1
        order = buy(None, (a_product(), 1), on=day(5, 1), guest_email="guest@example.com")
        assert not Occurrence.objects.filter(order_id=order.pk).exists()

    def test_brings_of_several_promises_the_one_that_gives_most_and_is_meant(self, unit, member):
        a_campaign(unit, "order-placed", points=20), a_campaign(unit, "order-placed", points=80)
        a_campaign(unit, "order-placed", points=900, least_orders=5), a_campaign(unit, "order-placed", points=0)
        buy(member.user, (a_product(), 1), on=day(5, 1))

        assert a_night(day(5, 1)) == 2, "the best, and the one that only says something"
        assert has(member)[0] == 80
        assert whys() == [("skipped", "gives_less"), ("done", ""), ("skipped", "not_a_buyer"), ("done", "")]


class TestTheBestOfSeveralPromises:
    """Of two the one that gives more comes ten days later; meanwhile the other one gives way."""

    @pytest.fixture
    def best(self, unit, member):
        a_campaign(unit, "order-placed", points=20)
        best = a_campaign(unit, "order-placed", points=80, delay_days=10, most=1)
        buy(member.user, (a_product(), 1), on=day(5, 1))
        assert (a_night(day(5, 2)), whys()) == (0, [("skipped", "gives_less"), ("planned", "")])
        return best

    def test_comes_alone(self, member, best):
        assert [a_night(day(5, number)) for number in (11, 12)] == [1, 0]
        assert has(member) == (80, 0)

    @pytest.mark.parametrize("fall", [{"is_on": False}, {"given": 1}, {"least_orders": 5}], ids=str)
    def test_leaves_the_place_to_the_other_as_it_falls(self, member, best, fall):
        Campaign.objects.filter(pk=best.pk).update(**fall)

        assert sum(a_night(day(5, number)) for number in (11, 12, 13)) == 1
        assert has(member) == (20, 0)
        assert_clean()

    def test_falls_with_the_order_and_the_other_one_does_too(self, member, best):
        cancel(Order.objects.get(), on=day(5, 3))

        assert [a_night(day(5, number)) for number in (4, 11, 12)] == [0, 0, 0]
        assert has(member)[0] == 0


class TestAGiftOfAnOrderOfSomebodyWhoWasMergedForAWhile:
    @pytest.mark.parametrize("is_given_meanwhile", [True, False])
    def test_goes_with_its_order_wherever_it_lies(self, unit, member, is_given_meanwhile):
        a_campaign(unit, "order-placed")
        order, other = buy(member.user, (a_product(), 1), on=day(5, 1)), a_member(unit, "other@example.com")
        nights = [day(5, 2), day(5, 4)]
        row = merge(member=member, into=other, actor="staff:1", at=day(5, 1))
        came = a_night(nights[0]) if is_given_meanwhile else 0
        unmerge(merge=row, actor="staff:1", at=day(5, 3))
        assert came + a_night(nights[1]) == 1
        mine, theirs = has(member)[0], has(other)[0]
        assert (mine, theirs) == ((0, 50) if is_given_meanwhile else (50, 0))

        cancel(order, on=day(5, 5))
        assert (has(member), has(other)) == ((0, 0), (0, 0))
        assert_clean()

    def test_is_given_with_its_own_account_locked_where_they_part_in_that_night(self, unit, member, monkeypatch):
        a_campaign(unit, "order-placed")
        buy(member.user, (a_product(), 1), on=day(5, 1))
        row, locked = merge(member=member, into=a_member(unit, "other@example.com"), actor="staff:1", at=day(5, 1)), []
        tried, lock = carrying._tried, carrying.lock

        def parted(*told):
            unmerge(merge=row, actor="staff:1", at=day(5, 2))
            return tried(*told)

        monkeypatch.setattr(carrying, "_tried", parted)
        monkeypatch.setattr(carrying, "lock", lambda **told: locked.append(lock(**told)) or locked[-1])
        assert a_night(day(5, 2)) == 1
        assert (has(member)[0], locked[-1].member_id) == (50, member.pk)


class TestARewardThatWasUsed:
    def test_stays_counted_when_its_order_comes_to_nothing_and_once_when_it_stands_again(self, unit, member):
        campaign = a_campaign(unit, "order-placed", points=0, reward=RewardFactory(program=unit.program), most=1)
        order, other = (buy(member.user, (a_product(), 1), on=day(5, 1)) for _time in range(2))
        a_night(day(5, 1))
        Claim.objects.update(state="used")
        cancel(order, on=day(5, 2))
        assert whys(order_id=order.pk) == [("back", "order_gone")]
        assert [a_night(day(5, 2)), Claim.objects.get().state] == [0, "used"]

        cancel(order, on=day(5, 3), status="Pending")
        assert a_night(day(5, 3)) == 1
        campaign.refresh_from_db()
        assert (campaign.given, Claim.objects.count()) == (1, 1)
        assert whys(order_id=other.pk) == [("skipped", "nothing_left")]
        cancel(order, on=day(5, 4))
        campaign.refresh_from_db()
        assert campaign.given == 1

    @pytest.mark.parametrize("by_staff", [False, True])
    def test_leaves_room_when_the_order_that_used_it_comes_to_nothing_later(self, unit, member, by_staff):
        campaign = a_campaign(unit, "order-placed", points=0, reward=RewardFactory(program=unit.program), most=1)
        order = buy(member.user, (a_product(), 1), on=day(5, 1))
        a_night(day(5, 1))
        Claim.objects.update(state="asked" if by_staff else "used")
        cancel(order, on=day(5, 2))
        campaign.refresh_from_db()
        assert campaign.given == 1

        if by_staff:
            claims.give_back(claim=Claim.objects.get(), note="a mistake", actor="staff:1", at=day(5, 3))
        else:
            claims.go_back(Claim.objects.get(), "used", day(5, 3))
        campaign.refresh_from_db()
        assert (campaign.given, Claim.objects.get().state) == (0, "back")
        cancel(order, on=day(5, 4), status="Pending")
        assert a_night(day(5, 4)) == 1
        campaign.refresh_from_db()
        assert (campaign.given, Claim.objects.get().state) == (1, "open")

    def test_leaves_room_when_it_is_taken_back_unused(self, unit, member):
        campaign = a_campaign(unit, "order-placed", points=0, reward=RewardFactory(program=unit.program), most=1)
        order = buy(member.user, (a_product(), 1), on=day(5, 1))
        a_night(day(5, 1))
        cancel(order, on=day(5, 2))
        campaign.refresh_from_db()
        assert (campaign.given, Claim.objects.get().state) == (0, "back")


class TestACampaignInProductSets:
    @pytest.fixture
    def cats(self, unit):
        product = a_product("Cat food")
        ranged = get_model("offer", "Range").objects.create(name="Cats")
        ranged.add_product(product)
        ProductSetRange.objects.create(product_set=ProductSet.objects.create(code="cats", name="Cats"), range=ranged)
        forget_cache()
        return product

    def test_follows_orders_with_goods_of_them_alone_as_long_as_they_are_kept(self, unit, member, cats):
        a_campaign(unit, "order-final", params={"sets": ["cats"]}, delay_days=5)
        arrive(buy(member.user, (a_product("Dog food"), 1), on=day(5, 1)), on=day(5, 3))
        assert not Occurrence.objects.exists()

        order = arrive(buy(member.user, (cats, 1), (a_product("Dog food"), 1), on=day(5, 1)), on=day(5, 3))
        assert whys(order_id=order.pk) == [("planned", "")]
        send_back(order, 1, on=day(5, 4))
        assert whys(order_id=order.pk) == [("skipped", "order_gone")]

    @pytest.mark.parametrize(("delay", "before"), [(12, (0, 0)), (0, (80, 0))], ids=["waiting", "given"])
    def test_that_falls_with_them_leaves_its_place_to_one_that_gives_less(self, unit, member, cats, delay, before):
        a_campaign(unit, "order-final", points=20)
        best = a_campaign(unit, "order-final", points=80, params={"sets": ["cats"]}, delay_days=delay)
        order = arrive(buy(member.user, (cats, 1), (a_product("Dog food"), 1), on=day(5, 1)), on=day(5, 3))
        a_night(day(5, 4))
        assert has(member) == before

        send_back(order, 1, on=day(5, 6))
        assert whys(campaign=best) == [("back" if before[0] else "skipped", "order_gone")]
        assert [a_night(day(5, number)) for number in (7, 15, 16)] == [1, 0, 0]
        assert has(member) == (20, 0)
        cancel(order, on=day(5, 17))
        assert (has(member), a_night(day(5, 18))) == ((0, 0), 0)
        assert_clean()

    def test_that_gave_way_comes_no_more_once_its_own_goods_are_gone(self, unit, member, cats):
        a_campaign(unit, "order-final", points=20, params={"sets": ["cats"]})
        best = a_campaign(unit, "order-final", points=80, delay_days=12)
        order = arrive(buy(member.user, (cats, 1), (a_product("Dog food"), 1), on=day(5, 1)), on=day(5, 3))
        a_night(day(5, 4))
        send_back(order, 1, on=day(5, 6))
        Campaign.objects.filter(pk=best.pk).update(is_on=False)

        assert [a_night(day(5, number)) for number in (7, 15, 16)] == [0, 0, 0]
        assert whys() == [("skipped", "order_gone"), ("skipped", "moment_over")]

    def test_leaves_its_place_to_nothing_where_staff_took_it_back(self, unit, member, cats):
        a_campaign(unit, "order-final", points=20)
        best = a_campaign(unit, "order-final", points=80, params={"sets": ["cats"]})
        arrive(buy(member.user, (cats, 1), on=day(5, 1)), on=day(5, 3))
        a_night(day(5, 4))
        take_back(occurrence=Occurrence.objects.get(campaign=best), actor="staff:1", at=day(5, 5))

        assert (a_night(day(5, 6)), has(member)) == (0, (0, 0))


class TestItsQueries:
    def asked(self, member, product):
        """How many queries a new order costs."""
        order = buy(member.user, (product, 1), on=day(5, 1))
        sync_orders(order_ids=[order.pk], at=day(5, 1))
        other = buy(member.user, (product, 1), on=day(5, 2))
        Order.objects.filter(pk=other.pk).update(status="Packed")
        with (
            clock.at(day(5, 2)),
            CaptureQueriesContext(
                connection,
            ) as found,
        ):
            sync_orders(order_ids=[other.pk], at=day(5, 2))
        return len(found)

    def test_are_none_without_a_campaign_about_orders(self, unit, member):
        product = a_product()
        bare = self.asked(member, product)
        a_campaign(unit, "review"), a_campaign(unit, "birthday")
        assert self.asked(member, product) == bare

    def test_are_two_where_there_is_one_that_does_not_begin_now(self, unit, member):
        product = a_product()
        bare = self.asked(member, product)
        a_campaign(unit, "order-placed"), a_campaign(unit, "order-final", delay_days=3)
        assert self.asked(member, product) == bare + 2
        assert Campaign.objects.count() == 2


def test_budgets_are_counted_back_in_order_of_key_so_that_two_who_do_it_do_not_cross(unit, member, monkeypatch):
    campaigns = [a_campaign(unit, "order-placed", code=code, is_public=False) for code in ("b", "a")]
    order = buy(member.user, (a_product(), 1), on=day(5, 1))
    planned = Occurrence.objects.order_by("pk").values_list("campaign", flat=True)
    assert [*planned] == [campaign.pk for campaign in reversed(campaigns)], "planned by code"
    undone = []
    monkeypatch.setattr(following, "undo", lambda *, occurrence_id, **told: undone.append(occurrence_id))
    cancel(order, on=day(5, 2))

    assert undone == [Occurrence.objects.get(campaign=campaign).pk for campaign in campaigns]
