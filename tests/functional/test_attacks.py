"""
What people try in order to get more than they paid for, by the numbers of the list of attacks.

Whatever needs several people at the same instant (A1 to A6) is tried again in `tests/crowd`, on PostgreSQL.
"""

from datetime import timedelta
from decimal import Decimal as D
from itertools import permutations

import pytest
from django.db import transaction
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Hold, Lot
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.shop.storefront.offer_hooks import PointsUnavailable
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import GoalFactory
from tests.integration.ledger.books import WHY, assert_clean, balance, dump
from tests.orders import come_back, deliver, paid_back
from tests.points import give, reload, use
from tests.rewards import a_reward, fresh, have, put_on, state
from tests.storefront import TODAY, a_basket, a_product, a_user, buy, day

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Order, Source = get_model("order", "Order"), get_model("payment", "Source")
SECOND = timedelta(seconds=1)


@pytest.fixture
def browser(client, boris):
    client.force_login(boris)
    return client


def account(user):
    return Account.objects.get(member__user=user)


def look(order, *, at=TODAY):
    sync_orders(order_ids=[order.pk], at=at)
    return order


def pay(user, unit, points, *things, at=TODAY):
    """An order that used points."""
    basket = use(user, a_basket(user, *things), points, unit=unit, at=at)
    with clock.at(at), transaction.atomic():
        order = factories.create_order(basket=basket, user=user, date_placed=at)
    return look(order, at=at)


def cancel(order, *, at=TODAY):
    Order.objects.filter(pk=order.pk).update(status="Cancelled")
    return look(order, at=at)


def choose(browser, points):
    return browser.post(reverse("loyalty:use-points"), {"points": points})


def check_out(browser):
    """Go through all steps of the checkout."""
    country = factories.CountryFactory(iso_3166_1_a2="GB", is_shipping_country=True)
    address = {
        "first_name": "Boris", "last_name": "W", "line1": "1 Egg Road", "line4": "London", "postcode": "N1 9RT",
        "country": country.pk,
    }  # fmt: skip
    browser.post(reverse("checkout:shipping-address"), address)
    browser.get(reverse("checkout:shipping-method"))
    browser.get(reverse("checkout:preview"))
    answer = browser.post(reverse("checkout:preview"), {"action": "place_order"})
    assert answer["Location"] == reverse("checkout:thank-you")
    return Order.objects.latest("pk")


class TestA4ClaimingOneAwardAgain:
    def test_gives_it_once(self, unit, boris):
        """One order is looked at again and again, as by clicks on one confirmation."""
        order = buy(boris, (a_product(), 1), on=TODAY)
        before = dump()
        for _again in range(5):
            look(order)
        assert dump() == before


class TestA5OneRewardTwice:
    @pytest.fixture
    def claim(self, unit, boris):
        """Five euro off that Boris has."""
        return have(boris, a_reward(unit, "off", amount=500))

    def bought_with(self, boris, claim, price="24.90"):
        basket = put_on(boris, a_basket(boris, (a_product(price=price), 1)), claim)
        return look(factories.create_order(basket=basket, user=boris))

    def test_in_two_baskets_lies_on_the_last(self, boris, claim):
        first = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        second = put_on(boris, a_basket(boris, (a_product(price="30.00"), 1)), claim)
        assert (reload(boris, first).total_incl_tax, second.total_incl_tax) == (D("24.90"), D("25.00"))

    def test_of_somebody_else_is_not_there(self, boris, claim, client):
        client.force_login(a_user("mallory@example.com"))
        for name in ("use-reward", "take-out-reward"):
            assert client.post(reverse(f"loyalty:{name}", args=[claim.pk])).status_code == 404
        assert state(claim) == "open"

    def test_after_a_cancelled_order_is_used_once_though_that_stands_again(self, boris, claim):
        first = cancel(self.bought_with(boris, claim))
        second = self.bought_with(boris, claim)
        Order.objects.filter(pk=first.pk).update(status="Pending")
        look(first)
        assert (state(claim), fresh(claim).order_id) == ("used", second.pk)
        with pytest.raises(CannotClaim):
            self.bought_with(boris, claim)

    def test_for_an_order_that_is_returned_is_no_way_to_goods(self, unit, boris):
        """A stamp card is filled, its gift used, the stamps are returned, the order with the gift is cancelled."""
        reward = a_reward(unit, "off", amount=500, price=None)
        GoalFactory(program=unit.program, reward=reward, target=1, params={})
        forget_cache()
        filled = buy(boris, (a_product(price="24.90"), 1), on=TODAY)
        claim = Claim.objects.get()
        used = self.bought_with(boris, claim)
        cancel(filled)
        cancel(used)
        assert {row.state for row in Claim.objects.all()} == {"back"}


class TestA6UsingPointsAgainAfterSuccess:
    def test_is_refused(self, unit, boris):
        """A page that was loaded before the order is sent again under another number."""
        basket = use(boris, a_basket(boris, (a_product(), 1)), 500, unit=unit)
        stale = reload(boris, basket)
        factories.create_order(number="first", basket=basket, user=boris)
        before = dump()
        with pytest.raises(PointsUnavailable), transaction.atomic():
            factories.create_order(number="second", basket=stale, user=boris)
        assert (dump(), Order.objects.count()) == (before, 1)


class TestA7EditingTheBasketDown:
    def test_takes_no_more_points_than_are_left_to_pay_for(self, unit, boris, browser):
        """Use the most on a big basket, then take the dear things out before the order is placed."""
        dear, cheap = a_product("Bed", "90.00"), a_product("Bone", "4.00")
        basket = a_basket(boris, (dear, 1), (cheap, 1))
        choose(browser, "1000")
        basket.lines.get(product=dear).delete()
        order = check_out(browser)
        assert order.basket_total_incl_tax == 0
        assert (balance(account(boris))[0], balance(account(boris))[2]) == (600, 0)
        assert_clean()

    def test_in_another_currency_uses_none(self, unit, boris, browser):
        """Points were promised in euros; the basket comes back in another currency without a worth."""
        basket = a_basket(boris, (a_product(price="90.00"), 1))
        choose(browser, "1000")
        get_model("partner", "StockRecord").objects.update(price_currency="USD")
        basket.lines.update(price_currency="USD")
        assert check_out(browser).basket_total_incl_tax == D("90.00")
        assert Hold.objects.filter(captured__gt=0).count() == 0


class TestA8EarningUsingAndReturning:
    @pytest.mark.parametrize("first, second, third", [*permutations(range(3))])
    def test_unit_by_unit_in_any_order_leaves_what_there_was(self, unit, boris, first, second, third):
        """The goods come back one by one; rounding or the order of the lines should bring something."""
        things = [(a_product(name, price), 1) for name, price in (("a", "9.99"), ("b", "0.34"), ("c", "33.33"))]
        order = pay(boris, unit, 333, *things)
        lines = list(order.lines.order_by("pk"))
        for number in (first, second, third):
            come_back(line=lines[number], quantity=1)
            look(order)
        assert balance(account(boris)) == (1000, 0, 0, 0)
        assert_clean()

    def test_owes_what_was_earned_and_used(self, unit):
        """Earn, use at once what was earned, and send the goods back that earned it."""
        user = a_user()
        give(user, 1, unit)
        first = buy(user, (a_product("Bed", "500.00"), 1), on=day(4, 1))
        with clock.at(day(4, 2)), transaction.atomic():
            deliver(first)
            first.status_changes.update(date_created=day(4, 2))
        look(first, at=day(4, 2))
        list(ledger.mature_due(at=TODAY))
        assert balance(account(user))[0] == 501
        pay(user, unit, 501, (a_product("Bone", "20.00"), 1))
        come_back(line=first.lines.get(), quantity=1)
        look(first)
        ready, _coming, held, owed = balance(account(user))
        assert (ready, held, owed) == (0, 0, 500)
        with pytest.raises(Refused):
            use(user, a_basket(user, (a_product("Ball", "9.00"), 1)), 1, unit=unit)
        assert_clean()


class TestA9RefundingTwice:
    def test_brings_points_back_once(self, unit, boris):
        """Sent back, refunded, cancelled, refunded again (mollie/magento2#928 restored them twice)."""
        order = pay(boris, unit, 500, (a_product(price="20.00"), 2))
        line = order.lines.get()
        come_back(line=line, quantity=2)
        look(order)
        for step in (lambda: look(order), lambda: cancel(order), lambda: paid_back(line=line, quantity=2)):
            step()
            look(order)
            assert balance(account(boris)) == (1000, 0, 0, 0)
        assert Entry.objects.filter(kind="restore").count() == 1
        assert_clean()


class TestA10WashingPointsThatExpire:
    def test_moves_no_date_when_an_order_is_cancelled(self, unit):
        """Use points that run out tomorrow, cancel, and do it again: they should live for ever."""
        user, until = a_user(), TODAY + timedelta(days=1)
        give(user, 500, unit, until=until)
        for hour in range(3):
            at = TODAY + timedelta(hours=hour)
            cancel(pay(user, unit, 500, (a_product(price="20.00"), 1), at=at), at=at)
            assert balance(account(user))[0] == 500
        order = pay(user, unit, 500, (a_product(price="20.00"), 1), at=TODAY + timedelta(hours=4))
        cancel(order, at=TODAY + timedelta(days=2))
        assert balance(account(user))[0] == 0
        assert not Lot.objects.filter(account=account(user), source="gift").exclude(expires_at=until).exists()

    def test_gives_them_thirty_days_once_when_delivered_goods_come_back(self, unit):
        user, until = a_user(), TODAY + timedelta(days=1)
        give(user, 500, unit, until=until)
        for at, ends in ((TODAY, 34), (TODAY + timedelta(days=20), 34)):
            order = pay(user, unit, 500, (a_product(price="20.00"), 1), at=at)
            back = at + timedelta(days=4)
            with clock.at(back), transaction.atomic():
                deliver(order)
                order.status_changes.update(date_created=back)
                come_back(line=order.lines.get(), quantity=1)
            look(order, at=back)
            assert Lot.objects.get(source="gift").expires_at == TODAY + timedelta(days=ends)
        assert balance(account(user))[0] == 500


class TestA11UsingPointsAfterTheirTime:
    @pytest.mark.parametrize("after", [timedelta(0), SECOND, timedelta(hours=20)])
    def test_is_refused_from_the_very_second_on(self, unit, after):
        """No job has come yet, and the account still says that there are points."""
        user = a_user()
        give(user, 500, unit, until=TODAY)
        basket = a_basket(user, (a_product(price="20.00"), 1))
        assert balance(account(user))[0] == 500
        with pytest.raises(Refused) as refusal:
            use(user, basket, 500, unit=unit, at=TODAY + after)
        assert refusal.value.code == "not_enough_points"
        assert not Hold.objects.exists()
        assert balance(account(user)) == (0, 0, 0, 0)

    def test_is_possible_a_second_before(self, unit):
        user = a_user()
        give(user, 500, unit, until=TODAY)
        use(user, a_basket(user, (a_product(price="20.00"), 1)), 500, unit=unit, at=TODAY - SECOND)
        assert balance(account(user))[2] == 500


class TestA12EarningOnPoints:
    def test_brings_points_for_the_money_alone(self, unit, boris):
        pay(boris, unit, 1000, (a_product(price="60.00"), 1))
        assert balance(account(boris))[1] == 50

    def test_brings_nothing_where_points_paid_for_everything(self, unit, boris):
        pay(boris, unit, 1000, (a_product(price="10.00"), 1))
        assert balance(account(boris)) == (0, 0, 0, 0)


class TestA13NumbersThatAreNone:
    @pytest.mark.parametrize(
        "points", ["-5", "+5", "1.5", "1,5", "1e3", "0x10", "NaN", "∞", "٣", "9" * 40, "1 or 1=1", "", "\x00", "5\n5"]
    )
    def test_are_refused_as_points(self, unit, boris, browser, points):
        a_basket(boris, (a_product(), 1))
        before = dump()
        assert choose(browser, points).status_code == 302
        assert dump() == before

    @pytest.mark.parametrize("points", [0, -1, 1.0, True, "5", None, 2**63])
    def test_are_refused_by_the_ledger(self, unit, boris, points):
        before = dump()
        fields = {"slot": "basket:1", "expires_at": TODAY, "because": WHY, "at": TODAY}
        with pytest.raises(Exception, match=r"hold is at least|are ready"):
            ledger.place_hold(account_id=account(boris).pk, points=points, **fields)
        assert dump() == before

    @pytest.mark.parametrize("quantity", ["-3", "0.5", "1e9", "NaN"])
    def test_are_refused_as_quantities(self, unit, boris, browser, quantity):
        product = a_product(price="20.00")
        basket = a_basket(boris, (product, 1))
        choose(browser, "500")
        browser.post(reverse("basket:add", kwargs={"pk": product.pk}), {"quantity": quantity})
        assert basket.lines.get().quantity == 1
        assert applied_to(basket=reload(boris, basket)).minor == 500


class TestA14ManyOrdersInPlaceOfOne:
    def test_earn_no_more_than_one(self, unit, boris):
        bone = a_product(price="1.99")
        for _order in range(20):
            buy(boris, (bone, 1), on=TODAY)
        many = balance(account(boris))[1]
        buy(boris, (bone, 20), on=TODAY)
        assert many == 20 <= balance(account(boris))[1] - many == 39

    def test_pay_no_less_in_points_than_one(self, unit, boris):
        """Three points are two cents, so a cent is paid with two."""
        PointWorth.objects.update(points=3, minor=2)
        forget_cache()
        cent = a_product(price="0.01")
        for _order in range(10):
            pay(boris, unit, 2, (cent, 1))
        many = 1000 - balance(account(boris))[0]
        pay(boris, unit, 20, (cent, 10))
        assert many == 20 >= 1000 - balance(account(boris))[0] - many == 15


class TestA41StackingDiscounts:
    def test_never_comes_to_less_than_nothing(self, unit, boris):
        """A site offer, a voucher and more points than the rest costs."""
        everything = factories.RangeFactory(includes_all_products=True)
        half = factories.BenefitFactory(range=everything, type="Percentage", value=D(50))
        condition = factories.ConditionFactory(range=everything, type="Count", value=1)
        offer = factories.ConditionalOfferFactory(name="Half", condition=condition, benefit=half, exclusive=False)
        voucher = factories.create_voucher(code="MORE")
        voucher.offers.update(exclusive=False)
        offer.combinations.add(*voucher.offers.all())
        basket = a_basket(boris, (a_product(price="21.00"), 1))
        basket.vouchers.add(voucher)
        basket = use(boris, basket, 1000, unit=unit)
        assert basket.total_incl_tax == 0
        assert len(basket.offer_applications.applications) == 3
        order = factories.create_order(basket=basket, user=boris)
        assert (order.basket_total_incl_tax, order.total_incl_tax) == (0, 0)
        taken = Hold.objects.get(captured__gt=0).captured
        assert 0 < taken <= 1050
        assert balance(account(boris))[0] == 1000 - taken

    def test_of_ours_and_theirs_never_comes_to_less_than_nothing(self, unit, boris):
        """Money off, a voucher of 0.50 and points for goods of 6.00."""
        voucher = factories.create_voucher(code="MORE")
        get_model("offer", "Benefit").objects.filter(offers__vouchers=voucher).update(value=D("0.50"))
        basket = a_basket(boris, (a_product(price="6.00"), 1))
        basket.vouchers.add(voucher)
        claim = have(boris, a_reward(unit, "off", amount=500, price=100))
        basket = use(boris, put_on(boris, basket, claim), 800, unit=unit)
        order = look(factories.create_order(basket=basket, user=boris))
        assert (order.total_incl_tax, order.lines.get().line_price_incl_tax) == (0, 0)
        assert sum(row.amount for row in order.discounts.all()) == D("6.00")
        cancel(order)
        assert (balance(account(boris)), state(claim)) == ((900, 0, 0, 0), "open")
        assert_clean()

    def test_and_sending_it_all_back_pays_no_money(self, unit, boris):
        """Paid with points alone, then returned: points come back, and no cent."""
        order = pay(boris, unit, 1000, (a_product(price="5.00"), 2))
        come_back(line=order.lines.get(), quantity=2)
        look(order)
        assert order.total_incl_tax == 0
        assert balance(account(boris)) == (1000, 0, 0, 0)
        assert not Source.objects.exists()
        assert_clean()
