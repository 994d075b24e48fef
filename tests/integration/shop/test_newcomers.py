"""The first steps of a newcomer: what there is to do, how far it is done, and the way there after registering."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SchemeFactory
from tests.integration.journeys.deeds import a_campaign
from tests.storefront import TODAY, a_club, a_product, a_user, buy, day, numbers, text_of

pytestmark = pytest.mark.django_db
OVERVIEW, REGISTER = reverse("loyalty:overview"), reverse("customer:register")
FORM = {"email": "new@example.com", "password1": "a long good one", "password2": "a long good one"}


@pytest.fixture
def unit():
    """A club in which there is much to do."""
    unit = a_club()
    a_campaign(unit, "sign-up", points=50)
    a_campaign(unit, "birthday", points=100)
    SchemeFactory(program=unit.program)
    return unit


@pytest.fixture
def newcomer(unit):
    user = a_user()
    join(program=unit.program, user_id=user.pk, at=TODAY)
    return user


def page_of(user, *, on=TODAY, client=None):
    client = client or Client()
    client.force_login(user)
    with clock.at(on):
        return client.get(OVERVIEW)


class TestTheFirstSteps:
    def test_say_what_there_is_to_do_and_what_it_brings(self, newcomer):
        response = page_of(newcomer)
        said = text_of(response)
        for part in (
            "Welcome to the Paw Club 0 of 4 steps done",
            "Confirm your e-mail address: 50 paws Confirm",
            "Tell us your birthday: 100 paws each year Choose the day",
            "Place your first order. Find something nice",
            "Invite a friend: ",
        ):
            assert part in said, part
        assert numbers(response, "welcome") == [0]
        assert response.content.decode().count("btn btn-primary") == 1
        assert "Your first order starts your account" not in said

    def test_are_done_one_by_one(self, newcomer):
        buy(newcomer, (a_product(), 1), on=TODAY)
        client = Client()
        client.force_login(newcomer)
        with clock.at(TODAY):
            client.post(reverse("loyalty:birthday"), {"day": "7", "month": "5"})
        response = page_of(newcomer, client=client)
        assert "2 of 4 steps done" in text_of(response)
        assert "Your first order is placed" in text_of(response)
        assert "brings about" not in text_of(response), "what it brought stands above"
        assert response.content.decode().count("loyalty-done") == 2

    def test_go_when_all_are_done_or_closed(self, newcomer):
        client = Client()
        client.force_login(newcomer)
        with clock.at(TODAY):
            answer = client.post(reverse("loyalty:close-welcome"))
        assert answer.url == OVERVIEW
        assert "steps done" not in text_of(page_of(newcomer, client=client))
        assert "steps done" in text_of(page_of(newcomer)), "on another machine they are still there"

    def test_are_for_newcomers(self, newcomer):
        assert "steps done" in text_of(page_of(newcomer, on=TODAY + timedelta(days=29)))
        assert "steps done" not in text_of(page_of(newcomer, on=TODAY + timedelta(days=30)))

    def test_are_not_shown_where_there_is_but_one_or_the_store_wants_none(self, settings):
        a_club()
        user = a_user()
        assert "steps done" not in text_of(page_of(user))
        assert "Your first order starts your account" in text_of(page_of(user))

    def test_are_switched_off_by_the_store(self, newcomer, settings):
        settings.LOYALTY_WELCOME = False
        assert "steps done" not in text_of(page_of(newcomer))

    def test_are_shown_before_anybody_wrote_a_membership(self, unit):
        assert "0 of 4 steps done" in text_of(page_of(a_user()))
        assert not Member.objects.exists()

    def test_close_for_nobody_who_is_not_signed_in(self, unit):
        assert Client().post(reverse("loyalty:close-welcome")).url.startswith(reverse("customer:login"))


class TestRegistering:
    def test_leads_to_the_first_steps(self, unit, client):
        response = client.post(REGISTER, FORM, follow=True)
        assert response.redirect_chain[-1][0] == OVERVIEW
        assert "0 of 4 steps done" in text_of(response)

    def test_goes_on_to_where_one_was_going_and_says_where_the_steps_are(self, unit, client):
        response = client.post(REGISTER, {**FORM, "redirect_url": reverse("basket:summary")}, follow=True)
        assert response.redirect_chain[-1][0] == reverse("basket:summary")
        assert "Welcome to the Paw Club. See your first steps" in text_of(response)
        assert f'<a href="{OVERVIEW}">See your first steps</a>' in response.content.decode()

    def test_leads_where_oscar_leads_without_a_program_or_where_the_store_says_so(self, client, settings):
        settings.LOYALTY_WELCOME = False
        a_club()
        assert client.post(REGISTER, FORM).url != OVERVIEW

    def test_leads_where_oscar_leads_without_a_program(self, client):
        assert client.post(REGISTER, FORM).url != OVERVIEW

    def test_that_fails_leads_nowhere(self, unit, client):
        assert client.post(REGISTER, {**FORM, "password2": "another"}).status_code == 200


class TestOneWhoJoinsByChoice:
    def test_sees_the_steps_after_joining(self, client):
        unit = a_club(enrolment="opt-in")
        a_campaign(unit, "birthday", points=100)
        user = a_user()
        client.force_login(user)
        assert "steps done" not in text_of(page_of(user, client=client))
        with clock.at(day(5, 6)):
            said = text_of(client.post(reverse("loyalty:join"), {"accept": "on"}, follow=True))
        assert "0 of 2 steps done" in said
