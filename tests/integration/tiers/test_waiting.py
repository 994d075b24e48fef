"""An unpaid order lifts nobody where the shop says so, and the gift of a level waits until its climb is safe."""

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.ledger.operations import mature_due
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sweep, sync_orders
from loyalty_oscar.shop.tiers import jobs
from loyalty_oscar.shop.tiers.storefront import rules as sentences
from loyalty_oscar.shop.upkeep import checks
from loyalty_oscar.shop.upkeep.doctor import Level, examine
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Score, Standing, Tier
from loyalty_oscar.tiers.rules import Counted, LadderTerms, safe_from
from tests.integration.exclusives.sales import GOLD, a_sale
from tests.integration.ledger.books import assert_clean
from tests.storefront import a_club, a_product, arrive, buy, day, send_back

from .ladders import a_ladder, hand, known, now

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")


@pytest.fixture
def ladder():
    """Gold from 400.00, with a gift of 500."""
    return a_ladder(gifts=(0, 0, 500))


def bought(user, price="500.00", on=None):
    return buy(user, (a_product("Bed", price), 1), on=on or day(3, 1))


def put(order, status, *, on):
    """A status that staff chose; the shop keeps its history."""
    order.refresh_from_db()
    with clock.at(on):
        order.set_status(status)
        order.status_changes.filter(new_status=status).update(date_created=on)
    sync_orders(order_ids=[order.pk], at=on)


def gift():
    """What is left of the gift: (points, state, ready on)."""
    lots = [lot for lot in Lot.objects.filter(source__startswith="tier:") if lot.remaining]
    return [(lot.remaining, lot.state, lot.available_at and lot.available_at.date().isoformat()) for lot in lots]


def rank(user):
    row = Standing.objects.filter(member__user=user, is_current=True).first()
    return row.rank if row else 0


class TestAGiftOfALevel:
    def test_waits_while_the_order_that_carried_the_climb_is_unpaid(self, ladder, user):
        bought(user)
        assert (rank(user), gift()) == (3, [(500, "pending", None)])
        list(mature_due(at=day(9, 1)))
        assert Account.objects.get().available == 0
        assert_clean()

    def test_is_ready_once_the_order_can_go_back_no_more(self, ladder, user):
        order = arrive(bought(user), on=day(3, 4))
        assert gift() == [(500, "pending", "2026-03-18")]
        list(mature_due(at=day(3, 19)))
        assert gift() == [(500, "open", "2026-03-18")]
        assert Lot.objects.get(source__startswith="tier:").expires_at.isoformat() == "2027-03-31T22:00:00+00:00"
        send_back(order, 1, on=day(3, 20))
        assert (rank(user), gift()) == (0, [])
        assert_clean()

    def test_waits_for_as_many_orders_as_carry_the_level(self, ladder, user):
        first, second = bought(user, "250.00"), bought(user, "250.00", on=day(3, 2))
        assert (rank(user), gift()) == (3, [(500, "pending", None)])
        arrive(second, on=day(3, 5))
        assert gift() == [(500, "pending", None)]
        arrive(first, on=day(3, 10))
        assert gift() == [(500, "pending", "2026-03-24")]
        assert_clean()

    def test_is_dated_anew_when_the_delivery_is_taken_back(self, ladder, user):
        order = arrive(bought(user), on=day(3, 4))
        Order.objects.update(status="Shipped")
        order.status_changes.filter(new_status="Delivered").delete()
        sync_orders(order_ids=[order.pk], at=day(3, 5))
        assert gift() == [(500, "pending", None)]
        assert_clean()

    def test_is_ready_at_once_where_safe_orders_carry_it(self, user):
        unit = a_club()
        order = arrive(bought(user), on=day(3, 4))
        a_ladder(unit=unit, gifts=(0, 0, 500), gifts_past=True)
        OrderSync.objects.update(fingerprint=LOOK_AGAIN)
        sync_orders(order_ids=[order.pk], at=day(4, 5))
        assert gift() == [(500, "open", "2026-04-05")]

    def test_is_ready_at_once_where_staff_gave_the_level(self, ladder, user):
        bought(user, "10.00")
        hand(ladder, user, 3, until=day(6, 1), at=day(3, 2))
        assert gift() == [(500, "open", "2026-03-02")]

    def test_waits_again_when_it_is_given_again_for_another_climb(self, ladder, user):
        order = arrive(bought(user), on=day(3, 4))
        list(mature_due(at=day(3, 19)))
        send_back(order, 1, on=day(3, 20))
        again = bought(user, on=day(4, 1))
        assert (rank(user), gift()) == (3, [(500, "pending", None)])
        arrive(again, on=day(4, 3))
        list(mature_due(at=day(4, 18)))
        assert gift() == [(500, "open", "2026-04-17")]
        send_back(again, 1, on=day(4, 20))
        assert gift() == []
        assert_clean()

    def test_is_dated_by_the_night_though_its_level_brings_none_by_now(self, ladder, user):
        order = bought(user)
        Tier.objects.update(points=0)
        forget_cache()
        arrive(order, on=day(3, 4))
        assert gift() == [(500, "pending", None)]
        list(jobs.run(day(3, 5)))
        assert gift() == [(500, "pending", "2026-03-18")]


class TestAShopThatSaysFromWhichStatusOrdersCount:
    @pytest.fixture(autouse=True)
    def paid(self, settings):
        settings.LOYALTY_COUNTS_FROM_STATUS = "being PROCESSED"

    def test_lifts_nobody_for_an_order_that_is_not_paid(self, ladder, user):
        bought(user)
        with clock.at(day(9, 1)):
            list(sweep(at=day(9, 1), everything=True))
        assert (rank(user), gift(), Score.objects.get().value) == (0, [], 0)
        assert Account.objects.get().pending == 500

    def test_lifts_who_pays_and_keeps_the_gift_until_nothing_can_go_back(self, ladder, user):
        order = bought(user)
        put(order, "Being processed", on=day(3, 3))
        assert (rank(user), gift()) == (3, [(500, "pending", None)])
        put(order, "Shipped", on=day(3, 4))
        put(order, "Delivered", on=day(3, 5))
        assert (rank(user), gift()) == (3, [(500, "pending", "2026-03-19")])
        assert_clean()

    def test_counts_an_order_for_the_year_in_which_it_was_placed(self, ladder, user):
        put(bought(user, on=day(12, 30, 2025)), "Being processed", on=day(1, 3))
        assert now(user).kept_until.isoformat() == "2026-12-31T23:00:00+00:00"

    def test_takes_the_level_when_the_payment_is_taken_back(self, ladder, user):
        order = bought(user)
        put(order, "Being processed", on=day(3, 3))
        Order.objects.update(status="Pending")
        sync_orders(order_ids=[order.pk], at=day(3, 4))
        assert (rank(user), gift()) == (0, [])
        assert_clean()

    def test_says_so_to_members(self, ladder, settings):
        said = "An order counts once its status is “being PROCESSED”."
        assert said in sentences(ladder=known(ladder))
        settings.LOYALTY_COUNTS_FROM_STATUS = ""
        assert said not in sentences(ladder=known(ladder))

    def test_is_asked_where_no_pipeline_knows_the_status(self, settings):
        assert checks.check_statuses() == []
        settings.LOYALTY_COUNTS_FROM_STATUS = "Bezahlt"
        assert [found.id for found in checks.check_statuses()] == ["loyalty_shop.W007"]
        settings.LOYALTY_COUNTS_FROM_STATUS = "cancelled"
        assert [found.id for found in checks.check_statuses()] == ["loyalty_shop.W007"]


MARCH = day(3, 20)


def found(about, at=MARCH):
    """What the doctor warns of, but for Oscar's offer pages."""
    warnings = [f.text for f in examine(at=at) if f.about == about and f.level == Level.WARNING]
    return [text for text in warnings if "offer pages" not in text]


class TestTheDoctor:
    def test_asks_where_orders_stay_in_their_first_status(self, ladder, user, settings):
        bought(user)
        assert found("levels", at=day(3, 10)) == []
        [text] = found("levels")
        assert text.startswith("orders of 90 days that are “Pending” for more than 14 days count for a level: 1")
        settings.LOYALTY_COUNTS_FROM_STATUS = "Pending"
        assert found("levels") == []

    @pytest.mark.parametrize("status", ["Paid", "Bezahlt", "Zapłacone", "Оплачен", "Payée", "Zahlung erhalten"])
    def test_asks_where_the_pipeline_has_a_payment(self, ladder, settings, status):
        settings.OSCAR_ORDER_STATUS_PIPELINE = {
            "Pending": (status, "Payment declined"), status: ("Delivered",), "Delivered": (), "Payment declined": (),
        }  # fmt: skip
        [text] = found("levels")
        assert text == f"orders count for a level before they are “{status}”"
        settings.LOYALTY_COUNTS_FROM_STATUS = status
        assert found("levels") == []

    def test_names_levels_and_sales_that_hang_on_a_status_nobody_reaches(self, ladder, user, settings):
        settings.LOYALTY_COUNTS_FROM_STATUS = "Shipped"
        a_sale(ladder.program.unit, a_product("Carrier"), doors=((GOLD, day(5, 9)),))
        bought(user)
        assert found("levels", at=day(4, 25)) == []
        [text] = found("levels", at=day(5, 4))
        assert "no order ever reached" in text
        assert "Bronze, Silver, Gold" in text
        assert any("lets in by level, and no order" in text for text in found("sales", at=day(5, 4)))
        arrive(Order.objects.get(), on=day(5, 4))
        assert found("levels", at=day(5, 4)) == []


class TestWhenAClimbIsSafe:
    LADDER = LadderTerms(thresholds=(100, 200), window="calendar-year", zone="UTC")

    @pytest.mark.parametrize(
        ("orders", "wanted"),
        [
            ([(200, None)], None),
            ([(200, day(3, 9))], day(3, 9)),
            ([(100, day(3, 9)), (100, None)], None),
            ([(100, day(3, 9)), (100, day(3, 7)), (100, day(3, 8))], day(3, 8)),
            ([(200, None), (200, day(3, 12))], day(3, 12)),
        ],
    )
    def test_is_when_safe_orders_alone_carry_it(self, orders, wanted):
        counted = [Counted(at=day(3, 1), value=value, safe_at=safe_at) for value, safe_at in orders]
        assert safe_from(counted=counted, ladder=self.LADDER, rank=2, at=day(3, 2)) == wanted
