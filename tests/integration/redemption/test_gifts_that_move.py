"""Gifts in the basket, and everything that becomes of baskets and products: never paid in silence, never lost."""

import pytest
from django.test import Client
from oscar.core.loading import get_model

from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.storefront.offer_hooks import RewardUnavailable
from loyalty_oscar.shop.storefront.visit import Visit
from tests.points import a_member_with, pay, points_club, reload
from tests.rewards import a_reward, fresh, have, put_on, state, why
from tests.storefront import TODAY, a_basket, a_product, a_user, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Basket, Line = get_model("basket", "Basket"), get_model("basket", "Line")


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


@pytest.fixture
def mug(unit):
    return a_product("Mug", "9.90")


@pytest.fixture
def claim(unit, boris, mug):
    return have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1))


@pytest.fixture
def basket(boris, claim):
    """Goods for 20.00, and the mug for nothing."""
    return put_on(boris, a_basket(boris, (a_product(price="20.00"), 1)), claim)


def gift_of(basket):
    return next(line for line in basket.all_lines() if line.attributes.exists())


def is_for_sale(basket):
    """Whether Oscar's checkout would sell the gift's line."""
    line = gift_of(basket)
    return line.purchase_info.availability.is_purchase_permitted(line.quantity)[0]


class TestAGift:
    def test_that_sells_out_stops_the_checkout_and_its_reward_stays(self, boris, basket, mug, claim):
        assert is_for_sale(basket)
        mug.stockrecords.update(num_in_stock=0)
        assert not is_for_sale(reload(boris, basket))
        assert state(claim) == "open"

    def test_of_a_deleted_product_is_said_to_be_gone_and_its_reward_stays(self, unit, boris, basket, mug, claim):
        mug.delete()
        basket = reload(boris, basket)
        assert (basket.num_items, why(basket)) == (1, ["gift_not_in_basket"])
        order = pay(basket)
        assert (order.total_incl_tax, state(claim)) == (20, "open")

    def test_whose_line_is_taken_out_is_not_used(self, boris, basket, claim):
        gift_of(basket).delete()
        basket = reload(boris, basket)
        assert why(basket) == ["gift_not_in_basket"]
        pay(basket)
        assert state(claim) == "open"

    def test_goes_along_where_its_basket_is_merged_into_another(
        self, boris, basket, claim, django_capture_on_commit_callbacks
    ):
        other = a_basket(boris, (a_product("Bone", "5.00"), 1))
        with django_capture_on_commit_callbacks(execute=True):
            other.merge(basket, add_quantities=False)
        other = reload(boris, other)
        assert (other.num_items, other.total_incl_tax) == (3, 25)
        pay(other)
        assert state(claim) == "used"

    def test_that_is_ordered_again_is_not_sold_without_a_reward(self, boris, basket, claim):
        order = pay(basket)
        again = a_basket(boris)
        set_gates(strategy=again.strategy, visit=Visit(None))
        for line in order.lines.all():
            options = [{"option": one.option, "value": one.value} for one in line.attributes.all()]
            again.add_product(line.product, line.quantity, options)
        again = reload(boris, again)
        assert not is_for_sale(again)
        with pytest.raises(RewardUnavailable):
            pay(again)

    def test_that_is_saved_for_later_is_bought_by_nobody(self, boris, basket, claim):
        saved = Basket.saved.create(owner=boris)
        saved.strategy = basket.strategy
        saved.merge_line(gift_of(basket))
        assert why(reload(boris, basket)) == ["gift_not_in_basket"]
        assert not is_for_sale(saved)
        assert put_on(boris, basket, claim).total_incl_tax == 20

    def test_of_an_order_that_is_declined_can_be_used_with_the_next(self, boris, basket, claim):
        order = pay(basket)
        order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=TODAY)
        again = put_on(boris, a_basket(boris, (a_product(price="30.00"), 1)), claim)
        assert again.total_incl_tax == 30
        pay(again)
        assert (state(claim), fresh(claim).number) == ("used", 1)

    def test_is_nothing_to_somebody_who_takes_the_basket_over(self, unit, boris, basket, claim):
        stranger = a_user("anna@example.com")
        Basket.objects.filter(pk=basket.pk).update(owner=stranger)
        basket = reload(stranger, basket)
        assert not is_for_sale(basket)
        assert state(claim) == "open"

    def test_is_said_on_the_page_to_be_covered_by_nothing(self, boris, basket, claim):
        Claim.objects.update(state="back")
        client = Client()
        client.force_login(boris)
        page = text_of(client.get("/basket/"))
        assert "No reward pays for this gift. Take it out of the basket." in page
        assert Line.objects.count() == 2
