"""Rewards in shops that count in fractions of a coin: the total that is shown falls by exactly what they take off."""

from decimal import Decimal as D

import pytest
from oscar.apps.partner import strategy
from oscar.apps.partner.prices import FixedPrice

from loyalty_oscar.redemption.models import Redemption
from tests.points import a_member_with, pay, points_club
from tests.rewards import a_reward, have, put_on, state, why
from tests.storefront import a_basket, priced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


class Unrounded(strategy.Default):
    """Tax on top, which nobody rounds."""

    def pricing_policy(self, product, stockrecord):
        price = stockrecord.price
        return FixedPrice(currency=stockrecord.price_currency, excl_tax=price, tax=price * D("0.19"))


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(5_000, unit)


def basket_of(boris, price, currency="EUR"):
    """A basket with one thing, in a shop that rounds no tax."""
    basket = a_basket(boris)
    basket.strategy = Unrounded()
    basket.add_product(priced(price, currency), 1)
    return basket


class TestAGift:
    @pytest.fixture(params=[True, False], ids=["offers incl", "offers excl"])
    def with_tax(self, request, settings):
        settings.OSCAR_OFFERS_INCL_TAX = request.param

    # With tax 11.90 and 1.785; 0.0595, 1.785 and 3.9627 each.
    @pytest.mark.parametrize("goods", ["10.00", "1.50"])
    @pytest.mark.parametrize("gift", ["0.05", "1.50", "3.33"])
    @pytest.mark.parametrize("pieces", [1, 2, 3])
    def test_costs_no_cent(self, unit, boris, with_tax, goods, gift, pieces):
        basket = basket_of(boris, goods)
        before = basket.total_incl_tax
        mug = priced(gift, "EUR", "Mug")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk], pieces=pieces))
        basket = put_on(boris, basket, claim)
        assert (basket.total_incl_tax, basket.num_items, why(basket)) == (before, 1 + pieces, [])
        order = pay(basket)
        assert (order.total_incl_tax, state(claim)) == (before, "used")
        assert Redemption.objects.get(claim=claim).minor == order.discounts.get().amount * 100

    def test_beside_another_has_its_share_of_what_both_take_off(self, unit, boris):
        basket = basket_of(boris, "1.50")
        before = basket.total_incl_tax
        for price in ("1.50", "3.33"):
            claim = have(boris, a_reward(unit, "product", products=[priced(price, "EUR", "Mug").pk], pieces=1))
            basket = put_on(boris, basket, claim)
        order = pay(basket)
        assert order.total_incl_tax == before
        uses = Redemption.objects.filter(order_id=order.pk).values_list("minor", flat=True)
        assert sum(uses) == order.discounts.get().amount * 100

    @pytest.mark.parametrize("price", ["0.50", "99.50", "100.50"])
    def test_of_half_a_yen_more_costs_none(self, unit, boris, price):
        claim = have(boris, a_reward(unit, "product", products=[priced(price, "JPY", "Mug").pk], pieces=1))
        basket = put_on(boris, a_basket(boris, (priced("1000", "JPY"), 1)), claim)
        assert basket.total_incl_tax == 1_000


class TestMoneyOff:
    @pytest.mark.parametrize(("least", "off"), [(178, True), (179, True), (180, False)])
    def test_is_for_goods_that_are_shown_to_cost_so_much(self, unit, boris, least, off):
        claim = have(boris, a_reward(unit, "off", amount=50, least=least))
        basket = put_on(boris, basket_of(boris, "1.50"), claim)  # 1.785, which reads 1.79.
        assert why(basket) == ([] if off else ["reward_least_order"])
        assert basket.total_incl_tax == (D("1.29") if off else D("1.79"))

    @pytest.mark.parametrize(("price", "said"), [("9", ["reward_takes_less"]), ("10", [])])
    def test_of_less_than_a_coin_says_so_and_is_not_used(self, unit, boris, price, said):
        claim = have(boris, a_reward(unit, "off", percent=10))
        basket = put_on(boris, a_basket(boris, (priced(price, "JPY"), 1)), claim)
        assert why(basket) == said
        pay(basket)
        assert state(claim) == ("open" if said else "used")
