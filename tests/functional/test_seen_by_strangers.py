"""What the shop's pages tell of the club to those who are not in it, and what the store may leave out."""

import re

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.template import RequestContext, Template
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.program.models import Program, TermsVersion
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.pricing.history import record_some
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProgramFactory
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.integration.exclusives.sales import GOLD_FROM, SILVER, a_member_of, a_sale, searching_tables
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_club, a_product, a_user, day, text_of

pytestmark = pytest.mark.django_db
LIST, HOW, REGISTER = "/catalogue/", reverse("loyalty:how-it-works"), reverse("customer:register")
LOGIN, SALES, GATEWAY = reverse("customer:login"), reverse("loyalty:sales"), reverse("checkout:index")
ALL = ("header", "footer", "join", "price")


def seen(response):
    """The teasers on a page, each once."""
    return set(re.findall(r'data-loyalty="teaser" data-value="(\w+)"', response.content.decode()))


def terms(program):
    return TermsVersion.objects.create(program=program, version=1, text="Be kind.", starts_at=day(1, 1))


def with_basket(client):
    client.post(reverse("basket:add", args=[a_product().pk]), {"quantity": 1})


@pytest.fixture
def page(client):
    """A page of the shop on 6 May 2026."""

    def get(address, user=None):
        if user:
            client.force_login(user)
        with clock.at(TODAY):
            return client.get(address)

    return get


class TestAStranger:
    def test_finds_the_way_to_the_club_on_every_page(self, page):
        a_club()
        for address in (LIST, LOGIN, a_product().get_absolute_url(), reverse("basket:summary")):
            found = page(address)
            assert {"header", "footer"} <= seen(found)
            assert f'href="{HOW}"' in found.content.decode()

    def test_reads_the_terms_at_the_foot_where_there_are_any(self, page):
        unit = a_club()
        assert "Terms of the" not in text_of(page(LIST))
        terms(unit.program)
        assert f'href="{HOW}#terms"' in page(LIST).content.decode()
        assert 'id="terms"' in page(HOW).content.decode()

    def test_reads_no_terms_that_are_not_in_force(self, page):
        unit = a_club()
        TermsVersion.objects.create(program=unit.program, version=1, text="Later.", starts_at=day(5, 7))
        assert "Terms of the" not in text_of(page(LIST))

    def test_finds_the_sales_at_the_foot_where_one_is_for_all_to_see(self, page):
        ladder = a_ladder()
        footer = page(LIST).content.decode().partition('data-value="footer"')[2]
        assert SALES not in footer
        sale = a_sale(ladder.program.unit, a_product("Trail bed"))
        assert SALES in page(LIST).content.decode().partition('data-value="footer"')[2]
        type(sale).objects.filter(pk=sale.pk).update(mode="hide")
        forget_cache()
        assert SALES not in page(LIST).content.decode().partition('data-value="footer"')[2]

    @pytest.mark.parametrize("address", [HOW, SALES, REGISTER, LOGIN, GATEWAY])
    def test_is_told_how_to_join_where_it_matters(self, page, client, address):
        terms(a_club().program)
        with_basket(client)
        found = page(address)
        assert "join" in seen(found)
        assert f'href="{HOW}#terms"' in found.content.decode()

    def test_reads_at_registration_that_an_account_is_all_it_takes(self, page):
        a_club()
        for address in (REGISTER, LOGIN):
            assert "Your account brings you into the Paw Club, free of charge." in text_of(page(address))

    def test_reads_above_the_button_that_registers(self, page):
        a_club()
        for address in (REGISTER, LOGIN):
            form = page(address).content.decode().partition('id="register_form"')[2].partition("</form>")[0]
            assert form.index('data-value="join"') < form.index("<button")

    def test_is_led_from_how_it_works_to_registration_and_back(self, page):
        a_club()
        assert f'href="{REGISTER}?next={HOW}"' in page(HOW).content.decode()

    def test_is_told_to_join_by_choice_where_people_do(self, page):
        a_club(enrolment=Program.Enrolment.OPT_IN)
        join = reverse("loyalty:join")
        assert "With an account you can join" in text_of(page(REGISTER))
        assert f'href="{REGISTER}?next={join}"' in page(HOW).content.decode()
        assert f'href="{join}"' in page(HOW, a_user()).content.decode()

    def test_is_led_to_join_from_a_sale_that_is_closed(self, page):
        sale = a_sale(a_ladder().program.unit, a_product("Trail bed"))
        found = page(reverse("loyalty:sale", args=[sale.code]))
        assert "join" in seen(found)
        assert f'href="{REGISTER}?next=/loyalty/sales/{sale.code}/"' in found.content.decode()


class TestAMember:
    @pytest.mark.parametrize("address", [LIST, HOW, SALES])
    def test_is_not_told_to_join(self, page, address):
        a_club()
        assert seen(page(address, a_user())) == {"footer"}

    def test_has_the_badge_in_the_place_of_the_link(self, page):
        a_club()
        found = page(LIST, a_user()).content.decode()
        assert "loyalty-badge" in found
        assert 'data-value="header"' not in found


class TestWhatTheStoreLeavesOut:
    @pytest.mark.parametrize("left_out", ALL)
    def test_is_on_no_page(self, page, client, settings, left_out):
        ladder = a_ladder()
        MemberPrice.objects.create(tier=Tier.objects.get(code="bronze"), percent=10, starts_at=day(1, 1))
        terms(ladder.program)
        pages = (LIST, HOW, REGISTER, a_product().get_absolute_url(), GATEWAY)
        with_basket(client)
        assert set().union(*(seen(page(address)) for address in pages)) == set(ALL)
        settings.LOYALTY_TEASERS = [one for one in ALL if one != left_out]
        assert set().union(*(seen(page(address)) for address in pages)) == set(ALL) - {left_out}

    def test_leaves_the_way_in_to_a_closed_sale(self, page, settings):
        settings.LOYALTY_TEASERS = ()
        sale = a_sale(a_ladder().program.unit, a_product("Trail bed"))
        assert f"{LOGIN}?next=" in page(reverse("loyalty:sale", args=[sale.code])).content.decode()

    def test_is_checked_at_start(self, settings):
        settings.LOYALTY_TEASERS = ("header", "fotter")
        assert [error.id for error in run_checks(tags=["loyalty"])] == ["loyalty_program.E009"]


class TestAProgramThatIsNotLive:
    @pytest.mark.parametrize("state", ["draft", "paused", "closing"])
    def test_is_told_to_nobody(self, page, state):
        unit = a_club()
        if state == "draft":
            Program.objects.update(state="draft")
            forget_cache()
        elif state == "paused":
            change_state(program=unit.program, to="paused", actor="staff:1", at=day(5, 1))
        else:
            change_state(program=unit.program, to="closing", actor="staff:1", at=day(5, 1), earning_ends_at=day(6, 1))
        for address in (LIST, REGISTER, a_product().get_absolute_url()):
            assert seen(page(address)) == set()

    def test_of_another_site_is_told_to_nobody_here(self, page):
        ProgramFactory(code="elsewhere", is_default=False, live__at=day(1, 1))
        assert seen(page(LIST)) == set()


class TestThePriceWithTheClub:
    @pytest.fixture
    def ladder(self):
        return a_ladder()

    def price(self, tier="bronze", percent=10, **fields):
        told = {"tier": Tier.objects.get(code=tier), "percent": percent, "starts_at": day(1, 1), **fields}
        return MemberPrice.objects.create(**told)

    def said(self, response):
        found = re.search(r'data-value="price">(.*?)</p>', response.content.decode(), re.DOTALL)
        return re.sub(r"<[^>]+>|\s+", " ", found[1]).strip() if found else ""

    def test_stands_after_the_price_before_the_stock(self, page, ladder):
        self.price()
        body = page(a_product().get_absolute_url()).content.decode()
        place = body.index('data-value="price"')
        assert body.index("price_color") < place < body.index("availability")

    def test_is_that_of_everybody_who_joins(self, page, ladder):
        self.price()
        assert self.said(page(a_product().get_absolute_url())) == "€22.41 in the Paw Club, from Bronze"

    def test_names_the_level_where_it_takes_one(self, page, ladder):
        self.price("silver", 5)
        self.price("gold", 20)
        assert self.said(page(a_product().get_absolute_url())) == "€23.66 in the Paw Club, from Silver"

    def test_is_the_price_that_a_member_then_pays(self, page, ladder):
        self.price("silver", 10)
        product = a_product()
        assert self.said(page(product.get_absolute_url())).startswith("€22.41")
        silver = a_member_of(ladder.program.unit, SILVER)
        found = page(product.get_absolute_url(), silver)
        assert (self.said(found), "€22.41" in text_of(found)) == ("", True)

    def test_is_not_told_of_a_level_that_only_staff_give(self, page, ladder):
        Tier.objects.filter(code="gold").update(threshold=None)
        forget_cache()
        self.price("gold", 20)
        assert self.said(page(a_product().get_absolute_url())) == ""

    def test_is_not_told_where_a_sale_takes_off_more(self, page, ladder):
        self.price(percent=5)
        product = a_product()
        a_sale(ladder.program.unit, product, percent=30, public_from=day(5, 1))
        assert self.said(page(product.get_absolute_url())) == ""

    def test_tells_nothing_of_a_product_that_a_sale_keeps(self, page, ladder):
        self.price()
        product = a_product("Trail bed", "89.00")
        a_sale(ladder.program.unit, product, percent=30, doors=((3, GOLD_FROM),))
        found = page(product.get_absolute_url())
        assert self.said(found) == ""
        assert "80.10" not in text_of(found)

    def test_is_not_told_before_it_begins_nor_for_other_products(self, page, ladder):
        self.price(starts_at=day(5, 7))
        assert self.said(page(a_product().get_absolute_url())) == ""

    def test_asks_the_database_nothing_more(self, page, ladder):
        product = a_product()

        def asked():
            page(product.get_absolute_url())
            with CaptureQueriesContext(connection) as queries:
                found = page(product.get_absolute_url())
            return len(queries), self.said(found)

        without, _nothing = asked()
        self.price()
        assert asked() == (without, "€22.41 in the Paw Club, from Bronze")

    def test_leaves_a_reduced_price_with_each_amount_once(self, page, ladder):
        product = a_product()
        with clock.at(day(4, 1)):
            record_some(product_ids=[product.pk], at=day(4, 1))
        self.price("silver", 10, starts_at=day(5, 1))
        with searching_tables():
            found = text_of(page(LIST, a_member_of(ladder.program.unit, SILVER)))
        assert "Lowest price of the last 30 days: €24.90. The −10 % is counted from it." in found
        assert (found.count("€24.90"), found.count("€22.41")) == (1, 1)


class TestTemplatesOfAStore:
    def test_may_write_the_tags_themselves(self, rf, page):
        a_club()
        request = page(LIST).wsgi_request
        tags = "{% load loyalty %}{% loyalty_header %}{% loyalty_footer %}{% loyalty_join %}"
        with clock.at(TODAY):
            found = Template(tags).render(RequestContext(request))
        assert {"header", "footer", "join"} == set(re.findall(r'data-loyalty="teaser" data-value="(\w+)"', found))

    @pytest.mark.parametrize(
        ("inside", "expected"),
        [
            ('<form id="register_form"><input><button>Go</button></form>', "<input>|<button>"),
            ('<form id="register_form"><input><input type="submit"></form>', '<input>|<input type="submit">'),
            ("<p>A form of our own</p>", "own</p>|"),
        ],
    )
    def test_without_our_blocks_keep_what_belongs_into_the_form(self, page, inside, expected):
        a_club()
        request = page(LIST).wsgi_request
        tags = "{% load loyalty %}{% loyalty_in_register_form %}" + inside + "{% end_loyalty_in_register_form %}"
        with clock.at(TODAY):
            found = Template(tags).render(RequestContext(request))
        before, after = expected.split("|")
        assert re.search(
            f'{re.escape(before)}\\s*<div class="loyalty text-break .*</div>\\s*{re.escape(after)}', found, re.DOTALL
        )
