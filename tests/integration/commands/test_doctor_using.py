"""What the doctor says of using points: the offer, what points are worth, how long they wait, and tax."""

from datetime import timedelta
from decimal import Decimal

import pytest
from oscar.apps.partner import strategy
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.redemption import checks
from loyalty_oscar.shop.redemption.offer import make_offer, our_offers
from loyalty_oscar.shop.upkeep.doctor import Level
from loyalty_oscar.testing import clock
from tests.integration.commands.test_doctor import found
from tests.once import a_program

pytestmark = pytest.mark.django_db
ABOUT = "using points"


class TestAnOfferThatIsWell:
    def test_is_said_to_be(self, club):
        factories.create_offer(name="Summer", priority=0)
        assert found(ABOUT) == []
        assert found(ABOUT, Level.OK) == [("ok", "“Loyalty points” stands after all other offers | ")]

    def test_is_not_asked_for_where_nobody_can_use_points(self):
        a_program()
        assert found(ABOUT, *Level) == []

    def test_is_noted_where_it_serves_nobody(self):
        a_program()
        make_offer()
        assert [level for level, _text in found(ABOUT)] == [Level.NOTE]


class TestAnOfferThatIsNot:
    def test_is_missing(self, club):
        our_offers().delete()
        [(level, text)] = found(ABOUT)
        assert level == Level.ERROR
        assert "loyalty_setup" in text

    def test_is_there_twice(self, club):
        make_offer()
        [(level, text)] = found(ABOUT)
        assert level == Level.WARNING
        assert "there 2 times: “Loyalty points”, “Loyalty points 2”" in text

    @pytest.mark.parametrize(
        ("fields", "level", "says"),
        [
            ({"status": "Suspended"}, "error", "is suspended: nobody can use points"),
            ({"status": "Consumed"}, "error", "is consumed: nobody can use points"),
            ({"end_datetime": clock.now() - timedelta(days=1)}, "error", "not in its dates"),
            ({"start_datetime": clock.now() + timedelta(days=1)}, "error", "not in its dates"),
            ({"offer_type": "Voucher"}, "error", "is no site offer"),
            ({"max_global_applications": 100}, "warning", "limited (max_global_applications)"),
            ({"max_user_applications": 1}, "warning", "limited (max_user_applications)"),
            ({"max_discount": 500}, "warning", "limited (max_discount)"),
            ({"max_basket_applications": None}, "warning", "applied once to a basket"),
            ({"exclusive": True}, "warning", "not be exclusive"),
        ],
    )
    def test_is_not_as_it_was_made(self, club, fields, level, says):
        our_offers().update(**fields)
        [(was, text)] = found(ABOUT)
        assert (was, says in text) == (level, True), text

    def test_comes_before_others(self, club):
        our_offers().update(priority=5)
        factories.create_offer(name="Summer", priority=5)
        factories.create_offer(name="First", priority=6)
        [(level, text)] = found(ABOUT)
        assert level == Level.WARNING
        assert "“Summer” (5)" in text
        assert "First" not in text


class TestWhatPointsAreWorth:
    def test_is_missed_in_a_currency_that_prices_have(self, club):
        factories.create_product(price=10)
        get_model("partner", "StockRecord").objects.update(price_currency="CHF")
        [(level, text)] = found(ABOUT)
        assert level == Level.WARNING
        assert "“Paw Club” does not say what points are worth in CHF" in text

    def test_is_not_missed_where_points_cannot_be_used(self, club):
        factories.create_product(price=10)
        get_model("partner", "StockRecord").objects.update(price_currency="CHF")
        UseTerms.objects.update(is_on=False)
        assert [level for level, _text in found(ABOUT)] == [Level.NOTE]


class TestHowLongPointsWait:
    @pytest.mark.parametrize(
        ("hold", "gateway", "levels"),
        [(30, 180, []), (30, 20, ["warning"]), (5, 180, ["note"]), (2000, 3000, ["note"]), (30, 30, [])],
    )
    def test_is_longer_for_a_payment_than_for_a_basket(self, club, settings, hold, gateway, levels):
        settings.LOYALTY_HOLD_MINUTES, settings.LOYALTY_GATEWAY_MINUTES = hold, gateway
        assert [level for level, _text in found(ABOUT)] == levels


class WithoutTax(strategy.UseFirstStockRecord, strategy.StockRequired, strategy.DeferredTax, strategy.Structured):
    """Prices as in the United States."""


class WithTax(strategy.UseFirstStockRecord, strategy.StockRequired, strategy.FixedRateTax, strategy.Structured):
    """Prices with 20 % VAT."""

    rate = Decimal("0.20")


@pytest.fixture
def strategy_is(monkeypatch):
    """Let the shop's prices follow another strategy."""
    selector = get_class("partner.strategy", "Selector")
    return lambda kind: monkeypatch.setattr(selector, "strategy", lambda self, *args, **kwargs: kind())


class TestTax:
    @pytest.fixture(autouse=True)
    def product(self, club):
        factories.create_product(price=10)

    def test_that_prices_do_not_know_clashes_with_offers_that_count_with_it(self, settings, strategy_is):
        strategy_is(WithoutTax)
        settings.OSCAR_OFFERS_INCL_TAX = True
        [warning] = checks.check_tax()
        assert warning.id == "loyalty_shop.W004"
        assert [level for level, _text in found("tax")] == [Level.WARNING]
        settings.OSCAR_OFFERS_INCL_TAX = False
        assert (checks.check_tax(), found("tax")) == ([], [])

    def test_that_is_known_and_left_out_of_offers_is_a_note(self, settings, strategy_is):
        strategy_is(WithTax)
        settings.OSCAR_OFFERS_INCL_TAX = False
        assert checks.check_tax() == []
        [(level, text)] = found("tax")
        assert level == Level.NOTE
        assert "LinePrice" in text
        settings.OSCAR_OFFERS_INCL_TAX = True
        assert found("tax") == []

    def test_of_a_strategy_that_wants_a_request_is_left_to_the_doctor(self, settings, strategy_is):
        strategy_is(lambda: 1 / 0)
        settings.OSCAR_OFFERS_INCL_TAX = True
        assert checks.check_tax() == []
        assert [level for level, _text in found("tax")] == [Level.ERROR]
