"""A frozen basket is a promise: what points took off when a payment began they take off when it comes back."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.queries import latest_for
from loyalty_oscar.shop.redemption import doctor
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.offer import take_offer_away
from loyalty_oscar.shop.storefront.offer_hooks import LookAgain, PointsUnavailable
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from tests import promising
from tests.integration.ledger.books import assert_clean, dump
from tests.points import of, on, pay, reload, terms, use
from tests.promising import BEYOND_REPAIR, SETTINGS, TAKING, WAYS_BACK
from tests.storefront import TODAY, a_basket, a_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Basket, Order, Offer = (
    get_model(*name) for name in (("basket", "Basket"), ("order", "Order"), ("offer", "ConditionalOffer"))
)
named = {"ids": lambda function: function.__name__}


def later(**units):
    return TODAY + timedelta(**units)


@pytest.fixture
def begin(django_capture_on_commit_callbacks):
    """Freeze a basket as the checkout does that showed it; its transaction commits."""

    def freeze(basket):
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        return basket

    return freeze


@pytest.fixture
def shop():
    return promising.a_shop()


@pytest.fixture
def paying(shop, begin):
    """The preview showed 95.00 for 500 paws, and the customer is at the gateway."""
    seen = use(shop.user, shop.basket, 500, unit=shop.unit)
    assert on(seen) == (500, D("95.00"))
    begin(seen)
    return shop


def sweep(*, at):
    with clock.at(at):
        assert not any(ran.error for ran in jobs.run(only="holds"))


@pytest.mark.parametrize("back", WAYS_BACK, **named)
class TestAPaymentThatComesBack:
    @pytest.mark.parametrize("change", [*SETTINGS, *TAKING], **named)
    def test_is_an_order_at_what_was_shown_whatever_changed_meanwhile(self, paying, change, back):
        change(paying)
        sweep(at=later(minutes=50))
        with clock.at(later(minutes=50)):
            basket = back(paying)
            assert on(basket) == (500, D("95.00"))
            order = pay(basket)
        assert order.total_incl_tax == D("95.00")
        assert [(row.amount, row.offer_name.replace("\xa0", " ")) for row in order.discounts.all()] == [
            (D("5.00"), "500 paws used")
        ]
        used = Redemption.objects.get(order_id=order.pk)
        assert (used.points, used.minor, Hold.objects.get().captured) == (500, 500, 500)
        assert sum(line.line_price_incl_tax for line in order.lines.all()) == D("95.00")
        assert_clean()

    @pytest.mark.parametrize("change", SETTINGS, **named)
    def test_after_the_gateways_time_out_is_no_order_and_the_points_are_back(self, paying, change, back):
        change(paying)
        for hours in (1, 4, 7):
            sweep(at=later(hours=hours))
        assert of(paying.user) == (1000, 0, 0, 0)
        before = dump()
        with (
            clock.at(later(hours=7)),
            pytest.raises(PointsUnavailable, match="Nothing is set aside for this basket any more"),
        ):
            pay(back(paying))
        assert (dump(), Order.objects.count()) == (before, 0)
        assert_clean()

    def test_after_the_time_out_is_an_order_where_points_had_taken_nothing_off(self, shop, begin, back):
        used = use(shop.user, shop.basket, 500, unit=shop.unit)
        terms(not_with_vouchers=True)
        shop.basket.vouchers.add(factories.VoucherFactory(code="FIRST"))
        begin(reload(shop.user, used))
        for hours in (1, 4, 7):
            sweep(at=later(hours=hours))
        assert of(shop.user) == (1000, 0, 0, 0)
        with clock.at(later(hours=7)):
            assert pay(back(shop)).total_incl_tax == D("100.00")

    def test_is_one_at_what_was_shown_though_the_worth_rose(self, paying, back):
        promising.PointWorth.objects.update(minor=200)
        promising.forget_cache()
        assert on(back(paying)) == (500, D("95.00"))

    def test_is_one_at_what_was_shown_though_today_points_would_pay_for_more(self, shop, begin, back):
        terms(share=2)
        begin(use(shop.user, shop.basket, 900, unit=shop.unit))
        terms(share=100)
        basket = back(shop)
        assert on(basket) == (200, D("98.00"))
        pay(basket)
        assert of(shop.user) == (800, 0, 0, 0)

    def test_follows_what_the_last_page_showed_and_not_what_was_set_aside_for(self, shop, begin, back):
        use(shop.user, shop.basket, 500, unit=shop.unit)
        terms(share=3)
        begin(promising.loaded(shop))
        terms(share=100)
        basket = back(shop)
        assert on(basket) == (300, D("97.00"))
        pay(basket)
        assert of(shop.user) == (700, 0, 0, 0)

    def test_takes_nothing_off_where_our_offer_was_closed_when_the_customer_left(self, shop, begin, back):
        use(shop.user, shop.basket, 500, unit=shop.unit)
        promising.offer_suspended(shop)
        begin(promising.loaded(shop))
        promising.ours().unsuspend()
        basket = back(shop)
        assert on(basket) == (0, D("100.00"))
        assert pay(basket).total_incl_tax == D("100.00")
        assert of(shop.user) == (500, 0, 500, 0)
        sweep(at=later(minutes=1))
        assert of(shop.user) == (1000, 0, 0, 0)

    def test_keeps_the_limits_where_the_basket_was_frozen_without_a_look_at_its_offers(self, shop, begin, back):
        use(shop.user, shop.basket, 500, unit=shop.unit)
        begin(Basket.objects.get())
        for change in (promising.share_lowered, promising.switched_off, promising.offer_suspended):
            change(shop)
        basket = back(shop)
        assert on(basket) == (500, D("95.00"))
        assert pay(basket).total_incl_tax == D("95.00")

    def test_may_cost_less_by_what_the_shop_gives(self, paying, back):
        everything = factories.RangeFactory(includes_all_products=True)
        factories.ConditionalOfferFactory(
            benefit=factories.BenefitFactory(range=everything, type="Percentage", value=10),
            condition=factories.ConditionFactory(range=everything, value=1),
        )  # fmt: skip
        promising.offer_deleted(paying)
        basket = back(paying)
        assert on(basket) == (500, D("85.00"))
        pay(basket)

    def test_takes_no_more_than_the_goods_cost_by_now(self, shop, begin, back):
        begin(use(shop.user, shop.basket, 1000, unit=shop.unit))
        for product, price in ((shop.bed, "3.00"),):
            product.stockrecords.update(price=D(price))
        promising.Basket.objects.get().lines.exclude(product=shop.bed).first().product.stockrecords.update(price=1)
        basket = back(shop)
        assert on(basket) == (700, D("0.00"))
        pay(basket)
        assert of(shop.user) == (300, 0, 0, 0)


class TestABasketThatWasFrozenByAnUpdate:
    """No signal tells of it; what held when the points were set aside counts."""

    @pytest.mark.parametrize("change", SETTINGS, **named)
    def test_keeps_its_promise_while_it_is_frozen(self, shop, change):
        use(shop.user, shop.basket, 500, unit=shop.unit)
        Basket.objects.update(status="Frozen")
        change(shop)
        basket = promising.frozen_still(shop)
        assert on(basket) == (500, D("95.00"))
        assert pay(basket).total_incl_tax == D("95.00")

    def test_follows_todays_limits_once_it_is_open_again(self, shop):
        use(shop.user, shop.basket, 500, unit=shop.unit)
        Basket.objects.update(status="Frozen")
        Basket.objects.update(status="Open")
        terms(share=3)
        assert on(promising.loaded(shop)) == (300, D("97.00"))


class TestABasketThatWasThawed:
    """The payment failed, or was given up: the basket is its customer's again."""

    @pytest.fixture
    def given_up(self, paying):
        Basket.objects.get().thaw()
        return paying

    def test_costs_what_was_promised_while_nobody_changes_it(self, given_up):
        terms(share=3)
        with clock.at(later(minutes=179)):
            assert on(promising.loaded(given_up)) == (500, D("95.00"))
        with clock.at(later(minutes=180)):
            assert on(promising.loaded(given_up)) == (300, D("97.00"))

    @pytest.mark.parametrize("change", ["one more", "one less", "another thing", "taken out"])
    def test_follows_todays_limits_once_it_is_changed(self, given_up, change):
        terms(share=3)
        basket = promising.loaded(given_up)
        bone = basket.lines.get(price_excl_tax=20)
        if change == "another thing":
            basket.add_product(a_product("Ball", "10.00"), 1)
        elif change == "taken out":
            bone.delete()
        else:
            basket.lines.filter(price_excl_tax=40).update(quantity=3 if change == "one more" else 1)
        total = promising.loaded(given_up).total_incl_tax_excl_discounts
        assert on(promising.loaded(given_up)) == (total * 3, total * D("0.97"))

    def test_takes_no_points_any_more_once_it_is_changed_and_the_program_paused_meanwhile(self, paying):
        promising.paused(paying)
        Basket.objects.get().thaw()
        assert on(promising.loaded(paying)) == (500, D("95.00"))
        Basket.objects.get().lines.filter(price_excl_tax=40).update(quantity=1)
        assert on(promising.loaded(paying)) == (0, D("60.00"))

    def test_follows_todays_limits_once_other_points_are_chosen(self, given_up):
        terms(share=3)
        assert on(use(given_up.user, given_up.basket, 500, unit=given_up.unit)) == (300, D("97.00"))

    def test_is_paid_anew_at_what_its_customer_saw_then(self, given_up, begin):
        terms(share=3)
        with clock.at(later(minutes=200)):
            seen = promising.loaded(given_up)
            assert on(seen) == (300, D("97.00"))
            begin(seen)
            terms(share=1)
            assert on(promising.frozen_still(given_up)) == (300, D("97.00"))

    def test_is_paid_anew_for_as_long_as_a_gateway_takes(self, given_up, begin):
        with clock.at(later(minutes=170)):
            begin(promising.loaded(given_up))
        terms(share=3)
        sweep(at=later(minutes=320))
        with clock.at(later(minutes=320)):
            assert on(promising.thawed_and_loaded(given_up)) == (500, D("95.00"))

    def test_is_held_to_it_for_a_day_at_most_though_it_is_paid_anew_again_and_again(self, given_up, begin):
        terms(share=3)
        for hours in range(2, 24, 2):
            with clock.at(later(hours=hours)):
                seen = promising.loaded(given_up)
                assert on(seen) == (500, D("95.00"))
                begin(seen)
                Basket.objects.get().thaw()
        with clock.at(later(hours=24)):
            assert on(promising.loaded(given_up)) == (300, D("97.00"))

    def test_can_be_ordered_without_points_once_they_went_back_and_it_is_paid_anew(self, given_up, begin):
        sweep(at=later(hours=7))
        assert of(given_up.user) == (1000, 0, 0, 0)
        with clock.at(later(hours=7)):
            seen = promising.loaded(given_up)
            assert on(seen) == (0, D("100.00"))
            begin(seen)
            assert pay(promising.frozen_still(given_up)).total_incl_tax == D("100.00")
        assert of(given_up.user) == (1000, 0, 0, 0)

    def test_can_be_ordered_at_what_it_costs_where_nothing_freezes_it(self, given_up):
        sweep(at=later(hours=7))
        with clock.at(later(hours=7)):
            assert pay(promising.loaded(given_up)).total_incl_tax == D("100.00")

    @pytest.mark.parametrize("freezes", [True, False])
    def test_costs_what_it_costs_where_goods_of_before_were_returned(self, given_up, begin, freezes):
        promising.goods_of_before_returned(given_up)
        assert of(given_up.user) == (0, 0, 400, 0)
        with clock.at(later(minutes=5)):
            seen = promising.loaded(given_up)
            assert on(seen) == (400, D("96.00"))
            if freezes:
                begin(seen)
                seen = promising.frozen_still(given_up)
            assert pay(seen).total_incl_tax == D("96.00")
        assert_clean()


class TestNobody:
    def test_takes_more_points_than_are_set_aside(self, paying):
        Hold.objects.update(points=300)
        with pytest.raises(PointsUnavailable):
            pay(promising.frozen_still(paying))
        assert not Order.objects.exists()

    @pytest.mark.parametrize("change", BEYOND_REPAIR, **named)
    @pytest.mark.parametrize("back", WAYS_BACK, **named)
    def test_is_charged_dearer_where_nothing_is_left_to_take_them_off(self, paying, back, change):
        change(paying)
        basket = back(paying)
        assert on(basket) == (0, D("100.00"))
        before = dump()
        with pytest.raises(PointsUnavailable):
            pay(basket)
        assert (dump(), Order.objects.count()) == (before, 0)

    def test_is_charged_dearer_where_the_basket_never_saw_an_applicator(self, paying):
        basket = Basket.objects.get()
        basket.strategy = promising.frozen_still(paying).strategy
        with pytest.raises(PointsUnavailable):
            pay(basket, user=paying.user)
        assert not Order.objects.exists()

    @pytest.mark.parametrize("points", [200, 0])
    def test_leaves_for_the_gateway_where_another_tab_chose_fewer_at_the_very_moment(self, shop, begin, points):
        tab = use(shop.user, shop.basket, 500, unit=shop.unit)
        use(shop.user, shop.basket, points, unit=shop.unit)
        with pytest.raises(LookAgain):
            begin(tab)
        with clock.at(later(minutes=5)):
            seen = promising.loaded(shop, status="Open")
            assert on(seen) == (points, D("100.00") - D(points) / 100)
            begin(seen)
            assert pay(promising.frozen_still(shop)).total_incl_tax == D("100.00") - D(points) / 100
        assert_clean()

    def test_orders_twice(self, paying):
        first, second = promising.frozen_still(paying), promising.frozen_still(paying)
        pay(first)
        with pytest.raises(PointsUnavailable):
            factories.create_order(basket=second, user=paying.user, number="another")
        assert Order.objects.count() == 1
        assert of(paying.user) == (500, 0, 0, 0)
        assert_clean()

    def test_pays_with_the_points_of_a_payment_in_another_basket(self, paying):
        promising.switched_off(paying)
        terms(is_on=True)
        other = a_basket(paying.user, (a_product("Ball", "30.00"), 1))
        assert on(use(paying.user, other, 500, unit=paying.unit)) == (500, D("25.00"))
        assert of(paying.user) == (0, 0, 1000, 0)

    @pytest.mark.parametrize("into", ["a new basket", "the frozen one"])
    def test_keeps_a_promise_of_a_basket_that_was_merged(self, paying, into):
        terms(share=3)
        other = a_basket(paying.user, (a_product("Ball", "10.00"), 1))
        frozen = Basket.objects.get(pk=paying.basket.pk)
        if into == "a new basket":
            other.merge(frozen)
            assert on(promising.with_offers(Basket.objects.get(pk=other.pk), paying.user)) == (0, D("110.00"))
            sweep(at=later(minutes=1))
            assert of(paying.user) == (1000, 0, 0, 0)
            return
        frozen.thaw()
        frozen.merge(other)
        assert on(promising.loaded(paying)) == (330, D("106.70"))


class TestTheOfferThatStandsIn:
    """Staff closed ours while somebody pays."""

    def test_is_not_made_where_nothing_is_set_aside(self, shop):
        promising.offer_suspended(shop)
        assert not keepers()

    @pytest.mark.parametrize("change", [change for change in SETTINGS if "offer" in change.__name__], **named)
    def test_takes_off_what_was_promised_and_nothing_else(self, paying, change):
        change(paying)
        other = a_basket(paying.user, (a_product("Ball", "30.00"), 1))
        assert on(use(paying.user, other, 500, unit=paying.unit)) == (0, D("30.00"))
        assert on(promising.frozen_still(paying)) == (500, D("95.00"))

    def test_is_there_before_ours_is_closed_so_that_no_payment_finds_neither(self, paying):
        there = []

        def look(execute, sql, *args):
            if sql.startswith('UPDATE "offer_conditionaloffer"'):
                there.append(len(keepers()))
            return execute(sql, *args)

        with connection.execute_wrapper(look):
            promising.offer_suspended(paying)
        assert there[-1] == 1

    def test_ends_by_itself_long_after_the_last_gateway(self, paying):
        promising.offer_suspended(paying)
        [keeper] = keepers()
        assert timedelta(hours=5) < keeper.end_datetime - timezone.now() <= timedelta(hours=6)
        assert not Offer.active.exclude(pk=keeper.pk)

    def test_is_one_however_often_ours_is_closed(self, paying, shop):
        promising.offer_suspended(paying)
        ours = promising.ours()
        ours.unsuspend()
        Offer.objects.filter(priority=-10_001).update(end_datetime=TODAY)
        ours.suspend()
        [keeper] = keepers()
        assert keeper.end_datetime > timezone.now()

    def test_is_there_before_the_date_on_which_ours_ends(self, shop, begin):
        Offer.objects.update(end_datetime=timezone.now() + timedelta(hours=1))
        begin(use(shop.user, shop.basket, 500, unit=shop.unit))
        assert len(keepers()) == 1
        Offer.objects.filter(priority=-10_000).update(end_datetime=timezone.now() - timedelta(hours=1))
        assert on(promising.frozen_still(shop)) == (500, D("95.00"))

    def test_lasts_as_long_as_payments_begin_that_it_serves(self, paying, begin):
        promising.offer_suspended(paying)
        Offer.objects.filter(priority=-10_001).update(end_datetime=timezone.now() + timedelta(minutes=1))
        begin(promising.thawed(paying))
        assert keepers()[0].end_datetime > timezone.now() + timedelta(hours=5)

    def test_counts_its_use_like_ours_and_is_never_called_by_its_own_name(
        self, paying, django_capture_on_commit_callbacks
    ):
        promising.offer_suspended(paying)
        with django_capture_on_commit_callbacks(execute=True):
            pay(promising.frozen_still(paying))
        [keeper] = keepers()
        assert (keeper.name, keeper.num_orders, keeper.total_discount) == (
            "Loyalty points (payments under way)", 1, D("5.00"),
        )  # fmt: skip

    def test_is_none_of_the_doctors_worries(self, paying):
        promising.offer_suspended(paying)
        promising.ours().unsuspend()
        found = [*doctor.offer(at=TODAY)]
        assert [finding.level for finding in found] == ["ok"]

    def test_leaves_with_us(self, paying):
        promising.offer_suspended(paying)
        assert next(take_offer_away(names=["redemption"])) == "offers of ours: 1 gone"
        assert not Offer.objects.exists()


def keepers():
    return list(Offer.objects.filter(priority=-10_001))


class TestTheRow:
    def test_says_what_was_promised(self, shop, begin):
        terms(share=50, minimum=100)
        seen = use(shop.user, shop.basket, 500, unit=shop.unit)
        row = Redemption.objects.get()
        bed, bone = (str(line.product_id) for line in seen.all_lines())
        assert row.promise == {"limits": {"share": 50, "minimum": 100}, "sets": {bed: [], bone: []}}
        assert (row.slot, row.payment_at) == (f"basket:{shop.basket.pk}", None)
        begin(seen)
        row.refresh_from_db()
        one, two = (line.pk for line in seen.all_lines())
        assert row.promise == {
            "limits": {"share": 50, "minimum": 100}, "sets": {bed: [], bone: []},
            "lines": [[one, 2, 400], [two, 1, 100]], "total": 9500,
            "with_tax": True, "because": {"c": "as_asked"},
        }  # fmt: skip
        assert row.payment_at == TODAY
        assert Hold.objects.get().expires_at == later(minutes=180)

    def test_names_no_slot_any_more_once_it_is_used(self, paying):
        pay(promising.frozen_still(paying))
        assert Redemption.objects.get().slot is None
        assert applied_to(basket=promising.loaded(paying)) is None

    def test_is_one_for_a_slot(self, shop):
        for points in (100, 200, 0, 300):
            use(shop.user, shop.basket, points, unit=shop.unit)
        assert Redemption.objects.filter(slot__isnull=False).count() == 1

    def test_may_lie_beside_another_and_the_newest_counts(self, shop):
        for points in (100, 200):
            use(shop.user, shop.basket, points, unit=shop.unit)
        old, new = Redemption.objects.order_by("pk")
        Redemption.objects.filter(pk=old.pk).update(slot=new.slot)
        assert latest_for(slot=new.slot) == new

    @pytest.mark.parametrize("wrong", [{"per_points": 0}, {"per_minor": 0}, {"order_id": 1}])
    def test_is_of_points_that_buy_something(self, shop, wrong):
        use(shop.user, shop.basket, 100, unit=shop.unit)
        before = Redemption.objects.values().get()
        with pytest.raises(IntegrityError, match="loyalty_redemption_of_points"), transaction.atomic():
            Redemption.objects.update(**wrong)
        assert Redemption.objects.values().get() == before
