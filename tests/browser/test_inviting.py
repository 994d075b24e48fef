"""Bringing a friend in a real Chromium: Share first, nothing sideways, nothing for axe to find, and the whole way."""

import pytest
from django.urls import reverse

from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.testing import clock
from tests.browser.test_storefront import open_page, violations  # noqa: F401 - a fixture
from tests.integration.referrals.friendly import an_inviting_club, bring, landing
from tests.storefront import a_product, a_user, arrive, buy, day, ripen, send_back

pytestmark = pytest.mark.django_db(transaction=True)
INVITE = reverse("loyalty:invite")
WIDTHS = [320, 375, 1280]


@pytest.fixture
def club():
    """Boris with a friend in each state."""
    club = an_inviting_club()
    product = a_product(price="30.00")
    for name in ("Maximilian-Alexander", "Anna-Lena", "Priya", "Jo"):
        user = a_user(f"{name.lower()}@example.com")
        type(user).objects.filter(pk=user.pk).update(first_name=name)
        bring(club, user)
        if name != "Maximilian-Alexander":
            first = arrive(buy(user, (product, 1), on=day(3, 3)), on=day(3, 5)) if name != "Priya" else None
            if name == "Jo":
                ripen(on=day(3, 20))
                send_back(first, 1, on=day(3, 21))
            if name == "Priya":
                buy(user, (product, 1), on=day(5, 2))
    with clock.at(day(5, 6)):
        yield club


def sideways(page):
    """By how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


class TestTheMembersPage:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_holds_and_is_accessible(self, club, open_page, width):  # noqa: F811
        page = open_page(INVITE, club.boris, width)

        assert violations(page) == []
        assert sideways(page) <= 0
        assert page.locator(".loyalty-friend").count() == 4
        side = page.locator(".loyalty-qr").bounding_box()["width"]
        assert side == (112 if width < 768 else 190)

    def test_shares_first_and_without_sharing_copies_the_link(self, club, open_page):  # noqa: F811
        page = open_page(INVITE, club.boris, 375)
        page.evaluate("navigator.share = (what) => { window.shared = what; return Promise.resolve(); }")
        page.click("#loyalty-share")
        assert page.evaluate("window.shared.url").endswith(landing(club.code))
        page.evaluate("navigator.share = undefined")
        page.click("#loyalty-share")
        page.wait_for_function("document.getElementById('loyalty-copied').textContent === 'The link is copied.'")
        first = page.locator("#loyalty-share").bounding_box()["y"]
        assert first < page.locator(".loyalty-ways").bounding_box()["y"]


class TestANewcomer:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_reads_what_each_side_gets(self, club, open_page, width):  # noqa: F811
        page = open_page(landing(club.code), width=width)

        assert violations(page) == []
        assert sideways(page) <= 0
        assert "A friend invites you to the" in page.inner_text("body")

    def test_comes_by_the_link_on_a_phone_and_registers(self, club, open_page):  # noqa: F811
        page = open_page(landing(club.code), width=375)
        page.click("text=Register >> visible=true")
        assert page.input_value("#loyalty-code") == club.code
        for name, value in {"email": "newcomer@example.com", "password1": "a good 1", "password2": "a good 1"}.items():
            page.fill(f"#register_form [name$={name}]", value)
        page.click("#register_form button[type=submit]")
        page.wait_for_load_state()

        assert Referral.objects.get(newcomer__user__email="newcomer@example.com").giver.user == club.boris
