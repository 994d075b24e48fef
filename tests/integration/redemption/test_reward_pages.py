"""The catalogue of rewards: who reads what, one button for each, and what one has."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import freeze
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.operations import give
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim, add_codes, buy, fulfil
from loyalty_oscar.shop.redemption.rewards.storefront import RewardCard
from loyalty_oscar.testing.factories import (
    GivenTierFactory,
    LadderFactory,
    MemberFactory,
    RewardFactory,
    SegmentFactory,
)
from tests.storefront import TODAY, a_product, a_user, text_of

pytestmark = pytest.mark.django_db
PAGE = "/loyalty/rewards/"


@pytest.fixture
def member(unit):
    """A member with 512 paws."""
    told = {"points": 512, "points__at": TODAY - timedelta(days=1), "points__expires_at": None}
    return MemberFactory(program=unit.program, user=a_user(), **told)


def client_of(member=None):
    client = Client()
    if member:
        client.force_login(member.user)
    return client


def look(client, page=PAGE, at=TODAY):
    forget_cache()
    with clock.at(at):
        return client.get(page)


def press(client, code, text="", once=None, at=TODAY):
    """Open the page and claim a reward on it, as its form does; returns the page that follows."""
    once = once or re.search(r'name="once" value="([0-9a-f]{32})"', look(client).content.decode())[1]
    with clock.at(at):
        return client.post(f"{PAGE}{code}/claim/", {"once": once, "text": text}, follow=True)


class TestTheCatalogue:
    def test_is_not_there_without_a_reward(self, unit, member):
        assert look(client_of(member)).status_code == 404
        assert PAGE not in look(client_of(member), "/loyalty/").content.decode()
        assert PAGE not in look(client_of(), "/loyalty/how-it-works/").content.decode()

    def test_shows_a_stranger_every_price_and_no_button(self, unit):
        RewardFactory(name="A grooming", price=500, text="An hour, any dog.")
        page = look(client_of())
        assert "A grooming An hour, any dog. 500" in text_of(page)
        assert "Yes, claim it" not in text_of(page)

    def test_names_what_gifts_are_without_a_query_for_each(self, unit, member):
        def asked(titles):
            for title in titles:
                params = {"products": [a_product(title).pk], "pieces": 2}
                RewardFactory(name=f"From {title}", kind="product", price=5, params=params)
            client = client_of(member)
            look(client)
            with CaptureQueriesContext(connection) as queries, clock.at(TODAY):
                page = text_of(client.get(PAGE))
            assert all(f"2 pieces of {title}" in page for title in titles)
            return len(queries)

        assert asked(["Bone"]) == asked(["Ball", "Rope", "Mug"])

    def test_tells_members_what_they_can_have_and_what_is_missing(self, unit, member):
        RewardFactory(name="Dear", price=632), RewardFactory(name="Within reach", price=500)
        RewardFactory(name="Gone", price=1, quota=1, taken=1), RewardFactory(name="Few", price=2, quota=3, taken=1)
        text = text_of(look(client_of(member)))
        assert text.index("Few") < text.index("Within reach") < text.index("Dear")
        assert "You need 120 paws more." in text.replace("\xa0", " ")
        assert "Claim for 500 paws? Leaves 12 paws (€0.12)." in text.replace("\xa0", " ")
        assert "None is left of this reward." in text
        assert "2 left" in text

    @pytest.mark.parametrize(
        ("kind", "about", "said"),
        [
            ("off", {"params": {"amount": 500, "least": 2000}}, "€5.00 off, in a basket of €20.00 or more"),
            ("delivery", {"params": {"most": 490}}, "€4.90 off delivery at most"),
            ("code", {"params": {"where": "At the till"}}, "At the till"),
            ("off", {"params": {"percent": 10}, "valid_days": 1}, "10 % off Good for 1 day once claimed."),
            ("delivery", {"params": {}, "valid_days": 90}, "Free delivery Good for 90 days once claimed."),
        ],
    )
    def test_says_what_is_asked_before_anybody_pays(self, unit, member, kind, about, said):
        RewardFactory(program=unit.program, name="A treat", price=5, kind=kind, **about)
        assert f"A treat {said}" in text_of(look(client_of(member))).replace("\xa0", " ")

    @pytest.mark.parametrize(("name", "terms"), [("Free delivery", ""), ("No postage", "Free delivery")])
    def test_says_nothing_that_its_name_says_already(self, unit, name, terms):
        reward = RewardFactory(program=unit.program, name=name, price=5, kind="delivery")
        assert RewardCard(reward=reward, price="5 paws").terms == terms

    def test_keeps_words_for_staff_from_members(self, unit, member):
        RewardFactory(program=unit.program, price=5, params={"ask": "Which day?"})
        assert "Members are asked" not in text_of(look(client_of(member)))

    def test_says_from_which_level_on_a_reward_is(self, unit, member):
        LadderFactory(program=unit.program)
        RewardFactory(name="A seat", price=5, rank=2)
        assert "For members at Silver or above." in text_of(look(client_of()))
        assert "Yes, claim it" not in text_of(look(client_of(member)))
        GivenTierFactory(member=member, at=TODAY - timedelta(hours=1))
        assert "Yes, claim it" in text_of(look(client_of(member)))

    def test_hides_what_is_for_a_list_from_those_who_are_not_on_it(self, unit, member):
        RewardFactory(name="Open to all", price=5)
        RewardFactory(name="For testers", price=5, segment=SegmentFactory(program=unit.program))
        for who in (None, member):
            assert "For testers" not in text_of(look(client_of(who)))

    def test_offers_none_of_which_no_code_is_left(self, unit, member):
        reward = RewardFactory(name="A day in the spa", price=5, codes=[])
        client = client_of(member)
        text = text_of(look(client))
        assert "A day in the spa 5 paws None is left of this reward." in text
        assert "Yes, claim it" not in text
        assert "You can have 1 reward now." not in text_of(look(client, "/loyalty/"))
        assert "loyalty-dot" not in look(client, "/catalogue/").content.decode()
        add_codes(reward=reward, codes=["SPA-1"])
        assert "Yes, claim it" in text_of(look(client))
        assert "You can have 1 reward now." in text_of(look(client, "/loyalty/"))

    def test_shows_nothing_before_and_after_its_time(self, unit):
        RewardFactory(name="Now", price=5, starts_at=TODAY, ends_at=TODAY + timedelta(days=1))
        assert look(client_of(), at=TODAY - timedelta(seconds=1)).status_code == 404
        assert "To be had until 7 May 2026." in text_of(look(client_of()))
        assert look(client_of(), at=TODAY + timedelta(days=1)).status_code == 404


class TestClaiming:
    def test_takes_the_price_once_however_often_the_form_is_sent(self, unit, member):
        RewardFactory(code="spa", name="A day in the spa", price=500, codes=["SPA-7"])
        client = client_of(member)
        once = re.search(r'name="once" value="([0-9a-f]{32})"', look(client).content.decode())[1]
        for _time in range(2):
            page = press(client, "spa", once=once)
        assert "“A day in the spa” is yours." in text_of(page)
        assert (Claim.objects.count(), Account.objects.get().available) == (1, 12)

    def test_asks_what_the_service_needs_and_tells_how_it_stands(self, unit, member):
        RewardFactory(code="groom", name="A grooming", price=500, params={"ask": "Which day suits you?"})
        client = client_of(member)
        assert "Which day suits you?" in text_of(look(client))
        page = press(client, "groom", text="Monday")
        assert "We take care of it and write to you." in text_of(page)
        assert "Yours to use A grooming Claimed on 6 May 2026 for 500" in text_of(page)
        assert "We are on it" in text_of(page)
        assert Claim.objects.get().text == "Monday"
        fulfil(claim=Claim.objects.get(), actor="staff:1", at=TODAY)
        assert "1 earlier reward" in text_of(look(client))

    def test_says_why_not_and_takes_nothing(self, unit, member):
        RewardFactory(code="dear", price=513), RewardFactory(code="cheap", price=5)
        page = press(client_of(member), "dear")
        assert "You need 1 paw more." in text_of(page).replace("\xa0", " ")
        assert (Claim.objects.count(), Account.objects.get().available) == (0, 512)

    @pytest.mark.parametrize(("price", "taken", "said"), [(500, 0, "costs 500 paws by now"), (300, 300, "is yours")])
    def test_takes_no_more_than_the_page_said(self, unit, member, price, taken, said):
        reward = RewardFactory(code="spa", price=400, codes=["SPA-7"])
        client = client_of(member)
        form = dict(re.findall(r'name="(once|points)" value="(\w+)"', look(client).content.decode()))
        assert form["points"] == "400"
        Reward.objects.filter(pk=reward.pk).update(price=price)
        with clock.at(TODAY):
            page = client.post(f"{PAGE}spa/claim/", form, follow=True)
        assert said in text_of(page).replace("\xa0", " ")
        assert Account.objects.get().available == 512 - taken

    @pytest.mark.parametrize("once", ["x", "0" * 31, "<b>", "0" * 33])
    def test_of_a_form_that_was_tampered_with_takes_nothing(self, unit, member, once):
        RewardFactory(code="spa", price=5)
        assert "try it once more" in text_of(press(client_of(member), "spa", once=once))
        assert Claim.objects.count() == 0

    def test_leaves_out_what_no_database_keeps(self, unit, member):
        RewardFactory(code="groom", price=500, params={"ask": "Which day?"})
        assert press(client_of(member), "groom", text="Mon\0day").status_code == 200
        assert Claim.objects.get().text == "Monday"

    def test_leads_strangers_to_the_login(self, unit):
        RewardFactory(code="spa", price=5)
        answer = client_of().post(f"{PAGE}spa/claim/", {"once": "0" * 32})
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("customer:login"))

    @pytest.mark.parametrize("code", ["nothing", "testers"])
    def test_of_what_is_not_there_is_not_found(self, unit, member, code):
        RewardFactory(code="spa", price=5)
        RewardFactory(code="testers", price=5, segment=SegmentFactory(program=unit.program))
        assert press(client_of(member), code, once="0" * 32).status_code == 404

    @pytest.mark.parametrize("about", [{"is_on": False}, {"starts_at": TODAY + timedelta(days=1)}])
    def test_of_what_is_for_a_list_is_not_found_out_of_its_time_either(self, unit, member, about):
        RewardFactory(code="spa", price=5)
        RewardFactory(code="testers", price=5, segment=SegmentFactory(program=unit.program), **about)
        assert press(client_of(member), "testers", once="0" * 32).status_code == 404


class TestACodeOfOnesOwn:
    def test_is_shown_to_its_member_alone(self, unit, member):
        RewardFactory(code="spa", price=500, codes=["SPA-7"], params={"where": "At the spa's till."})
        client = client_of(member)
        assert "SPA-7" not in press(client, "spa").content.decode()
        claim = Claim.objects.get()
        stranger = MemberFactory(program=unit.program, user=a_user("anna@example.com"))
        assert client_of(stranger).post(f"{PAGE}mine/{claim.pk}/use/").status_code == 404
        with clock.at(TODAY):
            page = client.post(f"{PAGE}mine/{claim.pk}/use/", follow=True)
        assert "Your code: SPA-7 At the spa's till." in text_of(page)

    def test_is_not_shown_by_looking(self, unit, member):
        RewardFactory(code="spa", price=500, codes=["SPA-7"])
        client = client_of(member)
        press(client, "spa")
        assert client.get(f"{PAGE}mine/{Claim.objects.get().pk}/use/").status_code == 405
        assert Claim.objects.get().state == "open"


class TestAGift:
    def test_is_found_where_the_shop_has_no_catalogue(self, unit, member):
        reward = RewardFactory(name="A grooming", price=None)
        client = client_of(member)
        assert PAGE not in look(client, "/loyalty/").content.decode()
        promise = Promise(reward_id=reward.pk)
        give(member_id=member.pk, promise=promise, key="staff:1", because=Because("goodwill"), at=TODAY)

        page = look(client, "/loyalty/")
        assert "Rewards A grooming A gift of 6 May 2026." in text_of(page)
        assert f'href="{PAGE}"' in page.content.decode()
        with clock.at(TODAY):
            page = client.post(f"{PAGE}mine/{Claim.objects.get().pk}/use/", {"text": "Mon\0day"}, follow=True)
        assert "We take care of it and write to you." in text_of(page)
        assert (Claim.objects.get().state, Claim.objects.get().text) == ("asked", "Monday")

    def test_that_nobody_hands_out_has_no_button(self, unit, member):
        reward = RewardFactory(name="A thing", kind="of-an-app-that-left")
        promise = Promise(reward_id=reward.pk)
        give(member_id=member.pk, promise=promise, key="staff:1", because=Because("goodwill"), at=TODAY)
        page = look(client_of(member)).content.decode()
        assert "A thing" in page
        assert "Use now" not in page

    def test_of_a_kind_that_left_is_offered_and_sold_to_nobody(self, unit, member):
        reward = RewardFactory(name="A thing", kind="of-an-app-that-left", price=5)
        client = client_of(member)
        assert "A thing" not in look(client).content.decode()
        assert "A thing" not in look(client, "/loyalty/how-it-works/").content.decode()
        with pytest.raises(CannotClaim, match="reward_over"):
            buy(reward=reward, member=member, key="1", at=TODAY)
        assert not Claim.objects.exists()


class TestTheBadge:
    WORDS = "You can have a reward now"

    def dots(self, member):
        return look(client_of(member), "/catalogue/").content.decode().count("loyalty-dot")

    def test_has_a_dot_and_words_as_soon_as_a_reward_is_in_reach(self, unit, member):
        reward = RewardFactory(price=513)
        assert self.dots(member) == 0
        Reward.objects.filter(pk=reward.pk).update(price=512)
        page = look(client_of(member), "/catalogue/")
        assert page.content.decode().count("loyalty-dot") == 2  # on wide windows, and on narrow ones
        assert text_of(page).count(f"512 paws . {self.WORDS}") == 2

    @pytest.mark.parametrize(
        "about", [{"is_on": False}, {"price": None}, {"ends_at": TODAY}, {"rank": 2}, {"quota": 1, "taken": 1}]
    )
    def test_has_none_for_what_cannot_be_had(self, unit, member, about):
        LadderFactory(program=unit.program)
        RewardFactory(**{"price": 5, **about})
        assert self.dots(member) == 0

    def test_has_one_where_one_of_several_can_be_had(self, unit, member):
        LadderFactory(program=unit.program)
        RewardFactory(price=5, rank=2), RewardFactory(price=6, quota=1)
        assert self.dots(member) == 2

    def test_has_none_for_strangers_and_none_while_points_are_frozen(self, unit, member):
        RewardFactory(price=5)
        assert "loyalty-dot" not in look(client_of(), "/catalogue/").content.decode()
        freeze(member=member, until=None, earns=True, reason="asked", actor="staff:1", at=TODAY - timedelta(hours=1))
        assert self.dots(member) == 0

    def test_asks_nothing_more_for_its_dot(self, unit, member):
        def asked():
            look(client_of(member), "/catalogue/")
            with CaptureQueriesContext(connection) as queries, clock.at(TODAY):
                client_of(member).get("/catalogue/")
            return len(queries)

        before = asked()
        RewardFactory(price=5), RewardFactory(price=4, quota=1)
        assert asked() == before

    def test_is_told_of_it_where_a_page_is_equal_for_everybody(self, unit, member):
        assert "dot" not in look(client_of(member), reverse("loyalty:badge")).json()
        RewardFactory(price=5)
        assert self.WORDS in look(client_of(member), reverse("loyalty:badge")).json()["dot"]


class TestOtherPages:
    def test_lead_to_the_rewards(self, unit, member):
        RewardFactory(name="A grooming", price=500), RewardFactory(name="Dear", price=632)
        page = text_of(look(client_of(member), "/loyalty/")).replace("\xa0", " ")
        assert "You can have 1 reward now. Dear: You need 120 paws more. See all rewards" in page
        RewardFactory(name="A bath", price=400)
        assert "You can have one of 2 rewards now." in text_of(look(client_of(member), "/loyalty/"))
        assert f'href="{PAGE}"' in look(client_of(), "/catalogue/").content.decode()
        assert "A grooming: 500 paws" in text_of(look(client_of(), "/loyalty/how-it-works/")).replace("\xa0", " ")

    def test_tell_of_the_price_in_the_statement(self, unit, member):
        RewardFactory(code="groom", name="A grooming", price=500)
        client = client_of(member)
        press(client, "groom")
        assert "Used for the reward “A grooming”" in text_of(look(client, "/loyalty/statement/"))
