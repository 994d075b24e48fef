"""What the storefront costs, against the same pages of the same shop while no program serves it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from tests.integration.exclusives.sales import searching_tables
from tests.storefront import a_basket, a_club, a_product, a_user, buy, day, dog_beds, fill, first_order_bonus, variants

pytestmark = pytest.mark.django_db
ORDERS = "/accounts/orders/"


@pytest.fixture(autouse=True)
def lists():
    """Lists of products hold products."""
    with searching_tables():
        yield


@pytest.fixture
def shop():
    """A shop with all kinds of rules, a member with a basket, and products."""
    unit = a_club()
    bed = a_product("Bed", "89.00")
    dog_beds(unit, bed)
    first_order_bonus(unit)
    user = a_user()
    buy(user, (bed, 1), on=day(5, 1))
    a_basket(user, (bed, 1), *((a_product(f"Thing {number}", "7.00"), 1) for number in range(4)))
    bone = a_product("Bone", "3.00")
    return {
        "bed": bed.get_absolute_url(),
        "bone": bone.get_absolute_url(),
        "toy": variants("20.00", "29.00").get_absolute_url(),
        "user": user,
    }


def asked(client, address):
    """How many questions a page puts to the database."""
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


def visitor(user=None):
    client = Client()
    if user:
        client.force_login(user)
    return client


def without(client, address):
    """How many it asks while no program serves the site."""
    Program.objects.update(state="draft")
    forget_cache()
    asked(client, address)
    found = asked(client, address)
    Program.objects.update(state="live")
    forget_cache()
    return found


def more(address, user=None, seen=()):
    """How many queries more a page asks with a program: at first (after the pages `seen`), and from then on."""
    client = visitor(user)
    plain = without(client, address)
    for page in seen:
        asked(visitor(), page)
    return asked(client, address) - plain, asked(client, address) - plain


class TestPagesForStrangers:
    @pytest.mark.parametrize("name", ["list", "bed", "toy"])
    def test_ask_the_database_nothing_more(self, shop, name):
        assert more({"list": "/catalogue/"}.get(name) or shop[name])[1] <= 0

    @pytest.mark.parametrize("badge", ["render", "fetch"])
    def test_carry_the_same_headers(self, shop, settings, badge):
        settings.LOYALTY_BADGE = badge
        found = []
        for state in ("draft", "live"):
            Program.objects.update(state=state)
            forget_cache()
            response = visitor().get(shop["bed"])
            found.append(
                (response.headers.get("vary"), sorted(response.cookies), response.headers.get("cache-control"))
            )
        assert found[0] == found[1]

    def test_ask_once_for_all_cards_of_a_list_which_products_a_rule_is_for(self, shop):
        few = more("/catalogue/")[0]
        for number in range(12):
            a_product(f"More {number}", "7.00")
        assert (more("/catalogue/")[0], few) == (few, few)


class TestPagesWhereARuleHasLimits:
    """A budget for all and what a member may have are read with one question, as fresh as points are."""

    @pytest.fixture
    def limited(self, shop):
        def saved(*codes):
            narrowed = [{"code": code, "params": {"points": 500}} for code in codes]
            told = {"code": "limited", "name": "Limited", "type": "per-unit", "params": {"points": 3}}
            unit = Program.objects.get().unit
            save_rule(unit=unit, actor="system", at=day(1, 1), narrowed=narrowed, **told)
            forget_cache()
            return shop

        return saved

    @pytest.mark.parametrize("page", ["/catalogue/", "bed", "toy", "basket"])
    @pytest.mark.parametrize("codes", [["budget"], ["cap-per-day"], ["cap-per-member", "cap-per-month", "budget"]])
    def test_ask_members_one_question_more(self, limited, page, codes):
        shop = limited()
        address = {"basket": reverse("basket:summary")}.get(page) or shop.get(page, page)
        before = more(address, shop["user"])[1]
        limited(*codes)
        buy(shop["user"], (a_product("Lead"), 1), on=day(5, 2))
        assert more(address, shop["user"])[1] == before + 1

    @pytest.mark.parametrize("page", ["/catalogue/", "bed", "toy", "/loyalty/how-it-works/"])
    @pytest.mark.parametrize(("codes", "times"), [(["budget", "cap-per-day"], 1), (["cap-per-day"], 0)])
    def test_ask_strangers_one_for_a_budget_alone(self, limited, page, codes, times):
        shop = limited()
        client = visitor()
        asked(client, shop.get(page, page))
        before = asked(client, shop.get(page, page))
        limited(*codes)
        asked(client, shop.get(page, page))
        assert asked(client, shop.get(page, page)) == before + times

    def test_stay_as_cacheable_for_strangers(self, limited):
        found = []
        for codes in ([], ["budget", "cap-per-day"]):
            response = visitor().get(limited(*codes)["bed"])
            found.append(
                (response.headers.get("vary"), sorted(response.cookies), response.headers.get("cache-control"))
            )
        assert found[0] == found[1]


class TestPagesForMembers:
    @pytest.mark.parametrize(("address", "times"), [("/catalogue/", 1), ("/accounts/profile/", 1), (ORDERS, 2)])
    def test_ask_once_more_and_of_orders_once_what_they_bring(self, shop, address, times):
        cold, warm = more(address, shop["user"])
        assert warm == times
        # Once a minute: which program serves the site, its levels, member prices and sales; for a list also the rules,
        # and the products that they are for.
        assert cold <= (10 if address == "/catalogue/" else 5) + times

    @pytest.mark.parametrize("name", ["bed", "toy"])
    def test_ask_no_more_for_a_product_than_without_us(self, shop, name):
        assert more(shop[name], shop["user"])[1] <= 0  # Oscar finds the stock records that we loaded.

    @pytest.mark.parametrize("name", ["bed", "toy"])
    def test_ask_at_most_thrice_more_for_a_product_that_nobody_looked_at_yet(self, shop, name):
        assert more(shop[name], shop["user"], seen=[shop["bone"]])[0] <= 3

    def test_ask_five_times_more_where_the_process_remembers_nothing_and_no_rule_asks_for_products(self, shop):
        Rule.objects.get(code="double").versions.all().delete()
        # One of them for what points are worth, one for whether they ordered before.
        assert more(shop["bed"], shop["user"])[0] <= 5

    def test_ask_a_few_more_once_a_minute_to_learn_which_products_a_rule_is_for(self, shop):
        assert more(shop["bed"], shop["user"])[0] <= 11

    def test_ask_twice_more_for_a_basket_of_any_size(self, shop):
        address = reverse("basket:summary")
        assert more(address, shop["user"])[1] == 2
        fill(shop["user"].baskets.get(status="Open"), *((a_product(f"New {n}", "3.00"), 1) for n in range(5)))
        assert more(address, shop["user"])[1] == 2
