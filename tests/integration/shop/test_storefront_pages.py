"""What the shop's own pages say of points: badge, product, basket, thank-you page, rules in plain words."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, RequestContext, Template
from django.test import override_settings
from django.urls import reverse

import loyalty_oscar
from loyalty_oscar.program.models import Program, TermsVersion
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RuleFactory
from tests.integration.exclusives.sales import searching_tables
from tests.integration.tiers.ladders import a_ladder
from tests.orders import imported
from tests.storefront import (
    TODAY,
    a_basket,
    a_club,
    a_product,
    a_user,
    boris,
    buy,
    day,
    dog_beds,
    first_order_bonus,
    numbers,
    text_of,
    variants,
)

pytestmark = pytest.mark.django_db
CATALOGUE = reverse("catalogue:index")
BADGE = f'class="loyalty-badge" href="{reverse("loyalty:overview")}"'
OURS = re.compile(r"loyalty|\bpaws?\b", re.IGNORECASE)


@pytest.fixture
def visit(client):
    """A page of the shop on 6 May 2026, as somebody or as a stranger."""

    def get(address, user=None):
        if user:
            client.force_login(user)
        with clock.at(TODAY):
            return client.get(address)

    return get


@pytest.fixture
def thanks(client):
    """The thank-you page of an order, in the session that placed it."""

    def get(order, user=None):
        if user:
            client.force_login(user)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        with clock.at(TODAY):
            return client.get(reverse("checkout:thank-you"))

    return get


class TestTheBadge:
    def test_shows_what_is_ready_once_long_and_once_short(self, visit):
        a_club()
        response = visit("/catalogue/", boris())
        assert numbers(response, "available") == [222, 222]
        page = response.content.decode()
        assert page.count(f'class="loyalty-badge" href="{reverse("loyalty:overview")}"') == 2
        assert re.search(r'd-none d-lg-flex[^>]*><a class="loyalty-badge"', page)
        assert re.search(r'd-lg-none[^>]*><a class="loyalty-badge"', page)

    def test_shows_nought_to_who_has_not_ordered_yet(self, visit):
        a_club()
        assert numbers(visit("/catalogue/", a_user()), "available") == [0, 0]

    def test_shows_strangers_nothing(self, visit):
        a_club()
        assert BADGE not in visit("/catalogue/").content.decode()

    def test_shows_nothing_to_who_has_not_joined(self, visit):
        a_club(enrolment="opt-in")
        assert BADGE not in visit("/catalogue/", a_user()).content.decode()

    def test_speaks_the_language_of_the_visitor(self, client):
        polish = {"one": "łapka", "few": "łapki", "many": "łapek"}
        a_club(unit__names={"en": {"one": "paw", "other": "paws"}, "pl": polish})
        client.force_login(boris())
        response = client.get("/catalogue/", headers={"accept-language": "pl"})
        assert "222 łapki" in text_of(response)

    def test_holds_still_where_the_ledger_fails(self, visit, monkeypatch, caplog):
        a_club()
        user = boris()
        broken = "loyalty_oscar.shop.storefront.visit.membership_of_user"
        monkeypatch.setattr(broken, lambda **kwargs: (_ for _ in ()).throw(RuntimeError("the ledger is away")))
        response = visit("/catalogue/", user)
        assert response.status_code == 200
        assert "loyalty-badge" not in response.content.decode()
        assert "a page goes without its loyalty_badge" in caplog.text


class TestAFetchedBadge:
    @pytest.fixture(autouse=True)
    def fetching(self, settings):
        settings.LOYALTY_BADGE = "fetch"

    def test_leaves_the_same_page_for_everybody(self, visit):
        a_club()
        rich = visit("/catalogue/", boris()).content.decode()
        poor = visit("/catalogue/", a_user("new@example.com")).content.decode()
        secret = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|created" content="[^"]*"')
        assert secret.sub("", rich) == secret.sub("", poor)
        assert "222" not in rich
        assert f'data-loyalty-fetch="{reverse("loyalty:badge")}"' in rich
        assert "loyalty/badge.js" in rich

    def test_is_answered_privately(self, visit):
        a_club()
        response = visit(reverse("loyalty:badge"), boris())
        assert response.json() == {"value": 222, "number": "222", "points": "222\xa0paws"}
        assert response["Cache-Control"] == "private, no-store"

    def test_is_no_answer_for_strangers(self, visit):
        a_club()
        response = visit(reverse("loyalty:badge"))
        assert (response.status_code, response.content) == (204, b"")
        assert response["Cache-Control"] == "private, no-store"

    def test_is_no_answer_without_a_program(self, visit):
        assert visit(reverse("loyalty:badge"), a_user()).status_code == 204


class TestTheProductPage:
    def test_says_what_the_product_brings_and_why(self, visit):
        a_club()
        response = visit(a_product(price="24.90").get_absolute_url())
        said = text_of(response)
        assert "Earn 24 paws = €0.24 Why 24? Goods, after discounts €24.90 1 paw for each €1.00 24.90" in said
        assert "ready 14 days after delivery" in said
        assert numbers(response, "earn") == [24]

    def test_says_from_what_to_what_for_variants(self, visit):
        a_club()
        said = text_of(visit(variants("20.00", "29.90").get_absolute_url()))
        assert "Earn 20 to 29 paws It depends on which one you choose." in said

    def test_counts_product_sets(self, visit):
        unit, bed, bone = a_club(), a_product("Bed", "89.00"), a_product("Bone", "3.00")
        dog_beds(unit, bed)
        assert "Earn 178 paws" in text_of(visit(bed.get_absolute_url()))
        assert "Double on dog beds: 100 % more +89.00" in text_of(visit(bed.get_absolute_url()))
        assert "Earn 3 paws" in text_of(visit(bone.get_absolute_url()))

    @pytest.mark.parametrize(("who", "more"), [("a stranger", [20]), ("a newcomer", [20]), ("a customer", [])])
    def test_says_beside_it_what_a_first_order_brings_as_the_basket_does(self, visit, who, more):
        first_order_bonus(a_club())
        product = a_product(price="24.90")
        user = None if who == "a stranger" else a_user()
        if who == "a customer":
            buy(user, (product, 1), on=day(5, 1))
        page = visit(product.get_absolute_url(), user)
        assert (numbers(page, "earn"), numbers(page, "earn-more"), numbers(page, "earn-all")) == ([24], more, [])
        assert ("Plus 20 paws for a first order" in text_of(page)) == bool(more)
        if user:
            a_basket(user, (product, 1))
            assert numbers(visit(reverse("basket:summary"), user), "earn") == [24 + sum(more)]

    @pytest.mark.parametrize(("least", "more"), [(2000, [20]), (2001, [])])
    def test_promises_for_a_first_order_only_what_each_variant_brings(self, visit, least, more):
        narrowed = [{"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": least}}]
        RuleFactory(program=a_club().program, first_order=True, at=day(1, 1), narrowed=narrowed)
        page = visit(variants("20.00", "29.90").get_absolute_url())
        assert numbers(page, "earn-more") == more

    def test_says_nothing_where_nothing_is_earned(self, visit):
        a_club()
        for product in (a_product(price="0.40"), a_product(price="0.00")):
            assert 'data-loyalty="earn"' not in visit(product.get_absolute_url()).content.decode()

    def test_says_nothing_of_what_is_sold_out(self, visit):
        a_club()
        product = a_product()
        product.stockrecords.update(num_in_stock=0)
        assert 'data-loyalty="earn"' not in visit(product.get_absolute_url()).content.decode()

    def test_says_nothing_while_the_program_pauses(self, visit):
        unit = a_club()
        change_state(program=unit.program, to="paused", actor="system", at=day(5, 1))
        assert "data-loyalty" not in visit(a_product().get_absolute_url()).content.decode()

    def test_asks_to_join_first_where_people_join_by_choice(self, visit):
        a_club(enrolment="opt-in")
        response = visit(a_product().get_absolute_url(), a_user())
        assert "Join the Paw Club first" in text_of(response)
        assert reverse("loyalty:join") in response.content.decode()


class TestTheBasketPage:
    def test_says_what_the_basket_brings_between_the_total_and_the_button(self, visit):
        a_club()
        user = a_user()
        a_basket(user, (a_product(price="24.90"), 2), (a_product(price="6.50"), 1))
        response = visit(reverse("basket:summary"), user)
        said = text_of(response)
        assert "You get 56 paws for this basket = €0.56 Why 56? Goods, after discounts €56.30" in said
        assert said.index("Order total") < said.index("You get 56 paws") < said.index("Proceed to checkout")
        assert numbers(response, "earn") == [56]

    def test_counts_the_bonus_of_the_first_order_once_only(self, visit):
        unit = a_club()
        first_order_bonus(unit)
        user, thing = a_user(), a_product(price="10.00")
        a_basket(user, (thing, 1))
        assert "You get 30 paws" in text_of(visit(reverse("basket:summary"), user))
        buy(user, (thing, 1), on=day(5, 1))
        a_basket(user, (thing, 1))
        assert "You get 10 paws" in text_of(visit(reverse("basket:summary"), user))

    def test_says_why_there_is_none(self, visit):
        a_club()
        user = a_user()
        a_basket(user, (a_product(price="0.00"), 1))
        said = text_of(visit(reverse("basket:summary"), user))
        assert "You pay no money for goods, so this brings 0 paws." in said
        assert "Why 0?" not in said

    def test_says_nothing_of_an_empty_basket(self, visit):
        a_club()
        assert 'data-loyalty="earn' not in visit(reverse("basket:summary"), a_user()).content.decode()


class TestTheThankYouPage:
    def test_says_what_the_order_brings_when_and_why(self, thanks):
        a_club()
        user = a_user()
        response = thanks(buy(user, (a_product(price="81.62"), 1), on=TODAY), user)
        said = text_of(response)
        assert "You will get 81 paws = €0.81 Ready 14 days after delivery, when the return period is over." in said
        assert "Why 81? Goods, after discounts €81.62" in said
        assert numbers(response, "earn") == [81]

    def test_says_the_same_where_a_queue_has_yet_to_count_it(self, thanks):
        a_club()
        user = a_user()
        order = imported(user=user, lines=[("81.62", 1)], placed_at=TODAY, status="Pending")  # Without a signal.
        assert "You will get 81 paws" in text_of(thanks(order, user))

    def test_says_why_an_order_brings_none(self, thanks):
        a_club()
        user = a_user()
        said = text_of(thanks(buy(user, (a_product(price="0.00"), 1), on=TODAY), user))
        assert "You pay no money for goods, so this brings 0 paws." in said
        assert "Why 0?" not in said

    def test_invites_who_has_not_joined(self, thanks):
        a_club(enrolment="opt-in")
        user = a_user()
        said = text_of(thanks(buy(user, (a_product(price="10.00"), 1), on=TODAY), user))
        assert "With the Paw Club an order like this brings 10 paws . Join for the next one" in said
        assert "You will get" not in said


class TestHowItWorks:
    def test_says_the_rules_in_force_in_plain_words_with_an_example(self, visit):
        unit = a_club()
        dog_beds(unit, a_product("Bed"))
        first_order_bonus(unit)
        TermsVersion.objects.create(program=unit.program, version=2, text="Be nice.", starts_at=day(1, 1))
        TermsVersion.objects.create(program=unit.program, version=3, text="Be nicer.", starts_at=day(7, 1))
        said = text_of(visit(reverse("loyalty:how-it-works")))
        said = said.replace(" ,", ",").replace(" .", ".")
        assert "1 paw for each €1.00, on everything." in said
        assert "Twice the paws for what you spend on Dog beds." in said
        assert "20 paws for the first order" in said
        assert "one thing for €42.50 and one for €19.90 brings 62 paws" in said
        assert "ready 14 days after delivery" in said
        assert "You get €1.00 off for 100 paws." in said
        assert "It runs out at the end of the month, 12 months after it was ready." in said
        assert "Terms of the Paw Club, version 2, in force since 1 January 2026 Be nice." in said

    def test_says_so_while_nothing_is_earned(self, visit):
        unit = a_club()
        change_state(program=unit.program, to="paused", actor="system", at=day(5, 1))
        said = text_of(visit(reverse("loyalty:how-it-works")))
        assert "At the moment orders bring none." in said
        assert "for each" not in said


class TestPagesWithoutAProgram:
    def test_carry_nothing_of_ours(self, visit, thanks):
        user, product = a_user(), a_product()
        for address in ("/catalogue/", product.get_absolute_url(), reverse("customer:profile-view")):
            response = visit(address, user)
            assert response.status_code == 200
            assert not OURS.search(response.content.decode())
        a_basket(user, (product, 1))
        assert not OURS.search(visit(reverse("basket:summary"), user).content.decode())
        assert not OURS.search(thanks(buy(user, (product, 1), on=TODAY), user).content.decode())

    def test_are_what_a_draft_program_leaves(self, visit):
        unit = a_club()
        unit.program.state = "draft"
        unit.program.save()
        assert not OURS.search(visit("/catalogue/", a_user()).content.decode())


class TestPagesWithAProgram:
    def test_link_our_style_sheet_only_where_the_shop_wants_it(self, visit):
        a_club()
        assert "loyalty/loyalty.css" in visit("/catalogue/").content.decode()
        with override_settings(LOYALTY_CSS=False):
            assert "loyalty.css" not in visit("/catalogue/").content.decode()


class TestOurTemplates:
    def test_need_no_inline_style_or_script(self):
        folder = Path(loyalty_oscar.__file__).parent / "shop" / "templates"
        pages = [
            *folder.glob("loyalty/*.html"),
            *folder.glob("loyalty/widgets/*.html"),
            *folder.glob("oscar/[!c]*/**/*.html"),
        ]
        assert len(pages) > 12
        inline = re.compile(r"\sstyle=|<style|<script(?![^>]*\bsrc=)|\son[a-z]+=[\"']")
        assert [page.name for page in pages if inline.search(page.read_text(encoding="utf-8"))] == []

    def test_have_a_small_style_sheet(self):
        sheet = Path(loyalty_oscar.__file__).parent / "shop" / "static" / "loyalty" / "loyalty.css"
        assert 0 < sheet.stat().st_size <= 8000


class TestTheTags:
    def test_stand_in_a_store_s_own_template(self, rf):
        unit = a_club()
        user = boris()
        request = rf.get("/")
        request.user, request.session = user, {}
        request.loyalty = Visit(request)
        template = Template("{% load loyalty %}{% loyalty_badge short=True %}|{% loyalty_points unit 21 %}")
        said = template.render(RequestContext(request, {"unit": unit}))
        assert 'data-value="222"' in said
        assert said.endswith("|21\xa0paws")

    def test_offer_a_key_for_caches_that_changes_with_the_rules(self, rf):
        unit = a_club()
        keys = []
        for _round in range(2):
            request = rf.get("/")
            request.loyalty = Visit(request)
            template = Template("{% load loyalty %}{% loyalty_cache_key %}")
            keys.append(template.render(Context({"request": request})))
            first_order_bonus(unit)
        assert keys[0] != keys[1]
        assert all(key.startswith("loyalty:") for key in keys)

    def test_offer_a_key_for_caches_that_tells_levels_apart(self, rf):
        unit = a_club()
        a_ladder(unit=unit, percents=(100, 200, 300))
        silver, nobody = a_user("silver@example.com"), a_user("nobody@example.com")
        buy(silver, (a_product(price="200.00"), 1), on=day(3, 1))

        def key(user=None):
            request = rf.get("/")
            request.user = user or AnonymousUser()
            request.loyalty = Visit(request)
            return Template("{% load loyalty %}{% loyalty_cache_key %}").render(Context({"request": request}))

        assert key(silver) != key() == key(nobody)

    def test_show_nothing_on_a_page_without_a_request(self):
        a_club()
        assert Template("{% load loyalty %}{% loyalty_badge %}").render(Context({})) == ""


class TestTheCardOfAProductInAList:
    """Says the number of the product's own page, to everybody, and nothing where that page says none."""

    @pytest.fixture(autouse=True)
    def lists(self):
        with searching_tables():
            yield

    @pytest.fixture
    def products(self):
        unit = a_club()
        a_ladder(unit=unit, percents=(100, 150, 200))
        bed = a_product("Bed", "89.00")
        dog_beds(unit, bed)
        first_order_bonus(unit)
        gone = a_product("Gone", "50.00")
        gone.stockrecords.update(num_in_stock=0)
        return [bed, a_product("Bone", "3.49"), a_product("Crumb", "0.40"), gone]

    @staticmethod
    def cards(page):
        """The number on each card by the title of its product."""
        found = {}
        for card in page.content.decode().split('<article class="product_pod">')[1:]:
            title = re.search(r'title="([^"]+)"', card).group(1)
            told = re.search(r'data-loyalty="card-earn" data-value="(\d+)"', card.split("</article>")[0])
            found[title] = [int(told.group(1))] if told else []
        return found

    @pytest.mark.parametrize("who", ["a stranger", "a member", "a member with a level"])
    def test_says_the_number_of_its_page(self, visit, products, who):
        user = a_user() if who != "a stranger" else None
        if who == "a member with a level":
            buy(user, (a_product("Much", "5000.00"), 1), on=day(5, 1))
        told = self.cards(visit(CATALOGUE, user))
        for product in products:
            assert told[product.title] == numbers(visit(product.get_absolute_url(), user), "earn"), product.title
        assert (told["Gone"], told["Crumb"]) == ([], [])
        assert told["Bed"][0] >= 178

    def test_says_nothing_of_a_product_with_variants(self, visit, products):
        variants("20.00", "29.00")
        assert self.cards(visit(CATALOGUE))["Rope toy"] == []

    def test_says_nothing_while_the_program_pauses(self, visit, products):
        change_state(program=Program.objects.get(), to="paused", actor="staff:1", reason="a break", at=day(5, 2))
        assert set(map(len, self.cards(visit(CATALOGUE)).values())) == {0}
