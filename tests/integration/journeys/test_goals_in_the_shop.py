"""Goals on the customer's pages: cards with a bar, a sentence in the basket and after the order, and the API."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.test.factories import create_product

from loyalty_oscar.program.models import Member, Reward
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.shop.journeys import doctor
from loyalty_oscar.shop.upkeep.doctor import Level
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    GoalFactory,
    MemberFactory,
    ProductSetFactory,
    RewardFactory,
    SegmentFactory,
)
from tests.storefront import TODAY, a_basket, a_club_without_rules, a_product, a_user, buy, day, numbers, text_of

pytestmark = pytest.mark.django_db
OVERVIEW, GUIDE = reverse("loyalty:overview"), reverse("loyalty:how-it-works")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit():
    return a_club_without_rules()


@pytest.fixture
def boris(unit):
    user = a_user()
    MemberFactory(program=unit.program, user=user, joined_at=day(1, 1))
    return user


@pytest.fixture
def client(boris):
    found = Client()
    found.force_login(boris)
    return found


@pytest.fixture
def bites(unit):
    product = a_product()
    ProductSetFactory(code="treats", name="Treats", products=[product])
    return product


def a_card(unit, **fields):
    goal = GoalFactory(program=unit.program, **{"name": "Every tenth bag", "sets": ["treats"], **fields})
    forget_cache()
    return goal


def section(response):
    """The words of the cards."""
    found = re.search(r'aria-labelledby="loyalty-goals">.*?</section>', response.content.decode(), re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]).replace("\xa0", " ")) if found else ""


class TestTheAccountPage:
    def test_has_a_card_for_each_goal_with_a_bar_and_its_words(self, unit, client, boris, bites):
        a_card(unit, reward=RewardFactory(program=unit.program, name="A free bag", price=None), ends_at=day(6, 1))
        buy(boris, (bites, 7), on=day(5, 1))

        page = client.get(OVERVIEW)

        assert numbers(page, "goal") == [7]
        for said in (
            "Every tenth bag",
            "10 pieces (Treats): “A free bag”",
            "7 of 10 pieces",
            "Orders count until 1 June",
        ):
            assert said in section(page)
        bar = '<progress class="loyalty-progress" max="10" value="7" aria-label="Every tenth bag"'
        assert f'{bar} aria-valuetext="7 of 10 pieces"></progress>' in page.content.decode()

    def test_says_how_often_a_card_was_full(self, unit, client, boris, bites):
        a_card(unit)
        buy(boris, (bites, 23), on=day(5, 1))

        assert "Reached 2 times" in section(client.get(OVERVIEW))
        assert numbers(client.get(OVERVIEW), "goal") == [3]

    def test_shows_no_bar_of_what_was_reached_for_good(self, unit, client, boris, bites):
        a_card(unit, repeats=False, ends_at=day(6, 1))
        buy(boris, (bites, 23), on=day(5, 1))

        page = client.get(OVERVIEW)
        assert "Every tenth bag Reached" in section(page)
        assert "<progress" not in page.content.decode()
        assert "Orders count" not in section(page)

    def test_says_until_when_the_oldest_counts(self, unit, client, boris, bites):
        a_card(unit, metric="orders", sets=[], target=3, window_days=60)
        buy(boris, (bites, 1), on=day(5, 1))

        assert "3 orders within 60 days" in section(client.get(OVERVIEW))
        assert "1 of 3 orders The first of these counts until 30 June 2026." in section(client.get(OVERVIEW))

    def test_tells_money_as_money(self, unit, client, boris, bites):
        a_card(unit, metric="spend", sets=[], target=10_000)
        buy(boris, (bites, 1), on=day(5, 1))

        assert "€24.90 of €100.00" in section(client.get(OVERVIEW))

    def test_tells_nobody_of_what_is_for_others(self, unit, client, boris, bites):
        segment = SegmentFactory(program=unit.program)
        a_card(unit, segment=segment)
        assert section(client.get(OVERVIEW)) == ""

        set_members(segment=segment, member_ids=[Member.objects.get(user=boris).pk], at=TODAY)
        assert "0 of 10 pieces" in section(client.get(OVERVIEW))

    @pytest.mark.parametrize("fields", [{"is_on": False}, {"starts_at": day(6, 1)}, {"ends_at": TODAY}])
    def test_has_none_of_what_no_order_counts_for(self, unit, client, bites, fields):
        a_card(unit, **fields)

        assert section(client.get(OVERVIEW)) == ""


class TestHowItWorks:
    def test_names_the_goals_to_strangers_too(self, unit, bites):
        a_card(unit)

        assert "Every tenth bag: 10 pieces (Treats). 100 paws" in text_of(Client().get(GUIDE))

    def test_has_no_part_without_goals(self, unit):
        assert 'id="goals"' not in Client().get(GUIDE).content.decode()


class TestTheBasket:
    def test_says_how_far_it_brings_its_owner(self, unit, client, boris, bites):
        a_card(unit)
        buy(boris, (bites, 7), on=day(5, 1))
        a_basket(boris, (bites, 2), (a_product("Rope toy", "6.50"), 5))

        assert "“Every tenth bag” with this order: 9 of 10 pieces" in text_of(client.get(reverse("basket:summary")))

    def test_says_what_it_reaches(self, unit, client, boris, bites):
        a_card(unit)
        buy(boris, (bites, 7), on=day(5, 1))
        a_basket(boris, (bites, 3))

        said = text_of(client.get(reverse("basket:summary")))
        assert "With this order you reach “Every tenth bag”: 100 paws" in said

    def test_says_nothing_of_what_it_does_not_count_for(self, unit, client, boris, bites):
        a_card(unit)
        a_card(unit, metric="points", sets=[])
        a_basket(boris, (a_product("Rope toy", "6.50"), 5))

        assert "goal-nudge" not in client.get(reverse("basket:summary")).content.decode()


class TestThePageThatThanks:
    def test_shows_the_cards_that_the_order_counts_for(self, unit, client, boris, bites):
        a_card(unit)
        a_card(unit, name="Toys", sets=["toys"])
        order = buy(boris, (bites, 7), on=TODAY - timedelta(minutes=1))
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()

        page = client.get(reverse("checkout:thank-you"))

        assert "7 of 10 pieces" in section(page)
        assert "Toys" not in section(page)


class TestTheCost:
    def asked(self, client, url):
        client.get(url)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(url)
        return [query["sql"] for query in queries if "goal" in query["sql"]]

    def test_is_nothing_without_goals(self, client, boris, bites):
        a_basket(boris, (bites, 1))

        assert [self.asked(client, url) for url in (OVERVIEW, GUIDE, reverse("basket:summary"))] == [[], [], []]

    def test_is_one_query_with_them(self, unit, client, boris, bites):
        for number in range(3):
            a_card(unit, code=f"card-{number}")
        a_basket(boris, (bites, 1))

        assert [len(self.asked(client, url)) for url in (OVERVIEW, GUIDE, reverse("basket:summary"))] == [1, 1, 1]


class TestTheApi:
    def test_tells_the_same(self, unit, client, boris, bites):
        reward = RewardFactory(program=unit.program, code="free-bag", name="A free bag", price=None)
        a_card(unit, code="bags", reward=reward)
        buy(boris, (bites, 17), on=day(5, 1))

        told = client.get("/loyalty/api/me").json()

        assert told["goals"] == [
            {
                "code": "bags",
                "name": "Every tenth bag",
                "counted": 7,
                "target": 10,
                "text": "7 of 10 pieces",
                "asks": "10 pieces (Treats)",
                "reached": 1,
                "repeats": True,
                "points": 0,
                "reward": "free-bag",
                "gift": "“A free bag”",
                "until": None,
            }
        ]

    def test_has_an_empty_list_without_goals(self, client):
        assert client.get("/loyalty/api/me").json()["goals"] == []


class TestAnOrderThatReachesACardOften:
    def test_is_promised_as_often_as_it_gives(self, unit, boris, client, bites):
        a_card(unit, target=10, repeats=True)
        buy(boris, (bites, 7), on=day(3, 1))
        client.post(f"/basket/add/{bites.pk}/", {"quantity": 23})
        said = "With this order you reach “Every tenth bag” 3 times: 100 paws each time"
        assert said in text_of(client.get("/basket/"))

    def test_says_afterwards_what_it_brought(self, unit, boris, client, bites):
        a_card(unit, target=10, repeats=True)
        buy(boris, (bites, 7), on=day(3, 1))
        order = buy(boris, (bites, 3), on=TODAY)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        page = text_of(client.get(reverse("checkout:thank-you")))
        assert "You have reached it: 100 paws. It is yours." in page


class TestTheProductsPage:
    def says(self, client, product):
        page = client.get(product.get_absolute_url()).content.decode()
        found = re.findall(r'data-loyalty="counts-for">([^<]*)<', page)
        return [text.replace("\xa0", " ") for text in found]

    def test_says_how_far_a_member_is(self, unit, boris, client, bites):
        a_card(unit)
        buy(boris, (bites, 7), on=day(3, 1))
        assert self.says(client, bites) == ["Counts for “Every tenth bag”. So far: 7 of 10 pieces."]
        assert self.says(client, a_product("Lead")) == []

    def test_says_to_strangers_what_there_is_to_have(self, unit, bites):
        a_card(unit)
        assert self.says(Client(), bites) == ["Counts for “Every tenth bag”: for 10 pieces (Treats) you get 100 paws."]

    def test_says_nothing_of_what_counts_orders_or_money_or_is_reached_already(self, unit, boris, client, bites):
        a_card(unit, code="orders", metric="orders", params={})
        a_card(unit, code="once", target=1, repeats=False)
        buy(boris, (bites, 1), on=day(3, 1))
        assert self.says(client, bites) == []

    def test_names_a_card_for_any_piece_on_every_page_and_variants_by_their_own(self, unit, boris, client):
        a_card(unit, sets=[], params={})
        assert len(self.says(client, a_product("Lead"))) == 1
        parent = create_product(structure="parent", title="Bed")
        child = create_product(structure="child", parent=parent, title="Red")
        ProductSetFactory(code="beds", name="Beds", products=[child])
        a_card(unit, code="bed", name="Beds", sets=["beds"])
        assert len(self.says(client, parent)) == 2

    def test_asks_nothing_of_strangers_and_one_thing_of_members(self, unit, client, bites):
        def asked(somebody):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                somebody.get(bites.get_absolute_url())
            return len(queries)

        before = []
        for somebody in (Client(), client):
            asked(somebody)
            before.append(asked(somebody))
        a_card(unit)
        after = []
        for somebody in (Client(), client):
            asked(somebody)
            after.append(asked(somebody))
        assert [now - then for now, then in zip(after, before, strict=True)] == [0, 1]


class TestTheDoctor:
    def said(self):
        return [(found.level, found.text.partition(":")[0]) for found in doctor.goals(at=TODAY)]

    def test_says_nothing_without_goals_and_of_each_that_it_can_be_reached(self, unit):
        assert self.said() == []
        GoalFactory(program=unit.program, name="Card")
        GoalFactory(program=unit.program, code="over", name="Over", ends_at=TODAY)
        assert self.said() == [(Level.OK, "“Card” is in force, counted by pieces")]

    @pytest.mark.parametrize(
        ("changed", "level", "said"),
        [
            ({"metric": "gone"}, Level.ERROR, "“Card” counts by 'gone', which is not registered"),
            ({"params": {"sets": ["none"]}}, Level.WARNING, "“Card” counts products of sets that are tied to no range"),
            ({"rank": 7}, Level.WARNING, "“Card” is for level 7 and above, which is not there"),
        ],
    )
    def test_names_one_that_nobody_can_reach(self, unit, changed, level, said):
        goal = GoalFactory(program=unit.program, name="Card")
        type(goal).objects.update(**changed)
        assert self.said() == [(level, said)]

    def test_names_one_whose_gift_is_of_no_kind(self, unit):
        GoalFactory(program=unit.program, name="Card", reward=RewardFactory(program=unit.program, name="Toy"))
        Reward.objects.update(kind="gone")
        assert self.said() == [(Level.ERROR, "“Card” gives “Toy”, whose kind is not registered")]


class TestStaff:
    @pytest.fixture
    def pages(self, unit, boris):
        """The member's page in the admin and the customer's on the dashboard, in words."""
        staff = get_user_model().objects.create_superuser("kate", "kate@example.com", "x")
        desk = Client()
        desk.force_login(staff)
        member = Member.objects.get(user=boris)
        addresses = [
            reverse("admin:loyalty_program_member_change", args=[member.pk]),
            reverse("dashboard:user-detail", args=[boris.pk]),
        ]
        return lambda: [text_of(desk.get(address)) for address in addresses]

    def test_read_how_far_somebody_is_and_by_which_orders(self, unit, boris, bites, pages):
        assert not any("Orders that count" in text for text in pages())
        a_card(unit, target=10, repeats=True)
        assert all("Every tenth bag 0 of 10 pieces 0" in text for text in pages())
        orders = [buy(boris, (bites, pieces), on=day(3, pieces)) for pieces in range(1, 7)]
        newest = " ".join(f"Order {orders[pieces - 1].number}: {pieces} pieces" for pieces in (6, 5, 4, 3, 2))
        for text in pages():
            assert f"Every tenth bag 1 of 10 pieces 2 {newest} 1 older order counts, too." in text
