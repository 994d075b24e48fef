"""Oscar's own offers for a level: in the basket, in the order, on the dashboard, and gone with the suite."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_class, get_model
from oscar.test.factories import create_order

from loyalty_oscar.program.hooks import program_warnings
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.tiers.conditions import PROXY, keep_in_step, our_conditions
from loyalty_oscar.shop.upkeep.doctor import doctor_checks
from loyalty_oscar.shop.upkeep.uninstall import uninstall_notes, uninstall_steps
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Ladder, Tier
from tests.storefront import TODAY, a_basket, a_product, a_user, buy, day

from .ladders import a_ladder

pytestmark = pytest.mark.django_db
Offer, Benefit, Range = (get_model("offer", name) for name in ("ConditionalOffer", "Benefit", "Range"))


@pytest.fixture
def ladder():
    found = a_ladder()
    keep_in_step()
    return found


def condition(rank):
    return our_conditions().get(value=rank)


def an_offer(rank, benefit, name="For members"):
    return Offer.objects.create(name=name, condition=condition(rank), benefit=benefit)


def percent_off(product, percent=10):
    chosen, _made = Range.objects.get_or_create(name="Beds")
    chosen.add_product(product)
    return Benefit.objects.create(type="Percentage", range=chosen, value=percent)


def free_delivery():
    return Benefit.objects.create(type="Shipping percentage", value=100)


def a_member(worth, email="boris@example.com"):
    user = a_user(email)
    buy(user, (a_product("Old", worth), 1), on=day(3, 1))
    return user


def applied(basket):
    get_class("offer.applicator", "Applicator")().apply(basket, basket.owner)
    return basket


def lowered(user, *things):
    return applied(a_basket(user, *things)).total_discount


class TestAPercentageForALevel:
    @pytest.mark.parametrize(("worth", "off"), [("10.00", "0.00"), ("200.00", "17.80"), ("500.00", "17.80")])
    def test_is_for_that_level_and_higher_ones(self, ladder, worth, off):
        bed = a_product("Bed", "89.00")
        an_offer(2, percent_off(bed))
        assert lowered(a_member(worth), (bed, 2), (a_product("Bone", "5.00"), 1)) == Decimal(off)

    def test_is_not_for_strangers(self, ladder):
        bed = a_product("Bed", "89.00")
        an_offer(1, percent_off(bed))
        assert lowered(None, (bed, 2)) == 0

    def test_stands_in_the_order(self, ladder):
        bed, user = a_product("Bed", "89.00"), a_member("200.00")
        offer = an_offer(2, percent_off(bed))
        with clock.at(TODAY):
            order = create_order(basket=applied(a_basket(user, (bed, 1))), user=user)
        assert order.basket_total_incl_tax == Decimal("80.10")
        assert [(row.offer_id, row.amount) for row in order.discounts.all()] == [(offer.pk, Decimal("8.90"))]

    def test_asks_once_for_the_level_of_a_basket_however_many_offers_there_are(self, ladder):
        bed, user = a_product("Bed", "89.00"), a_member("200.00")
        basket = a_basket(user, (bed, 1))
        for number in range(5):
            an_offer(3, percent_off(bed), name=f"Gold {number}")
        with CaptureQueriesContext(connection) as found:
            applied(basket)
        assert sum("loyalty_tiers" in query["sql"] for query in found) == 1

    def test_ends_with_the_level(self, ladder):
        bed, user = a_product("Bed", "89.00"), a_member("200.00")
        an_offer(2, percent_off(bed))
        get_model("loyalty_tiers", "Standing").objects.all().delete()
        assert lowered(user, (bed, 1)) == 0


class TestFreeDeliveryForALevel:
    @pytest.mark.parametrize(("worth", "left"), [("10.00", "4.50"), ("200.00", "0.00")])
    def test_takes_the_charge_off_the_basket_and_the_order(self, ladder, worth, left):
        an_offer(2, free_delivery())
        user, bone = a_member(worth), a_product("Bone", "5.00")
        basket = applied(a_basket(user, (bone, 1)))
        fixed = get_class("shipping.methods", "FixedPrice")(Decimal("4.50"), Decimal("4.50"))
        repository = get_class("shipping.repository", "Repository")()
        lowered = repository.apply_shipping_offers(basket, [fixed]) if basket.has_shipping_discounts else [fixed]
        method = lowered[0]
        assert method.calculate(basket).incl_tax == Decimal(left)
        with clock.at(TODAY):
            order = create_order(basket=basket, user=user, shipping_method=method)
        assert order.shipping_incl_tax == Decimal(left)


class TestOscarsOfferPages:
    @pytest.fixture
    def staff(self):
        user = a_user("staff@example.com")
        user.is_staff = user.is_superuser = True
        user.save()
        client = Client()
        client.force_login(user)
        return client

    @pytest.mark.filterwarnings("ignore::django.core.paginator.UnorderedObjectListWarning")  # Oscar's own page.
    def test_list_offers_for_levels(self, ladder, staff):
        an_offer(2, free_delivery(), name="Free for Silver")
        page = staff.get(reverse("dashboard:offer-list"))
        assert page.status_code == 200
        assert "Members of level Silver or higher" in page.content.decode()

    def test_offer_each_level_as_a_condition(self, ladder, staff):
        offer = an_offer(2, free_delivery())
        page = staff.get(reverse("dashboard:offer-condition", args=[offer.pk])).content.decode()
        for name in ("Bronze", "Silver", "Gold"):
            assert f"Members of level {name} or higher" in page


class TestTheConditions:
    def test_are_kept_in_step_with_the_ladder(self, ladder):
        assert [int(row.value) for row in our_conditions()] == [1, 2, 3]
        Tier.objects.get(code="gold").delete()
        Tier.objects.create(ladder=ladder, rank=4, code="ruby", name="Ruby", threshold=90_000)
        assert keep_in_step() == 2
        assert [int(row.value) for row in our_conditions()] == [1, 2, 4]
        assert keep_in_step() == 0

    def test_stay_while_an_offer_stands_on_them(self, ladder):
        an_offer(3, free_delivery())
        Tier.objects.get(code="gold").delete()
        assert keep_in_step() == 0
        assert condition(3).offers.count() == 1

    def test_and_their_offers_leave_with_the_feature(self, ladder):
        an_offer(2, free_delivery())
        other = Offer.objects.create(
            name="For all",
            benefit=free_delivery(),
            condition=get_model("offer", "Condition").objects.create(
                type="Count", value=1, range=Range.objects.create(name="All", includes_all_products=True)
            ),
        )
        assert list(uninstall_notes.get("tiers")(names=["earning"])) == []
        assert len(list(uninstall_notes.get("tiers")(names=["tiers"]))) == 1
        assert list(uninstall_steps.get("tiers")(names=["earning"])) == []
        assert list(uninstall_steps.get("tiers")(names=["tiers"])) == [
            "conditions for levels: 3 gone, offers that stood on them: 1"
        ]
        assert list(Offer.objects.all()) == [other]
        assert not get_model("offer", "Condition").objects.filter(proxy_class=PROXY).exists()

    def test_are_missed_by_the_doctor(self, ladder):
        our_conditions().filter(value=2).delete()
        told = [finding.text for finding in doctor_checks.get("level-offers")(at=TODAY)]
        assert told == ["Oscar's offer pages do not know level 2"]
        keep_in_step()
        assert list(doctor_checks.get("level-offers")(at=TODAY)) == []


class TestTheDoctor:
    def findings(self):
        return [(row.level.name, row.text) for row in doctor_checks.get("levels")(at=TODAY)]

    def test_is_content_with_a_ladder_that_holds(self, ladder):
        assert [level for level, _text in self.findings()] == ["OK"]

    def test_says_nothing_without_one(self):
        assert self.findings() == []

    def test_finds_levels_that_do_not_rise(self, ladder):
        Tier.objects.filter(code="gold").update(threshold=15_000)
        assert self.findings() == [("ERROR", "level 3 of “Paw Club”: This must take more than Silver below it.")]

    def test_finds_a_metric_that_nobody_registers(self, ladder):
        Ladder.objects.update(metric="smiles")
        assert self.findings()[0][0] == "ERROR"

    def test_finds_orders_in_a_currency_that_counts_nothing(self, ladder):
        order = buy(a_user(), (a_product("Bed", "20.00"), 1), on=day(5, 1))
        type(order).objects.filter(pk=order.pk).update(currency="CHF")
        assert self.findings() == [("WARNING", "1 orders of 90 days in CHF count nothing for a level")]


class TestTheWarningsOfAProgram:
    def test_say_that_there_are_no_levels(self, ladder):
        Tier.objects.all().delete()
        forget_cache()
        said = list(program_warnings.get("tiers")(program=Program.objects.get(), at=TODAY))
        assert said == ["There are no levels yet, so nobody climbs."]
