"""A friend without scripts: from the link to registration, birthday, code word and a basket."""

import pytest
from django.urls import reverse

from loyalty_oscar.people.models import Birthday
from loyalty_oscar.referrals.models import Referral
from tests.browser.stage import arrive_at, calendar, words  # noqa: F401 - fixtures
from tests.integration.journeys.deeds import a_campaign
from tests.integration.referrals.friendly import an_inviting_club, landing
from tests.storefront import a_product, day

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a good 1"


@pytest.fixture
def club(calendar):  # noqa: F811
    """A club that invites, asks for birthdays and has a code word."""
    club = an_inviting_club(newcomer_points=150)
    a_campaign(club.unit, "birthday", name="Birthday", points=20)
    a_campaign(club.unit, "word", name="Dog show in Leipzig", word="leipzig26", points=100)
    club.bed = a_product("Trail bed", "40.00")
    calendar.turn_to(day(5, 6))
    return club


class TestAFriendWithoutScripts:
    def test_comes_in_and_finds_all_there_is(self, club, browser, live_server):
        with browser.new_context(java_script_enabled=False, base_url=live_server.url) as context:
            page = context.new_page()
            page.goto(landing(club.code))
            page.get_by_role("link", name="Register", exact=True).locator("visible=true").last.click()
            for name, value in {"email": "priya@example.com", "password1": PASSWORD, "password2": PASSWORD}.items():
                page.fill(f"#register_form [name$={name}]", value)
            page.locator("#register_form [name$=password2]").press("Enter")
            page.goto(reverse("loyalty:overview"))
            assert "150 paws with your first order" in words(page)
            page.get_by_label("Day").select_option("29")
            page.get_by_label("Month").select_option("February")
            page.get_by_role("button", name="Save").press("Enter")
            assert "We keep the day and the month, nothing else." in words(page)
            page.get_by_label("Have you got a code word?").fill("leipzig26")
            page.get_by_label("Have you got a code word?").press("Enter")
            assert "100 paws for you: Dog show in Leipzig" in words(page)
            page.goto(club.bed.get_absolute_url())
            page.locator("#add_to_basket_form button[type=submit]").press("Enter")
            page.goto("/basket/")
            assert "You get 40 paws for this basket" in words(page)
            assert "invited you: plus 150 paws" in words(page)
        assert Referral.objects.get(newcomer__user__email="priya@example.com").giver.user == club.boris
        assert (Birthday.objects.get().day, Birthday.objects.get().month) == (29, 2)
