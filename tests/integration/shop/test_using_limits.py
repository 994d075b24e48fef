"""The merchant's limits on using points, through Oscar's own baskets, ranges, offers and vouchers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from loyalty_oscar.tiers.models import MemberPrice
from tests.integration.exclusives.sales import GOLD, a_member_of, a_sale, a_set
from tests.integration.ledger.books import dump
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, on, pay, reload, terms, use
from tests.storefront import TODAY, a_basket, a_product, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


@pytest.fixture
def basket(boris):
    """Goods for 20.00."""
    return a_basket(boris, (a_product(price="10.00"), 2))


class TestManyChangesWithinAnHour:
    @pytest.fixture(autouse=True)
    def three(self, settings):
        settings.LOYALTY_HOLD_CHANGES = 3

    def test_are_refused_whatever_the_basket(self, unit, boris, basket):
        others = [a_basket(boris, (a_product(), 1)) for _ in range(2)]
        for number, one in enumerate((basket, *others)):
            use(boris, one, 10 + number, unit=unit)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 20, unit=unit)
        assert (refused.value.code, dump()) == ("too_often", before)
        assert str(refused.value) == "You have changed this very often. Please try again in an hour."

    def test_leave_the_way_back_open(self, unit, boris, basket):
        for points in (10, 20, 30):
            use(boris, basket, points, unit=unit)
        assert on(use(boris, basket, 0, unit=unit))[0] == 0

    def test_are_possible_again_after_it(self, unit, boris, basket):
        for points in (10, 20, 30):
            use(boris, basket, points, unit=unit)
        assert on(use(boris, basket, 40, unit=unit, at=TODAY + timedelta(hours=1)))[0] == 40

    def test_do_not_count_for_somebody_else(self, unit, boris, basket):
        for points in (10, 20, 30):
            use(boris, basket, points, unit=unit)
        priya = a_user("priya@example.com")
        give(priya, 100, unit)
        assert on(use(priya, a_basket(priya, (a_product(), 1)), 10, unit=unit))[0] == 10


class TestADaysLimit:
    def test_cuts_what_is_set_aside_and_then_refuses(self, unit, boris, basket):
        terms(per_day=300)
        pay(use(boris, basket, 200, unit=unit))
        other = a_basket(boris, (a_product(), 2))
        assert on(use(boris, other, 200, unit=unit))[0] == 100
        third = a_basket(boris, (a_product(), 2))
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, third, 50, unit=unit)
        assert (refused.value.code, dump()) == ("daily_limit", before)

    def test_does_not_count_the_basket_that_is_changed(self, unit, boris, basket):
        terms(per_day=300)
        use(boris, basket, 300, unit=unit)
        assert on(use(boris, basket, 250, unit=unit))[0] == 250

    def test_begins_anew_at_midnight_where_the_program_lives(self, unit, boris, basket):
        terms(per_day=300)
        evening = datetime(2026, 5, 6, 21, 59, tzinfo=UTC)  # 23:59 in Berlin
        with clock.at(evening):
            pay(use(boris, basket, 300, unit=unit, at=evening))
        other = a_basket(boris, (a_product(), 2))
        with pytest.raises(Refused):
            use(boris, other, 1, unit=unit, at=evening)
        assert on(use(boris, other, 300, unit=unit, at=evening + timedelta(minutes=1)))[0] == 300

    def test_counts_what_was_used_on_the_stroke_of_midnight_to_the_day_that_begins(self, unit, boris, basket):
        terms(per_day=300)
        midnight = datetime(2026, 5, 5, 22, tzinfo=UTC)  # 00:00 in Berlin
        with clock.at(midnight):
            pay(use(boris, basket, 200, unit=unit, at=midnight))
        assert on(use(boris, a_basket(boris, (a_product(), 2)), 300, unit=unit))[0] == 100

    @pytest.mark.parametrize(("minimum", "left"), [(99, 100), (100, 100), (101, None)])
    def test_leaves_what_is_as_many_as_the_fewest_that_can_be_used(self, unit, boris, basket, minimum, left):
        terms(per_day=300, minimum=minimum)
        pay(use(boris, basket, 200, unit=unit))
        other, before = a_basket(boris, (a_product(), 2)), dump()
        if left:
            assert on(use(boris, other, 200, unit=unit))[0] == left
            return
        with pytest.raises(Refused) as refused:
            use(boris, other, 200, unit=unit)
        assert (refused.value.code, dump()) == ("daily_limit", before)


class TestALimit:
    def test_leaves_out_the_products_of_a_set(self, unit, boris):
        gift, bone = a_product("Gift card", "30.00"), a_product("Bone", "6.00")
        range_ = factories.RangeFactory(products=[gift])
        cards = ProductSetFactory(code="cards", tie__range=range_)
        UseTerms.objects.get().excluded_sets.add(cards)
        forget_cache()
        basket = use(boris, a_basket(boris, (gift, 1), (bone, 1)), 900, unit=unit)
        assert on(basket) == (600, D("30.00"))
        assert applied_to(basket=basket).parts == (0, 600)
        assert applied_to(basket=basket).quote.because.code == "only_some_goods"

    def test_leaves_out_what_the_shop_never_reduces(self, unit, boris):
        book, bone = a_product("Book", "30.00"), a_product("Bone", "6.00")
        type(book).objects.filter(pk=book.pk).update(is_discountable=False)
        assert on(use(boris, a_basket(boris, (book, 1), (bone, 1)), 900, unit=unit)) == (600, D("30.00"))

    @pytest.mark.parametrize(
        ("limit", "exclusive", "answer"),
        [
            ({}, True, (500, D("17.00"))),
            ({"not_on_exclusive": True}, True, (400, D("18.00"))),
            ({"not_on_exclusive": True}, False, (500, D("17.00"))),
            ({"not_on_discounted": True}, False, (400, D("18.00"))),
        ],
    )
    def test_of_reduced_goods_counts_only_where_the_merchant_set_it(self, unit, boris, limit, exclusive, answer):
        terms(**limit)
        bed, bone = a_product("Bed", "20.00"), a_product("Bone", "4.00")
        range_ = factories.RangeFactory(products=[bed])
        factories.ConditionalOfferFactory(
            benefit=factories.BenefitFactory(range=range_, type="Percentage", value=10),
            condition=factories.ConditionFactory(range=range_, value=1), exclusive=exclusive,
        )  # fmt: skip
        assert on(use(boris, a_basket(boris, (bed, 1), (bone, 1)), 500, unit=unit)) == answer

    @pytest.mark.parametrize(
        ("limit", "answer"), [({}, (500, D("16.00"))), ({"not_on_discounted": True}, (400, D("17.00")))]
    )
    @pytest.mark.parametrize("lowered", ["member-price", "sale"])
    def test_of_reduced_goods_counts_member_prices_and_sales(self, unit, limit, answer, lowered):
        ladder, bed, bone = a_ladder(unit=unit), a_product("Bed", "20.00"), a_product("Bone", "4.00")
        gold = a_member_of(unit, GOLD)
        give(gold, 500, unit)
        terms(**limit)
        if lowered == "sale":
            a_sale(unit, bed, percent=15, public_from=TODAY, ends_at=None)
        else:
            only = a_set(bed)
            MemberPrice.objects.create(tier=ladder.tiers.get(rank=GOLD), product_set=only, percent=15, starts_at=TODAY)
        forget_cache()
        basket = get_model("basket", "Basket").objects.create(owner=gold)
        strategy = get_class("partner.strategy", "Selector")().strategy(user=gold)
        basket.strategy = set_gates(strategy=strategy, visit=Visit(None, gold))
        for product in (bed, bone):
            basket.add_product(product, 1)
        assert on(use(gold, basket, 500, unit=unit)) == answer

    def test_of_vouchers_takes_the_discount_away_as_soon_as_one_is_typed(self, unit, boris, basket):
        terms(not_with_vouchers=True)
        assert on(use(boris, basket, 500, unit=unit)) == (500, D("15.00"))
        basket.vouchers.add(factories.create_voucher(code="TEN"))
        fresh = reload(boris, basket)
        assert on(fresh)[0] == 0
        assert applied_to(basket=fresh).quote.because.code == "not_with_vouchers"
