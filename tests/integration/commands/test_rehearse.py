"""`loyalty_doctor --rehearse`: the store's own code sells one thing, and nothing of it stays."""

import json
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from oscar.apps.checkout.calculators import OrderTotalCalculator
from oscar.apps.offer.applicator import Applicator
from oscar.apps.order.processing import EventHandler
from oscar.apps.order.signals import order_placed
from oscar.apps.order.utils import OrderCreator
from oscar.apps.partner import strategy
from oscar.core import prices
from oscar.core.loading import get_class, get_model

from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.orders import changes
from loyalty_oscar.shop.rehearsal import forks, rehearsal_parts
from loyalty_oscar.testing.factories import RewardFactory
from tests.integration.commands.calling import manage
from tests.points import points_club
from tests.storefront import a_club, a_product

pytestmark = pytest.mark.django_db


def everything():
    """Every row of the shop and of ours, to compare before and after; sequences are not rows."""
    rows = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
                rows[model._meta.db_table] = sorted(map(str, cursor.fetchall()))
    return rows


def rehearsed(*more):
    """The rehearsal in JSON; nothing may stay of it."""
    before = everything()
    said = manage("doctor --rehearse --json", *more)
    assert everything() == before
    assert mail.outbox == []
    return said.code, json.loads(said.out)


def expect_no_play(words, *more):
    """Assert that a rehearsal is refused in one line that holds these words, and leaves everything as it was."""
    before = everything()
    said = manage("doctor --rehearse", *more)
    assert (said.code, said.out) == (1, "")
    assert words in said.err
    assert "\n" not in said.err
    assert everything() == before


def numbers(told):
    """What was said of each number, by its words."""
    return {number["what"]: number["got"] for number in told["numbers"]}


@pytest.fixture
def bites():
    return a_product("Liver bites", "24.90")


@pytest.fixture
def forked(monkeypatch):
    """Put a class of the store in the place of one of Oscar's, as a fork of its app does."""
    loading = __import__("oscar.core.loading", fromlist=["get_classes"])
    known, found = {}, loading.get_classes

    def get_classes(module_label, classnames, module_prefix="oscar.apps"):
        theirs = found(module_label, classnames, module_prefix)
        return [known.get((module_label, name), klass) for name, klass in zip(classnames, theirs, strict=True)]

    monkeypatch.setattr(loading, "get_classes", get_classes)

    def put(module_label, klass, name):
        known[module_label, name] = klass

    return put


class TestAShopWhoseNumbersAgree:
    def test_is_told_each_of_them(self, club, bites):
        code, told = rehearsed()
        assert (code, told["ok"], told["departs"]) == (0, True, None)
        assert numbers(told) == {
            "2 x Liver bites in the basket": "49.80 EUR",
            "points set aside": "2490",
            "taken off the basket for 2490 points": "24.90 EUR",
            "points charged": "2490",
            "points used by an order placed without its user": "2490",
            "delivery (Free shipping)": "0.00 EUR",
            "total to pay": "24.90 EUR",
            "total of the order": "24.90 EUR",
            "lines of the order": "24.90 EUR",
            "tax of its lines": "0.00 EUR",
            "discount of points on the order": "24.90 EUR",
            "points used": "2490",
            "points still set aside": "0",
            "points earned": "24",
            "units returned": "1",
            "points returned with a unit": "1245",
            "points taken back with a unit": "12",
        }

    def test_reads_one_number_a_line(self, club, bites):
        said = manage("doctor --rehearse")
        assert (said.code, said.err) == (0, "")
        lines = said.out.splitlines()
        assert lines[0] == "ok      2 x Liver bites in the basket: 49.80 EUR"
        assert lines[-1] == "All numbers agree. Everything was rolled back."
        assert len(lines) == 18, said.out

    def test_may_add_tax(self, club, bites, forked, settings):
        class Selector:
            def strategy(self, request=None, user=None, **kwargs):
                return strategy.UK(request)

        forked("partner.strategy", Selector, "Selector")
        for settings.OSCAR_OFFERS_INCL_TAX in (False, True):
            code, told = rehearsed()
            found = numbers(told)
            assert (code, found["2 x Liver bites in the basket"]) == (0, "59.76 EUR")
            assert (found["total of the order"], found["tax of its lines"]) == ("29.88 EUR", "4.98 EUR")

    def test_may_have_limits_of_its_own(self, bites):
        points_club(share=50, step=100, minimum=200)
        found = numbers(rehearsed()[1])
        assert (found["points set aside"], found["points used"]) == ("1200", "1200")

    def test_may_sell_one_piece_only(self, club):
        product = a_product("The last bowl", "10.00")
        product.stockrecords.update(num_in_stock=1)
        code, told = rehearsed()
        assert (code, numbers(told)["points returned with a unit"]) == (0, "500")

    def test_may_let_nobody_use_points(self, bites):
        a_club()
        code, told = rehearsed()
        assert (code, numbers(told)["points that this basket takes"]) == (
            0,
            "0 (nobody can use any: see “limits of use”)",
        )
        assert numbers(told)["total of the order"] == "49.80 EUR"

    def test_may_have_a_draft_that_stays_one(self, bites):
        manage("setup")
        assert rehearsed()[0] == 0
        assert Program.objects.get().state == "draft"

    def test_whose_draft_goes_live_for_the_play_has_no_order_of_a_customer_counted_in_it(self, bites, monkeypatch):
        a_club(is_default=False)
        manage("setup --code second")
        looked = []
        monkeypatch.setattr(changes, "look_at_waiting", lambda **told: looked.append(told))
        assert rehearsed()[0] == 0
        assert looked == []
        Program.objects.get(code="second").save()
        assert len(looked) == 1

    @pytest.mark.parametrize("kind", ["off", "product"])
    def test_may_have_rewards_for_the_basket(self, club, bites, kind):
        params = {"off": {"amount": 500}, "product": {"products": [a_product("Mug", "9.90").pk], "pieces": 1}}[kind]
        reward = RewardFactory(program=Program.objects.get(), kind=kind, params=params, name="Yours")
        code, told = rehearsed()
        said = {row["what"]: (row["got"], row["expected"]) for row in told["numbers"]}
        total = {"off": "44.80 EUR", "product": "49.80 EUR"}[kind]
        assert said[f"the basket with the reward “{reward.name}”"] == (total, total)
        assert said["rewards used by the order"] == ("1", "1")
        assert (code, told["ok"]) == (0, True)

    def test_may_have_a_reward_that_counts_in_another_currency_alone(self, club, bites):
        told = {"program": Program.objects.get(), "kind": "off", "params": {"amount": 500}}
        RewardFactory(**told, name="Yours", price=9)
        bites.stockrecords.update(price_currency="CHF")
        assert not [row for row in rehearsed()[1]["numbers"] if "Yours" in row["what"]]

    def test_may_list_no_feature_at_all(self, club, bites, monkeypatch):
        monkeypatch.setattr(rehearsal_parts, "items", list)
        code, told = rehearsed()
        assert code == 0
        assert "total of the order" in numbers(told)
        assert not any("points" in what for what in numbers(told))

    def test_is_sold_what_is_asked_for(self, club, bites):
        other = a_product("Rope toy", "6.50")
        type(other).objects.filter(pk=other.pk).update(upc="rope-1")
        told = rehearsed("--product", other.pk)[1]
        assert (told["product"], told["numbers"][0]["got"]) == (f"Rope toy ({other.pk})", "13.00 EUR")
        assert rehearsed("--product", "rope-1")[1]["product"] == told["product"]


class TestAFork:
    def departs(self, where):
        code, told = rehearsed()
        assert code == 1
        assert told["ok"] is False
        assert f"{__name__}." in told["departs"]["method"]
        assert where in told["departs"]["method"]
        assert __file__ in told["departs"]["method"]
        return told["departs"]["what"]

    def test_that_forgets_our_offer_is_named(self, club, bites, forked):
        class OwnApplicator(Applicator):
            def get_site_offers(self):
                return super().get_site_offers().filter(priority__gte=0)

        forked("offer.applicator", OwnApplicator, "Applicator")
        assert self.departs("OwnApplicator.get_site_offers") == "taken off the basket for 2490 points"

    def test_that_drops_the_discount_from_the_order_is_named(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def create_discount_model(self, order, discount):
                pass

        forked("order.utils", OwnCreator, "OrderCreator")
        assert self.departs("OwnCreator.create_discount_model") == "discount of points on the order"

    def test_that_writes_lines_without_discounts_is_named(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def create_line_models(self, order, basket_line, extra_line_fields=None):
                line = super().create_line_models(order, basket_line, extra_line_fields)
                line.line_price_incl_tax = basket_line.line_price_incl_tax
                line.save()
                return line

        forked("order.utils", OwnCreator, "OrderCreator")
        assert self.departs("OwnCreator.create_line_models") == "lines of the order"

    def test_that_calls_no_deferred_benefit_is_named(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def place_order(self, basket, total, *args, **kwargs):
                basket.offer_applications.applications.clear()
                return super().place_order(basket, total, *args, **kwargs)

        forked("order.utils", OwnCreator, "OrderCreator")
        assert self.departs("OwnCreator.place_order") == "discount of points on the order"

    def test_that_adds_tax_to_the_total_again_is_named(self, club, bites, forked):
        class OwnTotals(OrderTotalCalculator):
            def calculate(self, basket, shipping_charge, surcharges=None, **kwargs):
                more = basket.total_incl_tax * Decimal("1.2")
                return prices.Price(currency=basket.currency, excl_tax=basket.total_excl_tax, incl_tax=more)

        forked("checkout.calculators", OwnTotals, "OrderTotalCalculator")
        assert self.departs("OwnTotals.calculate") == "total to pay"

    def test_that_keeps_the_tax_of_the_full_price_is_named(self, club, bites, forked, monkeypatch):
        class Selector:
            def strategy(self, request=None, user=None, **kwargs):
                return strategy.UK(request)

        class OwnCreator(OrderCreator):
            def create_line_models(self, order, basket_line, extra_line_fields=None):
                line = super().create_line_models(order, basket_line, extra_line_fields)
                line.line_price_excl_tax = line.line_price_incl_tax - basket_line.line_tax - Decimal("4.98")
                line.save()
                return line

        forked("partner.strategy", Selector, "Selector")
        forked("order.utils", OwnCreator, "OrderCreator")
        assert self.departs("OwnCreator.create_line_models") == "tax of its lines"

    def test_that_writes_no_event_is_named(self, club, bites, forked):
        class OwnHandler(EventHandler):
            def handle_shipping_event(self, order, event_type, lines, line_quantities, **kwargs):
                pass

        forked("order.processing", OwnHandler, "EventHandler")
        assert self.departs("OwnHandler.handle_shipping_event") == "units returned"

    def test_that_fails_is_named_with_its_words(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def place_order(self, *args, **kwargs):
                get_model("order", "Order").objects.create(number=None)

        forked("order.utils", OwnCreator, "OrderCreator")
        assert self.departs("OwnCreator.place_order") == "placing the order"
        assert "IntegrityError" in rehearsed()[1]["numbers"][-1]["got"]

    def test_is_said_in_one_line_after_the_numbers(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def create_discount_model(self, order, discount):
                pass

        forked("order.utils", OwnCreator, "OrderCreator")
        said = manage("doctor --rehearse")
        assert said.code == 1
        assert "DEPARTS discount of points on the order: 0.00 EUR, expected 24.90 EUR" in said.out
        assert said.err.startswith("discount of points on the order: 0.00 EUR, not 24.90 EUR: tests.")
        assert "\n" not in said.err

    def test_that_only_passes_on_is_none_that_departs(self, club, bites, forked):
        class OwnCreator(OrderCreator):
            def place_order(self, *args, **kwargs):
                return super().place_order(*args, **kwargs)

        forked("order.utils", OwnCreator, "OrderCreator")
        assert rehearsed()[0] == 0

    def test_is_found_as_method_property_or_in_no_place(self):
        class Own(OrderCreator):
            @property
            def total(self):
                return 0

        assert "Own.total" in forks.first_fork(path=[(Own, ["place_order", "nowhere", "total"])])
        assert forks.first_fork(path=[(OrderCreator(), ["place_order"])]) == ""


class TestNothingLeavesTheHouse:
    def test_no_mail_no_receiver_and_nothing_after_commit(self, club, bites, forked):
        called = []

        class OwnCreator(OrderCreator):
            def place_order(self, *args, **kwargs):
                mail.send_mail("Thank you", "It is on its way.", "shop@example.com", ["office@example.com"])
                transaction.on_commit(lambda: called.append("after commit"))
                return super().place_order(*args, **kwargs)

        @receiver([order_placed, post_save])
        def tell_the_warehouse(sender, **kwargs):
            called.append(sender)

        forked("order.utils", OwnCreator, "OrderCreator")
        try:
            code, told = rehearsed()
            assert (code, called) == (0, [])
            assert [name for name in told["left_out"] if "tell_the_warehouse" in name]
            assert "not called, so that nothing leaves the house" in manage("doctor --rehearse").out
            get_user_model().objects.create_user(username="later", email="later@example.com")
            assert called == [get_user_model()]
        finally:
            order_placed.disconnect(tell_the_warehouse)
            post_save.disconnect(tell_the_warehouse)

    @pytest.mark.django_db(transaction=True)
    def test_nothing_stays_outside_of_a_test_that_rolls_back(self, club, bites):
        assert rehearsed()[0] == 0
        assert not connection.in_atomic_block


class TestARefusal:
    @pytest.mark.parametrize("prepare", ["nothing", "hidden", "empty", "unpriced"])
    def test_is_a_shop_that_sells_nothing(self, club, prepare):
        product = a_product() if prepare != "nothing" else None
        if prepare == "hidden":
            type(product).objects.update(is_public=False)
        elif prepare == "empty":
            product.stockrecords.update(num_in_stock=0)
        elif prepare == "unpriced":
            product.stockrecords.update(price=None)
        expect_no_play("the shop has no product to sell")

    def test_is_a_shop_without_a_program(self, bites):
        expect_no_play("there is no program for this site yet; run `manage.py loyalty_setup` first")

    def test_is_a_program_that_pauses(self, club, bites):
        Program.objects.update(state="paused")
        expect_no_play("is paused; only a live one is rehearsed")

    @pytest.mark.parametrize("product", ["999", "no-such-upc"])
    def test_is_a_product_that_is_not_there(self, club, bites, product):
        expect_no_play(f"the product {product!r} is not on sale", "--product", product)

    def test_is_a_product_without_a_rehearsal(self, club, bites):
        said = manage("doctor --product 1")
        assert (said.code, said.err) == (2, "--product goes with --rehearse")

    def test_is_a_customer_that_the_shop_cannot_make(self, club, bites, forked):
        class Selector:
            def strategy(self, request=None, user=None, **kwargs):
                return request.session["country"]

        forked("partner.strategy", Selector, "Selector")
        expect_no_play("no basket can be filled: KeyError: 'country'")


class TestTheWayOfARehearsal:
    def test_names_only_what_oscar_has(self):
        """A misspelled name would never find a fork."""
        homes = {
            "PRICES": [strategy.Base, strategy.UK, strategy.FixedRateTax],
            "OFFERS": [Applicator],
            "OFFER": [get_model("offer", "ConditionalOffer")],
            "BASKET": [get_model("basket", "Basket")],
            "LINE": [get_model("basket", "Line")],
            "SHIPPING": [get_class("shipping.repository", "Repository")],
            "TOTALS": [OrderTotalCalculator],
            "ORDERS": [OrderCreator],
            "SAVED": [get_model("order", "Order"), get_model("order", "Line")],
            "RETURNS": [EventHandler],
        }
        lost = {
            name
            for names, classes in homes.items()
            for name in getattr(forks, names)
            if not any(hasattr(klass, name) for klass in classes)
        }
        assert lost == set()
