"""Every tax set-up that Oscar knows: the total that the customer sees falls by exactly what the points are worth."""

from decimal import Decimal as D

import pytest
from django.test import override_settings
from oscar.apps.partner import strategy
from oscar.apps.partner.prices import FixedPrice
from oscar.core.loading import get_model
from oscar.core.prices import TaxNotKnown
from oscar.test import factories

from loyalty_oscar.shop.redemption.discount import applied_to
from tests.points import give, points_club, reload, use
from tests.rewards import a_reward, have, put_on, state
from tests.storefront import a_product, a_user

pytestmark = pytest.mark.django_db
RATES = {"food": D("0.07"), "toys": D("0.19"), "books": D("0.00")}


def rate_of(stockrecord):
    return RATES.get(stockrecord.partner_sku.split("-")[0], D("0.20"))


class Mixed(strategy.UK):
    """Prices without tax in the stock, and a rate for each product."""

    def get_rate(self, product, stockrecord):
        return rate_of(stockrecord)


class InclusiveVat(strategy.Default):
    """Prices with tax in the stock, kept to the cent: as a European shop shows them."""

    def pricing_policy(self, product, stockrecord):
        incl = stockrecord.price
        tax = (incl - incl / (1 + rate_of(stockrecord))).quantize(D("0.01"))
        return FixedPrice(currency=stockrecord.price_currency, excl_tax=incl - tax, tax=tax)


SETUPS = {"no tax": strategy.Default, "UK": Mixed, "VAT inside": InclusiveVat, "US": strategy.US}


@pytest.fixture(params=[True, False], ids=["offers incl", "offers excl"])
def with_tax(request):
    with override_settings(OSCAR_OFFERS_INCL_TAX=request.param):
        yield request.param


def a_mixed_basket(user, setup):
    """Three VAT rates, odd prices, more than one of a kind."""
    food, toy, book = (
        a_product(kind, price) for kind, price in [("food", "24.99"), ("toys", "3.49"), ("books", "0.99")]
    )
    for product, sku in ((food, "food-1"), (toy, "toys-1"), (book, "books-1")):
        product.stockrecords.update(partner_sku=sku)
    basket = get_model("basket", "Basket").objects.create(owner=user)
    basket.strategy = SETUPS[setup]()
    for product, quantity in ((food, 3), (toy, 2), (book, 5)):
        basket.add_product(product, quantity)
    return basket


def seen(basket):
    """The total as the customer sees it."""
    return basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax


@pytest.mark.parametrize("setup", SETUPS)
class TestInEverySetUp:
    @pytest.mark.parametrize("points", [1, 317, 500, 1999])
    def test_the_total_falls_by_exactly_the_points_worth(self, setup, with_tax, points):
        unit, user = points_club(), a_user()
        give(user, 50_000, unit)
        basket = a_mixed_basket(user, setup)
        before = seen(reload(user, basket))
        basket = use(user, basket, points, unit=unit)
        assert before - seen(basket) == D(points) / 100
        assert (applied_to(basket=basket).minor, applied_to(basket=basket).points) == (points, points)
        [shown] = basket.offer_discounts
        assert (shown["discount"], plain(shown["name"])) == (
            D(points) / 100,
            f"{points:,} paw{'s' * (points > 1)} used",
        )

    def test_more_points_than_goods_make_it_nothing_and_no_tax_is_left(self, setup, with_tax):
        unit, user = points_club(), a_user()
        give(user, 50_000, unit)
        basket = a_mixed_basket(user, setup)
        before = seen(reload(user, basket))
        basket = use(user, basket, 50_000, unit=unit)
        assert seen(basket) == 0
        assert basket.total_excl_tax == 0
        assert applied_to(basket=basket).points == before * 100

    def test_the_order_says_the_same(self, setup, with_tax):
        unit, user = points_club(), a_user()
        give(user, 50_000, unit)
        basket = use(user, a_mixed_basket(user, setup), 1234, unit=unit)
        total = seen(basket)
        if setup == "US":
            work_out_tax(basket)
        order = factories.create_order(basket=basket, user=user)
        order.refresh_from_db()
        shown, lines = ("excl_tax" if setup == "US" else "incl_tax"), order.lines.all()
        assert total == getattr(order, f"total_{shown}") == sum(getattr(line, f"line_price_{shown}") for line in lines)
        said = [(row.amount, plain(row.offer_name)) for row in order.discounts.all()]
        assert said == [(D("12.34"), "1,234 paws used")]

    def test_a_gift_and_money_off_and_points_take_off_what_they_say(self, setup, with_tax):
        unit, user = points_club(), a_user()
        give(user, 50_000, unit)
        mug = a_product("mug", "9.99")
        gift = have(user, a_reward(unit, "product", products=[mug.pk], pieces=2))
        off = have(user, a_reward(unit, "off", amount=777))
        basket = a_mixed_basket(user, setup)
        before = seen(reload(user, basket))
        for claim in (gift, off):
            basket = put_on(user, basket, claim)
        assert (basket.num_items, before - seen(basket)) == (12, D("7.77"))
        basket = use(user, basket, 1234, unit=unit)
        total = seen(basket)
        assert before - total == D("20.11")
        if setup == "US":
            work_out_tax(basket)
        order = factories.create_order(basket=basket, user=user)
        shown, lines = ("excl_tax" if setup == "US" else "incl_tax"), order.lines.all()
        assert total == getattr(order, f"total_{shown}") == sum(getattr(line, f"line_price_{shown}") for line in lines)
        assert {plain(row.offer_name): row.amount for row in order.discounts.all()} == {
            gift.reward.name: 2 * getattr(lines.get(product=mug), f"unit_price_{shown}"),
            off.reward.name: D("7.77"),
            "1,234 paws used": D("12.34"),
        }
        assert [state(claim) for claim in (gift, off)] == ["used", "used"]

    def test_points_lie_on_top_of_an_offer(self, setup, with_tax):
        unit, user = points_club(), a_user()
        give(user, 50_000, unit)
        ten_off = factories.create_offer(
            benefit=factories.BenefitFactory(range=everything(), type="Percentage", value=10)
        )
        basket = a_mixed_basket(user, setup)
        if setup == "US" and with_tax:
            # Oscar's own offers ask for the price with tax, and there is none yet.
            with pytest.raises(TaxNotKnown):
                reload(user, basket)
            return
        before = seen(reload(user, basket))
        basket = use(user, basket, 777, unit=unit)
        assert before - seen(basket) == D("7.77")
        assert [plain(row["name"]) for row in basket.offer_discounts] == [ten_off.name, "777 paws used"]


def work_out_tax(basket):
    """What a shop with this strategy does at the checkout, once it knows where the goods go."""
    for line in basket.all_lines():
        line.purchase_info.price.tax = (line.unit_price_excl_tax * D("0.08")).quantize(D("0.01"))


def plain(text):
    return text.replace("\xa0", " ")


def everything():
    return get_model("offer", "Range").objects.get_or_create(name="Everything", includes_all_products=True)[0]
