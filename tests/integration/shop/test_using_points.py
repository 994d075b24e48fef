"""Points of a basket: set aside, seen again at every load, and taken in the transaction of its order."""

from datetime import timedelta
from decimal import Decimal as D
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.ledger.operations import settle_holds
from loyalty_oscar.program.models import PointWorth, State
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache, worth_of
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.shop.storefront.basket_holds import fates, slot_of
from loyalty_oscar.shop.storefront.offer_hooks import PointsUnavailable, discounts
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, claw, dump
from tests.points import account, give, of, on, pay, pay_by_webhook, reload, terms, use
from tests.storefront import TODAY, a_basket, a_product, a_user, day, send_back

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Basket, Offer, Order = (
    get_model(*name) for name in (("basket", "Basket"), ("offer", "ConditionalOffer"), ("order", "Order"))
)
LATER = TODAY + timedelta(hours=4)
#: Statements of ours within an order's transaction.
CAPTURE = 10


@pytest.fixture
def basket(boris):
    """Goods for 20.00."""
    return a_basket(boris, (a_product(price="10.00"), 2))


class TestSettingPointsAside:
    def test_holds_them_and_lowers_the_total(self, unit, boris, basket):
        assert on(use(boris, basket, 500, unit=unit)) == (500, D("15.00"))
        assert of(boris) == (500, 0, 500, 0)
        assert_clean()

    def test_keeps_what_was_asked_beside_what_the_basket_takes(self, unit, boris):
        small = use(boris, a_basket(boris, (a_product(price="3.00"), 1)), 800, unit=unit)
        assert on(small) == (300, D("0.00"))
        assert applied_to(basket=small).quote.because.code == "all_goods_paid"
        assert Hold.objects.get().asked == 800

    def test_is_worth_what_it_is_at_that_moment_whatever_this_process_remembers(self, unit, boris, basket):
        assert worth_of(program_id=unit.program_id)["EUR"].minor == 100
        PointWorth.objects.filter(program=unit.program).update(minor=50)  # As another process does it.
        assert on(use(boris, basket, 500, unit=unit)) == (500, D("17.50"))
        redemption = Redemption.objects.get()
        assert (redemption.per_points, redemption.per_minor) == (100, 50)

    def test_takes_the_place_of_what_was_set_aside_before(self, unit, boris, basket):
        use(boris, basket, 700, unit=unit)
        assert on(use(boris, basket, 900, unit=unit)) == (900, D("11.00"))
        assert of(boris) == (100, 0, 900, 0)
        assert sorted(Hold.objects.values_list("points", "state")) == [(700, "released"), (900, "open")]

    def test_replaces_what_ran_out_meanwhile_and_does_not_tell_it_as_run_out(self, unit, boris, basket):
        use(boris, basket, 700, unit=unit)
        basket.lines.update(date_updated=TODAY)
        with clock.at(LATER):
            use(boris, basket, 900, unit=unit, at=LATER)
        assert of(boris) == (100, 0, 900, 0)
        told = Entry.objects.filter(kind="release").values_list("because__c", flat=True)
        assert list(told) == ["replaced"]

    def test_of_none_takes_back_what_ran_out_meanwhile_as_not_wanted(self, unit, boris, basket):
        use(boris, basket, 700, unit=unit)
        basket.lines.update(date_updated=TODAY)
        with clock.at(LATER):
            use(boris, basket, 0, unit=unit, at=LATER)
        assert list(Entry.objects.filter(kind="release").values_list("because__c", flat=True)) == ["not_wanted"]

    def test_of_none_gives_all_back(self, unit, boris, basket):
        use(boris, basket, 700, unit=unit)
        assert on(use(boris, basket, 0, unit=unit)) == (0, D("20.00"))
        assert of(boris) == (1000, 0, 0, 0)
        assert_clean()

    @pytest.mark.parametrize(
        ("points", "limits", "code"),
        [(1001, {}, "not_enough_points"), (49, {"minimum": 50}, "too_few_points"), (5, {"is_on": False}, "not_now")],
    )
    def test_is_refused_with_a_reason_and_changes_nothing(self, unit, boris, basket, points, limits, code):
        terms(**limits)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, points, unit=unit)
        assert (refused.value.code, dump()) == (code, before)

    @pytest.mark.parametrize("status", ["Frozen", "Submitted", "Merged", "Saved"])
    def test_is_refused_where_the_basket_is_closed(self, unit, boris, basket, status):
        Basket.objects.update(status=status)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 100, unit=unit)
        assert (refused.value.code, dump()) == ("basket_closed", before)

    def test_is_refused_for_the_basket_of_somebody_else(self, unit, boris):
        other = a_basket(a_user("eve@example.com"), (a_product(), 1))
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, other, 100, unit=unit)
        assert (refused.value.code, dump()) == ("basket_closed", before)

    def test_is_refused_while_points_are_to_be_made_up(self, unit, boris, basket):
        claw(account(boris), 1200, source="gift", key="test:claw", at=TODAY)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 100, unit=unit)
        assert (refused.value.code, dump()) == ("to_make_up", before)

    def test_is_refused_in_a_currency_in_which_nobody_said_what_points_buy(self, unit, boris, basket):
        PointWorth.objects.update(currency="PLN")
        forget_cache()
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 100, unit=unit)
        assert (refused.value.code, dump()) == ("not_now", before)

    def test_is_refused_while_the_program_pauses(self, unit, boris, basket):
        change_state(program=unit.program, to=State.PAUSED, actor="system", at=TODAY)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 100, unit=unit)
        assert (refused.value.code, dump()) == ("not_now", before)

    def test_sees_points_that_ran_out_though_no_job_has_told_the_account(self, unit, boris, basket):
        with pytest.raises(Refused) as refused:
            use(boris, basket, 100, unit=unit, at=day(1, 1, 2098))
        assert refused.value.code == "not_enough_points"
        assert of(boris) == (0, 0, 0, 0)

    def test_of_all_there_are_passes_over_what_ran_out_though_no_job_has_told_the_account(self, unit, boris, basket):
        give(boris, 200, unit, source="old", until=day(5, 1))
        assert on(use(boris, basket, None, unit=unit)) == (1000, D("10.00"))
        assert (of(boris), Hold.objects.get().asked) == ((0, 0, 1000, 0), 1000)

    def test_of_all_there_are_passes_over_what_ran_out_in_this_very_basket(self, unit, boris, basket):
        give(boris, 200, unit, source="old", until=TODAY + timedelta(minutes=10))
        use(boris, basket, 700, unit=unit)
        later = TODAY + timedelta(minutes=20)
        with clock.at(later):
            assert on(use(boris, basket, None, unit=unit, at=later)) == (1000, D("10.00"))
        assert of(boris) == (0, 0, 1000, 0)

    def test_of_too_many_names_those_of_this_very_basket_too_where_some_ran_out(self, unit, boris, basket):
        give(boris, 200, unit, source="old", until=TODAY + timedelta(minutes=10))
        use(boris, basket, 700, unit=unit)
        with pytest.raises(Refused) as refused:
            use(boris, basket, 1_100, unit=unit, at=TODAY + timedelta(minutes=20))
        assert refused.value.text.replace("\xa0", " ") == "You have 1,000 paws. Choose a number up to 1,000."


class TestABasketThatChanges:
    def test_takes_what_it_can_of_the_points_and_more_again_once_it_is_fuller(self, unit, boris, basket):
        use(boris, basket, 900, unit=unit)
        basket.lines.update(quantity=1)
        terms(share=50)
        assert on(reload(boris, basket)) == (500, D("5.00"))
        basket.lines.update(quantity=3)
        assert on(reload(boris, basket)) == (900, D("21.00"))
        assert of(boris) == (100, 0, 900, 0), "reading writes nothing"

    def test_keeps_the_worth_that_was_promised(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        PointWorth.objects.update(minor=50)
        forget_cache()
        assert on(reload(boris, basket)) == (500, D("15.00"))

    def test_loses_the_discount_in_another_currency(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        basket.lines.first().product.stockrecords.update(price_currency="PLN")
        basket.lines.update(price_currency="PLN")
        fresh = reload(boris, basket)
        assert on(fresh) == (0, D("20.00"))
        assert applied_to(basket=fresh).quote.because.code == "other_currency"

    def test_loses_it_and_has_its_points_back_when_the_program_pauses(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        change_state(program=unit.program, to=State.PAUSED, actor="system", at=TODAY)
        assert on(reload(boris, basket)) == (0, D("20.00"))
        assert of(boris) == (1000, 0, 0, 0)

    @pytest.mark.parametrize("off", ["terms", "offer"])
    def test_loses_it_when_using_points_is_switched_off(self, unit, boris, basket, off):
        use(boris, basket, 500, unit=unit)
        if off == "terms":
            terms(is_on=False)
        else:
            Offer.objects.update(status=Offer.SUSPENDED)
        fresh = reload(boris, basket)
        assert on(fresh) == (0, D("20.00"))
        pay(fresh)
        assert of(boris) == (500, 0, 500, 0), "an order at the full price takes no points"
        settle_holds(account_id=account(boris).pk, fates=fates, at=TODAY)
        assert of(boris) == (1000, 0, 0, 0)

    def test_keeps_its_points_when_a_strangers_basket_is_merged_into_it(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        stranger = a_basket(None, (a_product(price="7.00"), 1))
        basket.merge(stranger)
        assert on(reload(boris, basket)) == (500, D("22.00"))
        assert on(reload(boris, stranger))[0] == 0

    @pytest.mark.parametrize("end", ["merged", "saved", "deleted"])
    def test_gives_its_points_back_when_it_is(self, unit, boris, basket, end):
        use(boris, basket, 500, unit=unit)
        if end == "merged":
            a_basket(boris).merge(basket)
        elif end == "saved":
            Basket.objects.filter(pk=basket.pk).update(status=Basket.SAVED)
        else:
            basket.delete()
        assert settle_holds(account_id=account(boris).pk, fates=fates, at=TODAY) == 1
        assert of(boris) == (1000, 0, 0, 0)
        assert_clean()

    def test_of_a_stranger_asks_nothing(self, unit):
        basket = a_basket(None, (a_product(), 1))
        with CaptureQueriesContext(connection) as asked:
            reload(None, basket)
        assert not [query for query in asked if "loyalty_redemption" in query["sql"]]


class TestAnOrder:
    def test_takes_exactly_what_it_used_and_gives_the_rest_back(self, unit, boris):
        basket = use(boris, a_basket(boris, (a_product(price="3.17"), 1)), 900, unit=unit)
        order = pay(basket)
        assert (order.total_incl_tax, of(boris)) == (D("0.00"), (683, 0, 0, 0))
        assert [line.line_price_incl_tax for line in order.lines.all()] == [D("0.00")]
        assert_clean()

    def test_that_fails_after_the_capture_leaves_the_points_set_aside(self, unit, boris, basket):
        basket = use(boris, basket, 500, unit=unit)
        before = dump()
        with pytest.raises(RuntimeError), transaction.atomic():
            factories.create_order(basket=basket, user=boris)
            assert of(boris) == (500, 0, 0, 0)
            raise RuntimeError("the stock was gone")
        assert dump() == before
        assert Redemption.objects.get().order_id is None
        assert on(reload(boris, basket)) == (500, D("15.00"))

    def test_is_refused_where_fewer_points_are_set_aside_than_its_total_counted_on(self, unit, boris, basket):
        tab = use(boris, basket, 500, unit=unit)
        use(boris, basket, 200, unit=unit)
        before = dump()
        with pytest.raises(PointsUnavailable, match="Nothing is set aside"):
            pay(tab)
        assert (dump(), Order.objects.count()) == (before, 0)
        assert on(reload(boris, basket)) == (200, D("18.00"))

    def test_is_refused_once_the_points_went_back(self, unit, boris, basket):
        tab = use(boris, basket, 500, unit=unit)
        use(boris, basket, 0, unit=unit)
        before = dump()
        with pytest.raises(PointsUnavailable):
            pay(tab)
        assert (dump(), Order.objects.count()) == (before, 0)

    def test_of_another_user_is_refused(self, unit, boris, basket):
        tab = use(boris, basket, 500, unit=unit)
        before = dump()
        with pytest.raises(PointsUnavailable):
            pay(tab, user=a_user("eve@example.com"))
        assert (dump(), Order.objects.count()) == (before, 0)

    @pytest.mark.parametrize("nobody", [None, AnonymousUser()])
    def test_that_a_webhook_places_without_its_user_takes_the_points_of_the_baskets_owner(
        self, unit, boris, basket, nobody
    ):
        order = pay_by_webhook(use(boris, basket, 500, unit=unit), user=nobody)
        assert (order.user_id, order.total_incl_tax, of(boris)) == (None, D("15.00"), (500, 0, 0, 0))
        assert Redemption.objects.get().order_id == order.pk
        assert_clean()

    def test_that_a_webhook_placed_earns_for_a_guest_and_gives_its_points_back_with_the_goods(
        self, unit, boris, basket
    ):
        order = pay_by_webhook(use(boris, basket, 500, unit=unit), date_placed=TODAY)
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert of(boris) == (500, 0, 0, 0), "what it earned waits for its guest"
        send_back(order, 1, on=TODAY)
        assert of(boris) == (750, 0, 0, 0)
        Order.objects.update(status="Cancelled")
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert of(boris) == (1000, 0, 0, 0)
        assert_clean()

    def test_still_takes_points_whose_time_ran_out_where_no_sweep_gave_them_back(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        with clock.at(LATER):
            pay(reload(boris, basket))
        assert of(boris) == (500, 0, 0, 0)

    def test_is_counted_by_the_offer_after_its_commit_only(
        self, unit, boris, basket, django_capture_on_commit_callbacks
    ):
        basket = use(boris, basket, 500, unit=unit)
        offer = Offer.objects.get()
        with django_capture_on_commit_callbacks() as later:
            pay(basket)
        offer.refresh_from_db()
        assert (offer.num_orders, offer.num_applications, offer.total_discount) == (0, 0, 0)
        for function in later:
            function()
        offer.refresh_from_db()
        assert (offer.num_orders, offer.num_applications, offer.total_discount) == (1, 1, D("5.00"))
        assert offer.name == "Loyalty points", "what stands in the totals is never saved"

    def test_that_is_rolled_back_is_not_counted(self, unit, boris, basket, django_capture_on_commit_callbacks):
        basket = use(boris, basket, 500, unit=unit)
        with (
            django_capture_on_commit_callbacks(execute=True) as later,
            pytest.raises(RuntimeError),
            transaction.atomic(),
        ):
            factories.create_order(basket=basket, user=boris)
            raise RuntimeError
        assert later == []
        assert Offer.objects.get().num_orders == 0


class TestTheCapture:
    @pytest.mark.parametrize(("lines", "lots"), [(1, 1), (10, 1), (40, 1), (1, 50), (40, 50)])
    def test_asks_as_often_whatever_the_lines_and_lots(self, unit, lines, lots):
        user = a_user()
        for n in range(lots):
            give(user, 20, unit, source=f"gift:{n}")
        basket = a_basket(user, *[(a_product(f"Thing {n}", "30.00"), 1) for n in range(lines)])
        basket = use(user, basket, 20 * lots, unit=unit)
        order = SimpleNamespace(pk=4711, number="100001", user_id=user.pk)
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            discounts.get("points").take(basket=basket, order=order)
        said = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]
        assert len(said) == CAPTURE, "\n".join(said)
        assert Redemption.objects.get(order_id=4711).hold.slot != slot_of(basket=basket)
