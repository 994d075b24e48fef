"""A status set by mistake is taken back: a date that has not come moves with the last final status."""

import pytest

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.ledger.operations import mature_due, schedule
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders import statuses
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.upkeep import checks
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Score
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_club, a_product, a_user, arrive, buy, day

pytestmark = pytest.mark.django_db
#: A shop whose staff may take a step back.
THERE_AND_BACK = {
    "Pending": ("Being processed", "Cancelled"),
    "Being processed": ("Shipped", "Cancelled"),
    "Shipped": ("Delivered", "Being processed", "Cancelled"),
    "Delivered": ("Shipped", "Closed"),
    "Closed": ("Delivered",),
    "Cancelled": ("Pending",),
}


@pytest.fixture
def shop(settings, monkeypatch):
    settings.OSCAR_ORDER_STATUS_PIPELINE = THERE_AND_BACK
    settings.LOYALTY_READY_STATUS = "Delivered"


@pytest.fixture
def order(shop):
    """100.00, delivered by mistake on 2 March."""
    a_club()
    return arrive(buy(a_user(), (a_product("Bed", "100.00"), 1), on=day(3, 1)), on=day(3, 2))


def put(order, status, *, on, note=True):
    """A status that staff chose; `note` says whether the shop keeps its history."""
    order.refresh_from_db()
    with clock.at(on):
        if note:
            row = order.status_changes.create(old_status=order.status, new_status=status)
            type(row).objects.filter(pk=row.pk).update(date_created=on)
        type(order).objects.filter(pk=order.pk).update(status=status)
    sync_orders(order_ids=[order.pk], at=on)


def ready():
    """When the points of the order are ready, as award and lot say."""
    award, lot = Award.objects.get(), Lot.objects.get(source__startswith="order:")
    assert award.available_at == lot.available_at
    assert (lot.expires_at is None) == (lot.available_at is None)
    return lot.available_at and lot.available_at.date().isoformat()


class TestADateThatHasNotCome:
    def test_is_unknown_again_when_the_status_is_taken_back(self, order):
        assert ready() == "2026-03-16"
        put(order, "Shipped", on=day(3, 3))
        assert (ready(), OrderSync.objects.get().final_at) == (None, None)
        assert list(mature_due(at=day(3, 20))) == []
        assert Account.objects.get().pending == 100
        assert_clean()

    @pytest.mark.parametrize("note", [True, False])
    def test_is_that_of_the_last_final_status(self, order, note):
        if not note:
            order.status_changes.all().delete()
        put(order, "Shipped", on=day(3, 3), note=note)
        put(order, "Delivered", on=day(3, 10), note=note)
        assert ready() == "2026-03-24"
        list(mature_due(at=day(3, 25)))
        assert Account.objects.get().available == 100
        assert_clean()

    def test_stays_where_one_final_status_follows_another(self, order):
        put(order, "Closed", on=day(3, 5))
        put(order, "Delivered", on=day(3, 6))
        assert ready() == "2026-03-16"

    def test_stays_where_the_status_means_nothing(self, order, settings):
        settings.LOYALTY_HARMLESS_STATUSES = ("archived",)
        for status in ("Archived", "Whatever"):
            put(order, status, on=day(3, 5))
            assert ready() == "2026-03-16"

    def test_comes_back_with_points_that_went_meanwhile(self, order):
        put(order, "Cancelled", on=day(3, 3))
        assert Account.objects.get().pending == 0
        put(order, "Pending", on=day(3, 4))
        assert (Account.objects.get().pending, ready()) == (100, None)
        put(order, "Delivered", on=day(3, 20))
        assert ready() == "2026-04-03"
        assert_clean()

    def test_moves_for_a_friends_reward_too(self, shop):
        club = an_inviting_club(club={"hold_days": 14})
        user = a_user("priya@example.com")
        bring(club, user, at=day(3, 1))
        order = arrive(buy(user, (a_product("Bed", "100.00"), 1), on=day(3, 1)), on=day(3, 2))
        lots = Lot.objects.filter(source__startswith="referral:")
        for status, on, wanted in (
            ("Shipped", day(3, 3), {None}),
            ("Delivered", day(3, 10), {day(3, 24)}),
            ("Shipped", day(3, 25), {day(3, 24)}),
        ):
            put(order, status, on=on)
            assert set(lots.values_list("available_at", flat=True)) == wanted
            assert {Referral.objects.get().ready_at} == wanted
        assert set(lots.values_list("state", flat=True)) == {"open"}
        assert_clean()

    def test_moves_for_what_can_still_go_back_of_a_level(self, shop):
        a_ladder()
        order = arrive(buy(a_user(), (a_product("Bed", "100.00"), 1), on=day(3, 1)), on=day(3, 2))
        for status, on, wanted in (
            ("Shipped", day(3, 3), None),
            ("Delivered", day(3, 10), day(3, 24)),
            ("Shipped", day(3, 25), day(3, 24)),
        ):
            put(order, status, on=on)
            assert Score.objects.get().safe_at == wanted


class TestPointsThatAreReady:
    @pytest.mark.parametrize("has_run", [True, False])
    def test_stay_ready_whatever_becomes_of_the_status(self, order, has_run):
        if has_run:
            list(mature_due(at=day(3, 17)))
        put(order, "Shipped", on=day(3, 18))
        put(order, "Delivered", on=day(3, 20))
        list(mature_due(at=day(3, 20)))
        assert ready() == "2026-03-16"
        assert (Account.objects.get().available, Account.objects.get().pending) == (100, 0)
        assert_clean()


class TestASchedule:
    def test_that_is_told_again_moves_nothing(self, order):
        lot = Lot.objects.get()
        told = {"account_id": lot.account_id, "source": lot.source, "at": day(3, 3)}
        Lot.objects.update(expires_at=day(6, 1, 2027))  # A pause has put it off.
        assert schedule(**told, available_at=lot.available_at, expires_at=lot.expires_at) == 0
        assert Lot.objects.get().expires_at == day(6, 1, 2027)


class TestAPipelineWithStepsBack:
    def test_is_final_from_the_ready_status_on_and_not_before(self, shop):
        assert statuses.final_statuses() == {"Delivered", "Closed"}
        assert statuses.earlier_statuses() == {"Pending", "Being processed", "Shipped"}

    def test_asks_about_an_end_from_which_one_can_only_go_back(self, shop, settings):
        settings.LOYALTY_DEAD_STATUSES = ()
        assert [one.status for one in statuses.questions()] == ["Closed", "Cancelled"]

    def test_has_a_ready_status_where_one_end_is_left(self, shop, settings):
        settings.LOYALTY_READY_STATUS = ""
        settings.LOYALTY_HARMLESS_STATUSES = ("Closed",)
        pipeline = {**THERE_AND_BACK, "Delivered": ("Shipped",)}
        del pipeline["Closed"]
        settings.OSCAR_ORDER_STATUS_PIPELINE = pipeline
        assert statuses.ready_status() == "Delivered"
        assert checks.check_statuses() == []

    def test_asks_about_no_status_from_which_one_goes_on_by_a_shorter_way(self, settings):
        settings.OSCAR_ORDER_STATUS_PIPELINE = {
            "Pending": ("Packed", "Shipped"), "Packed": ("Labelled",), "Labelled": ("Shipped",), "Shipped": (),
        }  # fmt: skip
        assert statuses.candidates() == ["Shipped"]

    def test_counts_what_may_follow_though_another_way_leads_there(self, settings):
        settings.LOYALTY_READY_STATUS = "Sent"
        settings.OSCAR_ORDER_STATUS_PIPELINE = {
            "Pending": ("Sent", "Fetched"), "Sent": ("Done",), "Fetched": ("Done",), "Done": (),
        }  # fmt: skip
        assert statuses.final_statuses() == {"Sent", "Done"}
