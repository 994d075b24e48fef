"""Staff close one of our offers of rewards while somebody pays with one: what was shown is kept, and nothing else."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.shop.redemption.offer import UNDER_WAY
from loyalty_oscar.shop.redemption.rewards import doctor
from loyalty_oscar.shop.redemption.rewards.offers import OFFERS, offers_of
from loyalty_oscar.shop.upkeep.doctor import Level
from tests.points import a_member_with, points_club, reload
from tests.points import pay as place
from tests.rewards import a_reward, have, put_on, state
from tests.storefront import TODAY, a_basket, a_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Offer = get_model("offer", "ConditionalOffer")


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


@pytest.fixture
def mug(unit):
    return a_product("Mug", "9.90")


@pytest.fixture(params=["off", "product"])
def paying(request, unit, boris, mug, django_capture_on_commit_callbacks):
    """A basket of 24.90 that is being paid for, with 5.00 off or a mug as a gift."""
    told = {"off": {"amount": 500}, "product": {"products": [mug.pk]}}[request.param]
    claim = have(boris, a_reward(unit, request.param, **told))
    basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
    with django_capture_on_commit_callbacks(execute=True):
        basket.freeze()
    basket.kind, basket.claim = request.param, claim
    return basket


def suspended(offer):
    offer.suspend()


def over(offer):
    offer.end_datetime = timezone.now() - timedelta(days=1)
    offer.save()


def deleted(offer):
    offer.delete()


def keepers():
    return Offer.objects.filter(name__endswith=UNDER_WAY)


@pytest.mark.parametrize("close", [suspended, over, deleted])
class TestAPayment:
    def test_gets_what_was_shown_and_nobody_else_does(self, unit, boris, paying, close):
        right = {"off": D("19.90"), "product": D("24.90")}[paying.kind]
        other = have(boris, a_reward(unit, "off", amount=100))
        close(offers_of(kind=paying.kind).get())
        assert keepers().count() == 1
        basket = reload(boris, paying)
        assert basket.total_incl_tax == right
        order = place(basket)
        assert (order.total_incl_tax, state(paying.claim)) == (right, "used")
        late = a_basket(boris, (a_product(price="30.00"), 1))
        if paying.kind == "off":
            assert put_on(boris, late, other).total_incl_tax == D("30.00")

    def test_is_told_apart_from_the_offer_that_the_doctor_looks_at(self, paying, close):
        close(offers_of(kind=paying.kind).get())
        assert keepers().get().priority == OFFERS[paying.kind].keeper
        found = [one for one in doctor.offers(at=TODAY) if one.level == Level.ERROR]
        assert len(found) == 1


class TestNobodyWhoPays:
    def test_makes_no_second_offer(self, unit, boris):
        have(boris, a_reward(unit, "off", amount=500))
        offers_of(kind="off").get().suspend()
        assert not keepers().exists()

    def test_and_the_second_does_nothing_beside_the_first(self, unit, boris, paying):
        offer = offers_of(kind=paying.kind).get()
        offer.suspend()
        offer.unsuspend()
        basket = reload(boris, paying)
        assert len({d.offer.pk for line in basket.all_lines() for d in line.discounts}) == 1
        assert place(basket).discounts.count() == 1
