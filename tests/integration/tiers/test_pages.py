"""Levels on the customer's pages: badge, card, table, thank-you, reviews, and what they cost."""

import re

import pytest
from django.db import connection
from django.template import RequestContext, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.program.models import Member, ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Standing, Tier
from loyalty_oscar.tiers.operations import give_tier, settle
from loyalty_oscar.tiers.queries import ladder_of
from tests.integration.shop.test_using_points_pages import preview
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, text_of

from .ladders import a_ladder, hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit():
    """Open a page on the day of the story, signed in or not."""

    def get(address, user=None, *, on=TODAY):
        client = Client()
        if user:
            client.force_login(user)
        with clock.at(on):
            response = client.get(address)
        assert response.status_code == 200
        return response

    return get


def silver():
    """Boris, Silver with 286.40 of 400.00, of which 34.90 can still go back."""
    user = a_user()
    arrive(buy(user, (a_product("Bed", "251.50"), 1), on=day(3, 1)), on=day(3, 2))
    buy(user, (a_product("Bites", "34.90"), 1), on=day(5, 1))
    return user


def silver_of():
    """The one that is Silver already."""
    return Member.objects.get().user


def asked(user, address):
    client = Client()
    if user:
        client.force_login(user)
    with clock.at(TODAY):
        client.get(address)
        with CaptureQueriesContext(connection) as found:
            client.get(address)
    return len(found)


def account(user, visit, **kwargs):
    return text_of(visit(reverse("loyalty:overview"), user, **kwargs))


class TestTheBadge:
    def test_names_the_level_for_the_member_and_for_machines(self, visit):
        a_ladder()
        page = visit("/catalogue/", silver()).content.decode()
        assert page.count('data-loyalty="tier" data-value="2"') == 2
        assert page.count("</span>Silver</span>") == 2
        assert "loyalty-named" in page and "loyalty-brief" in page

    def test_is_the_same_for_everybody_where_it_is_fetched_and_comes_with_the_number(self, visit, settings):
        settings.LOYALTY_BADGE = "fetch"
        a_ladder()
        user = silver()
        page = visit("/catalogue/", user).content.decode()
        assert "Silver" not in page and 'data-loyalty="tier"' not in page
        found = visit(reverse("loyalty:badge"), user).json()["level"]
        assert 'data-loyalty="tier" data-value="2"' in found and "</span>Silver</span>" in found

    def test_is_fetched_without_a_level_by_somebody_who_has_none(self, visit, settings):
        settings.LOYALTY_BADGE = "fetch"
        a_ladder()
        silver()
        assert "level" not in visit(reverse("loyalty:badge"), a_user("new@example.com")).json()

    def test_draws_an_outline_and_as_many_dots_as_the_rank(self, visit):
        a_ladder()
        page = visit("/catalogue/", silver()).content.decode()
        assert page.count("<circle") == 2 * 2
        assert 'fill="#55636A"' in page

    def test_is_the_glyph_as_before_for_somebody_without_a_level(self, visit):
        a_ladder()
        page = visit("/catalogue/", a_user()).content.decode()
        assert 'data-loyalty="tier"' not in page
        assert "loyalty-glyph" in page

    def test_shows_nothing_of_levels_to_strangers(self, visit):
        a_ladder()
        assert 'data-loyalty="tier"' not in visit("/catalogue/").content.decode()

    def test_asks_once_more_for_members_and_nothing_for_strangers(self):
        ladder, user = a_ladder(), silver()
        with_levels = asked(user, "/catalogue/"), asked(None, "/catalogue/")
        Ladder.objects.filter(pk=ladder.pk).update(is_on=False)
        forget_cache()
        assert (asked(user, "/catalogue/"), asked(None, "/catalogue/")) == (with_levels[0] - 1, with_levels[1])


class TestTheEarnLine:
    def test_counts_the_level_of_the_visitor(self, visit):
        a_ladder()
        product = a_product("Bone", "20.00")
        assert "Earn 22 paws" in text_of(visit(product.get_absolute_url(), silver()))
        assert "Silver: 10 % more" in text_of(visit(product.get_absolute_url(), a_twin()))

    def test_counts_none_for_strangers(self, visit):
        a_ladder()
        assert "Earn 20 paws" in text_of(visit(a_product("Bone", "20.00").get_absolute_url()))

    def test_says_what_the_order_then_brings(self, visit):
        a_ladder()
        user, bone = silver(), a_product("Bone", "20.00")
        a_basket(user, (bone, 1))
        assert "You get 22 paws for this basket" in text_of(visit(reverse("basket:summary"), user))
        order = buy(user, (bone, 1), on=TODAY)
        assert Award.objects.get(source_id=order.pk).points == 22

    @pytest.mark.parametrize("where", ["product", "basket"])
    def test_asks_nothing_that_badge_and_nudge_have_not_asked(self, where):
        ladder, user, bone = a_ladder(), silver(), a_product("Bone", "20.00")
        a_basket(user, (bone, 1))
        address = bone.get_absolute_url() if where == "product" else reverse("basket:summary")
        costly = asked(user, address)
        Ladder.objects.filter(pk=ladder.pk).update(is_on=False)
        forget_cache()
        # The basket asks how far the next level is, too.
        assert asked(user, address) == costly - (1 if where == "product" else 2)


def a_twin():
    """Another Silver member."""
    user = a_user("twin@example.com")
    buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
    return user


class TestTheLevelCard:
    def test_says_where_one_stands_what_is_safe_and_what_the_next_takes(self, visit):
        a_ladder()
        page = account(silver(), visit)
        for said in (
            "Your level: Silver",
            "Yours until 31 December 2027.",
            "Paws: 10 % more",
            "See what the next level brings",
            "€286.40 of €400.00",
            "Gold at €400.00",
            "€113.60 more by 31 December 2026 and you are Gold.",
            "€34.90 of this can still be sent back.",
        ):
            assert said in page, said
        assert "Keep Silver" not in page

    def test_draws_the_safe_part_and_the_other_by_their_shares(self, visit):
        a_ladder()
        page = visit(reverse("loyalty:overview"), silver()).content.decode()
        assert '<rect width="62.9%" height="16" fill="currentColor"/>' in page
        assert '<rect x="62.9%" width="8.7%"' in page
        assert "style=" not in page[page.index("loyalty-level-card") : page.index("loyalty-level-card") + 3000]

    def test_says_what_the_first_level_takes_to_somebody_without_orders(self, visit):
        a_ladder(bronze=5_000)
        page = account(a_user(), visit)
        assert "No level yet" in page
        assert "€50.00 more by 31 December 2026 and you are Bronze." in page

    def test_says_that_there_is_no_higher_one(self, visit):
        a_ladder()
        user = a_user()
        buy(user, (a_product("Bed", "1500.00"), 1), on=day(3, 1))
        page = account(user, visit)
        assert "Your level: Gold" in page and "This is the highest level." in page
        assert "more by" not in page

    def test_says_of_no_level_that_it_is_the_highest_though_no_order_lifts_to_another(self, visit):
        ladder, user = a_ladder(), a_user()
        Tier.objects.filter(rank__gte=2).update(threshold=None)
        buy(user, (a_product("Bed", "30.00"), 1), on=day(3, 1))
        assert "Your level: Bronze" in text_of(visit("/loyalty/", user))
        assert "This is the highest level." not in text_of(visit("/loyalty/", user))
        hand(ladder, user, 3, until=None, at=day(3, 2))
        assert "This is the highest level." in text_of(visit("/loyalty/", user))
        Tier.objects.update(threshold=None)
        forget_cache()
        stranger = a_user("stranger@example.com")
        text = text_of(visit("/loyalty/", stranger)) + text_of(visit("/loyalty/levels/", stranger))
        assert "No level yet" in text and "You have no level yet." in text
        assert "This is the highest level." not in text and "Every order takes you nearer." not in text

    @pytest.mark.parametrize(
        ("metric", "thresholds", "said"),
        [
            ("orders", (1, 2, 3), "1 order more by 31 December 2026 and you are Gold."),
            ("orders", (1, 2, 5), "3 orders more by 31 December 2026 and you are Gold."),
            ("points", (1, 200, 400_000), "399,711 paws more by 31 December 2026 and you are Gold."),
            ("spend", (1, 200, 123_456_789), "€1,234,281.49 more by 31 December 2026 and you are Gold."),
        ],
    )
    def test_counts_orders_points_and_large_sums_in_words(self, visit, metric, thresholds, said):
        bronze, silver_from, gold = thresholds
        a_ladder(metric=metric, bronze=bronze, silver=silver_from, gold=gold)
        assert said in account(silver(), visit)

    @pytest.mark.parametrize(
        ("window", "said"),
        [("rolling", "Yours until 1 March 2027."), ("lifetime", "Yours for good.")],
    )
    def test_names_no_date_where_the_window_has_none(self, visit, window, said):
        a_ladder(window=window)
        page = account(silver(), visit)
        assert said in page
        assert "€113.60 more and you are Gold." in page

    def test_says_what_keeps_a_level_in_its_last_year(self, visit):
        a_ladder()
        user = silver()
        assert "Keep Silver: €150.00 more by 31 December 2027." in account(user, visit, on=day(3, 1, 2027))
        buy(user, (a_product("Box", "110.00"), 1), on=day(4, 1, 2027))
        assert "Keep Silver: €40.00 more by 31 December 2027." in account(user, visit, on=day(5, 1, 2027))
        buy(user, (a_product("Box", "40.00"), 1), on=day(6, 1, 2027))
        page = account(user, visit, on=day(7, 1, 2027))
        assert "Keep Silver" not in page and "Yours until 31 December 2028." in page

    def test_tells_of_the_grace_once_the_date_is_over(self, visit):
        a_ladder()
        page = account(silver(), visit, on=day(1, 10, 2028))
        assert "It ended on 31 December 2027; it stays yours until 30 January 2028, at least." in page

    def test_says_that_the_shop_gave_it(self, visit):
        ladder, user = a_ladder(), silver()
        member = Member.objects.get(user=user)
        gold = Tier.objects.get(code="gold")
        give_tier(
            ladder=ladder_of(program_id=ladder.program_id), member_id=member.pk, tier=gold, until=day(10, 1),
            reason="Anniversary", actor="system", at=day(5, 5),
        )  # fmt: skip
        page = account(user, visit)
        assert "Your level: Gold Given by the shop until 1 October 2026." in page
        assert "Keep Gold: €113.60 more by 1 October 2026." in page

    @pytest.mark.parametrize(
        ("until", "stands", "keeps"),
        [
            (day(10, 1), "1 October 2026", "Keep Gold: €113.60 more by 1 October 2026."),
            (day(12, 31), "31 December 2026", "Keep Gold: €113.60 more by 31 December 2026."),
            (day(1, 1, 2027), "1 January 2027", "Keep Gold: €113.60 more by 31 December 2026."),
            (day(11, 1, 2027), "1 November 2027", "Keep Gold: €113.60 more by 31 December 2026."),
            (day(1, 1, 2028), "1 January 2028", None),  # What is ordered this year keeps nothing then.
        ],
    )
    def test_says_what_keeps_a_gift_by_orders_on_both_pages(self, visit, until, stands, keeps):
        ladder, user = a_ladder(), silver()
        hand(ladder, user, 3, until=until, at=day(5, 5))
        for address in ("loyalty:overview", "loyalty:levels"):
            page = text_of(visit(reverse(address), user))
            assert f"Given by the shop until {stands}." in page
            assert (keeps in page) if keeps else ("Keep Gold" not in page)
        if keeps:
            buy(user, (a_product("Box", "113.60"), 1), on=day(5, 6))
            assert "Yours until 31 December 2027." in account(user, visit)

    def test_asks_twice_more_at_most(self):
        ladder, user = a_ladder(), silver()
        costly = asked(user, reverse("loyalty:overview"))
        Ladder.objects.filter(pk=ladder.pk).update(is_on=False)
        forget_cache()
        assert costly - asked(user, reverse("loyalty:overview")) <= 2

    def test_is_gone_with_the_ladder(self, visit):
        a_ladder(is_on=False)
        assert "loyalty-level-card" not in visit(reverse("loyalty:overview"), silver()).content.decode()


class TestTheTableOfLevels:
    def test_says_what_each_takes_and_brings(self, visit):
        ladder = a_ladder(gifts=(0, 50, 0))
        Tier.objects.filter(code="gold").update(text="A birthday cake\n\nFirst in line")
        MemberPrice.objects.create(tier=Tier.objects.get(code="silver"), percent=12, starts_at=day(1, 1))
        forget_cache()
        page = text_of(visit(reverse("loyalty:how-it-works")))
        assert "Bronze From €0.01 The start. Silver From €150.00" in page
        assert "Paws: 10 % more A gift of 50 paws when you first reach it" in page
        assert page.count("Member price: 12 % off everything") == 2
        assert "Gold From €400.00 Paws: 20 % more A birthday cake First in line" in page
        assert "one level at a time" in page
        assert ladder.tiers.count() == 3

    @pytest.mark.parametrize(("of_set", "is_said"), [(10, False), (12, False), (13, True)])
    def test_says_the_price_of_a_set_only_where_it_is_better_than_that_of_everything(self, visit, of_set, is_said):
        silver, beds = a_ladder().tiers.get(code="silver"), ProductSetFactory(code="beds", name="Beds")
        for percent, product_set in ((12, None), (of_set, beds)):
            MemberPrice.objects.create(tier=silver, percent=percent, product_set=product_set, starts_at=day(1, 1))
        forget_cache()
        page = text_of(visit(reverse("loyalty:how-it-works")))
        assert "Member price: 12 % off everything" in page
        assert (f"Member price: {of_set} % off Beds" in page) == is_said

    def test_speaks_the_readers_language(self, visit):
        a_ladder()
        Tier.objects.filter(code="silver").update(names={"en": "Sterling"})
        forget_cache()
        assert "Sterling From €150.00" in text_of(visit(reverse("loyalty:how-it-works")))

    def test_is_not_there_without_levels(self, visit):
        a_ladder(is_on=False)
        assert 'id="levels"' not in visit(reverse("loyalty:how-it-works")).content.decode()


class TestTheBasket:
    TAG = re.compile(r'data-loyalty="cut" data-value="(\w+)".*?</p>', re.DOTALL)

    @pytest.fixture
    def bed(self):
        """A bed that members from Silver on get for 10 % less."""
        ladder, bed = a_ladder(), a_product("Trail bed", "89.00")
        ProductSetFactory(code="beds", products=[bed])
        told = {"product_set": ProductSet.objects.get(), "percent": 10, "starts_at": day(1, 1)}
        MemberPrice.objects.create(tier=ladder.tiers.get(rank=2), **told)
        forget_cache()
        return bed

    def basket(self, user, *products):
        a_basket(user, *((product, 1) for product in products))
        client = Client()
        client.force_login(user)
        with clock.at(TODAY):
            return client.get(reverse("basket:summary"))

    def test_tags_the_line_that_costs_less_at_its_name(self, bed):
        page = self.basket(silver(), a_product("Bone"), bed, a_product("Bowl")).content.decode()
        assert self.TAG.findall(page) == ["tier"]
        place = page.index('data-loyalty="cut"')
        assert page.index(f"{bed.title}</a></h3>") < place < page.index("availability", place)
        assert "Member price" in page[place : page.index("availability", place)]
        assert bed.title not in self.TAG.search(page)[0]

    def test_tags_it_on_the_preview_too(self, bed):
        client = Client()
        client.force_login(silver())
        for product in (a_product("Bone"), bed):
            client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1})
        with clock.at(TODAY):
            page = preview(client).content.decode()
        assert self.TAG.findall(page) == ["tier"]
        assert page.index(f"{bed.title}</a></h3>") < page.index('data-loyalty="cut"') < page.rindex("availability")

    def test_tags_each_line_of_a_product(self, bed):
        user, option = silver(), get_model("catalogue", "Option").objects.create(name="Engraving", code="engraving")
        basket = a_basket(user, (bed, 1))
        basket.add_product(bed, 1, [{"option": option, "value": "Rex"}])
        client = Client()
        client.force_login(user)
        with clock.at(TODAY):
            page = client.get(reverse("basket:summary")).content.decode()
        first, second = re.split("Engraving", page, maxsplit=1)
        assert (self.TAG.findall(first), self.TAG.findall(second)) == (["tier"], ["tier"])

    def test_has_none_for_who_pays_what_everybody_pays(self, bed):
        assert self.TAG.findall(self.basket(a_user("new@example.com"), bed).content.decode()) == []

    def test_asks_the_database_nothing_more(self, bed):
        user = silver()
        a_basket(user, (bed, 1))
        tagged = asked(user, reverse("basket:summary"))
        MemberPrice.objects.update(tier=Tier.objects.get(code="gold"))
        forget_cache()
        assert asked(user, reverse("basket:summary")) == tagged

    def test_of_a_store_whose_rows_link_no_product_names_it_below(self, bed):
        user = silver()
        request = self.basket(user, bed).wsgi_request
        tags = "{% load loyalty %}{% loyalty_in_lines request.basket %}<table>Ours</table>{% end_loyalty_in_lines %}"
        with clock.at(TODAY):
            found = Template(tags).render(RequestContext(request))
        assert re.sub(r"<[^>]+>|\s+", " ", found).split() == ["Ours", "Member", "price", "Trail", "bed"]


class TestTheThankYouPage:
    def thanks(self, user, price):
        """What the page says after an order of this price."""
        order = buy(user, (a_product("Bowl", price), 1), on=TODAY)
        client = Client()
        client.force_login(user)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        with clock.at(TODAY):
            return client.get(reverse("checkout:thank-you"))

    def test_says_how_far_the_next_level_is(self):
        a_ladder()
        page = self.thanks(silver(), "74.20")
        assert "€39.40 to Gold" in text_of(page)
        assert "level-reached" not in page.content.decode()

    def test_welcomes_to_the_highest_level_with_all_it_brings_and_its_gift(self):
        a_ladder(gifts=(0, 50, 100))
        MemberPrice.objects.create(tier=Tier.objects.get(code="silver"), percent=12, starts_at=day(1, 1))
        forget_cache()
        page = self.thanks(silver(), "113.60")
        said = text_of(page)
        assert 'data-loyalty="level-reached" data-value="3"' in page.content.decode()
        for part in (
            "Welcome to Gold Yours until 31 December 2027.",
            "100 paws for reaching Gold, ready once this order can’t be sent back.",
            "From now on you have: Paws: 20 % more Member price: 12 % off everything",
        ):
            assert part in said, part
        assert "to Gold" not in said.replace("Welcome to Gold", "")
        assert "50 paws for reaching Silver" not in said

    def test_welcomes_to_a_level_below_and_says_what_the_next_takes(self):
        a_ladder(gifts=(20, 50, 0))
        said = text_of(self.thanks(a_user(), "160.00"))
        assert "Welcome to Silver" in said
        assert "20 paws for reaching Bronze" in said and "50 paws for reaching Silver" in said
        assert "€240.00 to Gold" in said

    def test_says_that_a_gift_is_among_what_is_ready(self):
        ladder = a_ladder(gifts=(0, 50, 100))
        ladder.program.hold_days = 0
        ladder.program.save()
        forget_cache()
        user = silver()
        order = arrive(buy(user, (a_product("Bowl", "113.60"), 1), on=TODAY), on=TODAY)
        client = Client()
        client.force_login(user)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        with clock.at(TODAY):
            said = text_of(client.get(reverse("checkout:thank-you")))
        assert "Welcome to Gold" in said
        assert "100 paws for reaching Gold" in said

    def test_welcomes_nobody_to_a_level_that_the_shop_gave(self):
        ladder, user = a_ladder(), silver()
        gold = Tier.objects.get(code="gold")
        give_tier(
            ladder=ladder_of(program_id=ladder.program_id), member_id=Member.objects.get(user=user).pk, tier=gold,
            until=None, reason="Anniversary", actor="system", at=TODAY,
        )  # fmt: skip
        assert "level-reached" not in self.thanks(user, "5.00").content.decode()


class TestThePageOfLevels:
    def page(self, visit, user=None):
        return visit(reverse("loyalty:levels"), user)

    def test_stands_them_side_by_side_and_says_where_one_is(self, visit):
        a_ladder(gifts=(0, 50, 0))
        page = self.page(visit, silver())
        said = text_of(page)
        assert "Your level: Silver . Yours until 31 December 2027." in said
        assert "Bronze From €0.01 Reached The start." in said
        assert "Silver From €150.00 You are here Paws: 10 % more A gift of 50 paws" in said
        assert "€286.40 of €400.00" in said and "€113.60 more by 31 December 2026 and you are Gold." in said
        assert page.content.decode().count('aria-current="true"') == 1
        assert [part in page.content.decode() for part in ('id="level-bronze"', 'id="level-gold"')] == [True, True]

    def test_are_open_to_strangers_with_the_way_in(self, visit):
        a_ladder()
        said = text_of(self.page(visit))
        assert "Members of the Paw Club climb" in said and "Join the Paw Club" in said
        assert "You are here" not in said and "Reached" not in said

    def test_encourages_who_has_none(self, visit):
        a_ladder(bronze=5_000)
        said = text_of(self.page(visit, a_user()))
        assert "You have no level yet. Every order takes you nearer." in said
        assert "€50.00 more by 31 December 2026 and you are Bronze." in said

    def test_are_not_there_without_levels(self):
        a_ladder(is_on=False)
        with clock.at(TODAY):
            assert Client().get(reverse("loyalty:levels")).status_code == 404


class TestALevelThatEnds:
    def test_comes_first_with_a_warm_edge_and_its_days_of_grace(self, visit):
        a_ladder()
        page = visit(reverse("loyalty:overview"), silver(), on=day(11, 20, 2027))
        said = text_of(page)
        assert "Keep Silver: €150.00 more by 31 December 2027." in said
        assert "Silver stays yours until 30 January 2028, at least." in said
        assert "Yours until" not in said  # Two dates for one thing.
        assert said.index("Keep Silver") < said.index("Your level: Silver")
        assert "loyalty-level-card loyalty-edge" in page.content.decode()
        assert "Keep Silver" in text_of(visit(reverse("loyalty:levels"), silver_of(), on=day(11, 20, 2027)))

    def test_is_no_warning_while_its_end_is_far(self, visit):
        a_ladder()
        page = visit(reverse("loyalty:overview"), silver(), on=day(3, 1, 2027))
        assert "loyalty-level-card loyalty-edge" not in page.content.decode()


class TestReviews:
    def a_review(self, product, user):
        return get_model("reviews", "ProductReview").objects.create(
            product=product, user=user, title="Good", body="Very", score=5, status=1
        )

    def test_carry_the_level_of_their_author(self, visit):
        a_ladder()
        product = a_product("Bone", "20.00")
        self.a_review(product, silver())
        self.a_review(product, a_user("nobody@example.com"))
        page = visit(product.get_absolute_url())
        assert text_of(page).count("Member, Silver") == 1
        assert page.content.decode().count('data-loyalty="reviewer-tier" data-value="2"') == 1

    def test_ask_once_for_all_of_them(self):
        a_ladder()
        product = a_product("Bone", "20.00")
        plain = asked(None, product.get_absolute_url())
        for number in range(3):
            self.a_review(product, a_user(f"{number}@example.com"))
        three = asked(None, product.get_absolute_url())
        member = Member.objects.create(
            program=Ladder.objects.get().program, user=a_user("m@example.com"), joined_at=day(1, 1)
        )
        self.a_review(product, member.user)
        four = asked(None, product.get_absolute_url())
        Ladder.objects.update(is_on=False)
        forget_cache()
        assert four - asked(None, product.get_absolute_url()) == 1
        assert plain < three


class TestANewProgram:
    def test_without_a_ladder_settles_nobody(self):
        ladder = a_ladder(is_on=False)
        silver()
        assert ladder_of(program_id=ladder.program_id) is None
        assert not Standing.objects.exists()

    def test_settles_nothing_for_nobody(self):
        ladder = a_ladder()
        assert settle(ladder=ladder_of(program_id=ladder.program_id), member_ids=[], at=TODAY) == []
