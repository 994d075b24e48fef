"""A code with a typo is told where it is typed, and the gift of an invitation on every step until it is earned."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from loyalty_oscar.program.operations import change_state
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.shop.referrals.gift import gift_of
from loyalty_oscar.shop.referrals.links import path_of
from loyalty_oscar.testing import clock
from tests.storefront import TODAY, a_basket, a_club, a_product, a_user, buy, day, numbers, send_back, text_of

from .friendly import bring, code_for, landing, register

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
TYPO = "That code has a typo. Please check it."
LOGIN, REGISTER = reverse("customer:login"), reverse("customer:register")
USE, BASKET, ACCOUNT = reverse("loyalty:use-invite"), reverse("basket:summary"), reverse("loyalty:overview")
GIFT = "Boris invites you: 100 paws with your first order from €20.00."


def named(club, name="Boris"):
    """The link of Boris, who has a first name."""
    type(club.boris).objects.filter(pk=club.boris.pk).update(first_name=name)
    return path_of(code=Code.objects.select_related("member__user").get(code=club.code))


def wrong(code):
    """A code with one wrong letter."""
    return code[:-1] + ("b" if code[-1] != "b" else "d")


def sign_up(client, code, **more):
    """Register by the page that only registers."""
    data = {"email": "priya@example.com", "password1": "a good 1", "password2": "a good 1", "loyalty_code": code}
    return client.post(REGISTER, {**data, **more})


def field(response):
    return response.content.decode().partition('id="loyalty-code"')[2].partition("</span>")[0]


class TestATypoAtRegistration:
    @pytest.mark.parametrize("send", [lambda client, code: register(client, loyalty_code=code), sign_up])
    def test_is_told_at_the_field_and_nothing_is_saved(self, club, client, send):
        page = send(client, wrong(club.code))

        assert page.status_code == 200
        assert TYPO in field(page)
        assert f'value="{wrong(club.code)}"' in field(page)
        assert 'aria-invalid="true"' in field(page)
        assert not get_user_model().objects.filter(email="priya@example.com").exists()
        assert 'value="priya@example.com"' in page.content.decode()

        assert send(client, club.code).status_code == 302
        assert Referral.objects.get().giver.user == club.boris

    @pytest.mark.parametrize("send", [lambda client, code: register(client, loyalty_code=code), sign_up])
    def test_is_none_where_the_whole_link_is_pasted(self, club, client, send):
        link = f"https://shop.example/en-gb/loyalty/invite/{club.code}/?utm_source=a-long-mail-of-a-friend#top"
        assert send(client, link).status_code == 302
        assert Referral.objects.get().giver.user == club.boris

    def test_is_told_beside_the_other_errors(self, club, client):
        page = register(client, email="no address", loyalty_code=wrong(club.code))
        assert "Enter a valid email address." in text_of(page)
        assert TYPO in field(page)

    def test_is_told_the_same_whether_somebody_has_a_code_like_it(self, club, client):
        pages = [field(sign_up(client, code)) for code in (wrong(club.code), "x", "9" * 40)]
        assert len({re.sub(r'value="[^"]*"', "", page) for page in pages}) == 1

    def test_stands_in_nobodys_way_who_signs_in(self, club, client):
        user = a_user("old@example.com")
        told = {"login-username": user.email, "login-password": "a good one", "login_submit": "1", "loyalty_code": "x"}
        assert client.post(LOGIN, told).status_code == 302
        assert client.session["_auth_user_id"] == str(user.pk)

    def test_is_no_matter_where_nobody_invites(self, client):
        a_club()
        assert sign_up(client, "x").status_code == 302

    def test_of_a_right_code_that_nobody_has_is_none(self, club, client):
        assert register(client, loyalty_code="zuzu-zuzus").status_code == 302
        assert not Referral.objects.exists()

    def test_stands_above_the_button(self, club, client):
        for address in (LOGIN, REGISTER):
            form = client.get(address).content.decode().partition('id="register_form"')[2].partition("</form>")[0]
            assert form.index('id="loyalty-code"') < form.index("<button")

    def test_can_be_told_by_a_script_that_knows_the_letters(self, club, client):
        told = field(client.get(REGISTER))
        assert 'data-consonants="bdfghkmnprstvz" data-vowels="aeiou" data-weights="1,3,5,9,11,13,1,3"' in told


class TestATypoAtTheCheckout:
    @pytest.fixture
    def priya(self, club, client):
        priya = a_user("priya@example.com")
        client.force_login(priya)
        client.post(reverse("basket:add", args=[a_product(price="30.00").pk]), {"quantity": 1})
        return priya

    def test_leads_back_to_the_field_with_what_was_typed(self, club, client, priya):
        answer = client.post(USE, {"code": "bafi <muzo>", "from": "checkout"})

        assert answer.url.startswith(reverse("checkout:payment-details"))
        assert answer.url.endswith("#loyalty-code")
        assert "bafi+%3Cmuzo%3E" in answer.url
        assert not Referral.objects.exists()

    def test_is_told_anywhere_else_as_a_message(self, club, client, priya):
        assert TYPO in text_of(client.post(USE, {"code": wrong(club.code)}, follow=True))

    def test_of_a_right_one_is_answered_truly(self, club, client, priya):
        for code in ("zuzu-zuzus", club.code):
            answer = client.post(USE, {"code": code}, follow=True)
            said = "We noted the code. If it is a friend’s and this is your first order, you both get a reward."
            assert said in text_of(answer)


class TestALinkWithAName:
    def test_says_who_invites_what_it_is_and_what_it_is_worth(self, club, client):
        text = text_of(client.get(named(club)))
        assert "Boris invites you to the Paw Club" in text
        assert "100 paws = €1.00" in text
        assert "The Paw Club is free and belongs to" in text

    @pytest.mark.parametrize("change", [("Boris", "Your bank"), ("bafi", "bafi"), (".", ".0")])
    def test_that_somebody_changed_has_no_name(self, club, client, change):
        other = a_user("anna@example.com")
        link = named(club).replace(*change)
        if change[0] == change[1]:
            link = named(club).replace(club.code, code_for(other, club.unit))
        text = text_of(client.get(link))
        assert "A friend invites you to the Paw Club" in text
        assert "Your bank" not in text

    def test_of_a_member_without_one_brings_none(self, club):
        assert named(club, "") == landing(club.code)
        assert named(club, "www.evil.tk") == landing(club.code)

    def test_with_a_typo_says_so(self, club, client):
        assert "This link has a typo." in text_of(client.get(landing(wrong(club.code))))
        assert "This link has a typo." not in text_of(client.get(landing(club.code)))

    def test_is_what_the_member_shares_and_knows_of(self, club, client):
        link = named(club)
        client.force_login(club.boris)
        page = client.get(reverse("loyalty:invite"))
        assert page.context["link"].endswith(link)
        assert "Your friend reads your first name, Boris." in text_of(page)


class TestTheGift:
    def test_is_told_before_registration_and_in_the_basket(self, club, client):
        client.get(named(club))
        client.post(reverse("basket:add", args=[a_product(price="14.90").pk]), {"quantity": 1})

        for address in (LOGIN, REGISTER):
            assert GIFT in text_of(client.get(address))
        assert f"{GIFT} €5.10 to go." in text_of(client.get(BASKET))
        client.post(reverse("basket:add", args=[a_product(price="14.90").pk]), {"quantity": 1})
        assert f"{GIFT} This basket is enough." in text_of(client.get(BASKET))

    def test_of_a_code_without_a_name_is_a_friends(self, club, client):
        client.get(landing(club.code))
        assert "A friend invites you: 100 paws" in text_of(client.get(REGISTER))

    def test_is_named_by_the_welcome_and_then_by_the_account_until_it_is_earned(self, club, client, settings):
        settings.LOGIN_REDIRECT_URL = "/catalogue/"  # Instead of the account page, which tells it.
        client.get(named(club))
        register(client)
        assert GIFT in text_of(client.get("/catalogue/"))
        assert GIFT not in text_of(client.get("/catalogue/"))
        priya = get_user_model().objects.get(email="priya@example.com")
        assert numbers(client.get(ACCOUNT), "gift") == [100]
        a_basket(priya, (a_product(price="14.90"), 1))
        said = text_of(client.get(BASKET))
        assert "Boris invited you: order for €5.10 more and get 100 paws on top." in said
        assert GIFT not in said

        order = buy(priya, (a_product(price="30.00"), 1), on=day(5, 7))
        with clock.at(day(5, 8)):
            assert numbers(client.get(ACCOUNT), "gift") == []
        send_back(order, 1, on=day(5, 8))
        assert numbers(client.get(ACCOUNT), "gift") == []

    def test_is_what_was_promised_then_and_not_what_is_now(self, club, client):
        priya = a_user("priya@example.com")
        bring(club, priya)
        club.scheme.newcomer_points = 1
        club.scheme.save()
        client.force_login(priya)
        assert numbers(client.get(ACCOUNT), "gift") == [100]

    def test_is_told_to_who_came_before_inviting_was_switched_off(self, club, client):
        priya = a_user("priya@example.com")
        bring(club, priya)
        club.scheme.is_on = False
        club.scheme.save()
        client.force_login(priya)
        assert numbers(client.get(ACCOUNT), "gift") == [100]

    def test_is_none_of_who_bought_here_before(self, club, client, settings):
        settings.LOGIN_REDIRECT_URL = "/catalogue/"
        order = buy(a_user("somebody@example.com"), (a_product(), 1), on=day(2, 1))
        type(order).objects.filter(pk=order.pk).update(user=None, guest_email="priya@example.com")
        client.get(named(club))
        register(client)
        assert Referral.objects.count() == 1
        assert "invites you" not in text_of(client.get("/catalogue/"))
        assert numbers(client.get(ACCOUNT), "gift") == []

    def test_is_not_promised_where_somebody_looks_first(self, club, client):
        club.scheme.is_approved = True
        club.scheme.save()
        client.get(named(club))
        client.post(reverse("basket:add", args=[a_product(price="24.90").pk]), {"quantity": 1})
        said = text_of(client.get(BASKET))
        assert GIFT not in said and "that can bring 100 paws more. We check it first." in said
        register(client)
        said = text_of(client.get(ACCOUNT))
        assert GIFT not in said and "that can bring 100 paws more. We check it first." in said

    def test_costs_strangers_without_a_code_nothing_and_members_one_query(
        self, club, client, django_assert_num_queries
    ):
        request = client.get(BASKET).wsgi_request
        assert gift_of(request=request) is None  # Which schemes there are is read once a minute.
        with django_assert_num_queries(0):
            assert gift_of(request=request) is None
        client.force_login(club.boris)
        request = client.get(BASKET).wsgi_request
        assert request.loyalty.member and request.user.pk
        request.loyalty._once.clear()
        with django_assert_num_queries(1):
            assert gift_of(request=request) is gift_of(request=request) is None

    def test_is_none_of_who_invited(self, club, client):
        client.force_login(club.boris)
        assert numbers(client.get(ACCOUNT), "gift") == []

    def test_in_a_program_that_is_closing_is_promised_to_nobody(self, club, client):
        client.get(landing(club.code))
        change_state(program=club.unit.program, to="closing", actor="staff:1", at=TODAY)
        assert "invites you" not in text_of(client.get(REGISTER))
