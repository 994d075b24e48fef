"""Bringing a friend in a real Chromium: Share first, nothing sideways, nothing for axe to find, and the whole way."""

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.testing import clock
from tests.browser.stage import at_widths
from tests.browser.test_journey import ADDRESS
from tests.browser.test_storefront import open_page, violations  # noqa: F401 - a fixture
from tests.integration.referrals.friendly import an_inviting_club, bring, landing
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, ripen, send_back

pytestmark = pytest.mark.django_db(transaction=True)
INVITE = reverse("loyalty:invite")
#: Sixty letters that no browser may break by itself.
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenhalterungen"
WIDTHS = [320, 375, 1280]


@pytest.fixture
def club():
    """Boris with a friend in each state."""
    club = an_inviting_club()
    product = a_product(price="30.00")
    for name in ("Maximilian-Alexander", "Anna-Lena", "Priya", "Jo"):
        user = a_user(f"{name.lower()}@example.com")
        type(user).objects.filter(pk=user.pk).update(first_name=LONG if name == "Jo" else name)
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
    def test_holds_and_is_accessible(self, club, open_page):  # noqa: F811
        page = open_page(INVITE, club.boris)

        for width in at_widths(page, WIDTHS):
            assert violations(page) == [], width
            assert sideways(page) <= 0, width
            assert page.locator(".loyalty-friend").count() == 4
            assert page.get_by_text(LONG[:40]).is_visible(), width
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


class TestTheFirstVisit:
    def test_makes_the_link_and_copies_it_with_keys_alone(self, club, open_page):  # noqa: F811
        olga = a_user("olga@example.com")
        page = open_page(INVITE, olga, 375)
        for width in at_widths(page):
            assert violations(page) == [], width
        page.get_by_role("button", name="Make my link").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "Nobody yet. Send your link to one friend who would like it here" in page.inner_text("body")
        link = page.input_value("#loyalty-link")
        assert landing(Code.objects.get(member__user=olga).code) in link

        page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
        page.locator("#loyalty-link").focus()
        page.keyboard.press("Tab")
        assert "3px" in page.evaluate("getComputedStyle(document.activeElement).outline")
        page.keyboard.press("Enter")
        page.get_by_text("The link is copied.").wait_for()
        assert page.evaluate("window.copied") == link
        page.wait_for_timeout(400)  # A button that was just pressed is still fading to its color.
        for width in at_widths(page):
            assert violations(page) == [], width
            assert sideways(page) <= 0, width


class TestACode:
    def test_is_typed_at_the_checkout_by_who_came_without_the_link(self, club, open_page):  # noqa: F811
        get_model("address", "Country").objects.create(
            iso_3166_1_a2="DE", printable_name="Germany", name="Germany", is_shipping_country=True
        )
        olga = a_user("olga@example.com")
        a_basket(olga, (a_product("Bed", "30.00"), 1))
        page = open_page("/checkout/", olga, 375)
        for name, value in ADDRESS.items():
            page.fill(f"input[name={name}]", value)
        with page.expect_navigation():
            page.click("form button[type=submit]:visible")
        page.get_by_text("Has a friend invited you?").click()
        typed = page.get_by_label("Your friend's code")
        typed.fill(club.code[:-1] + ("b" if club.code[-1] != "b" else "d"))
        assert page.get_by_text("That code has a typo. Please check it.").is_visible()
        assert violations(page) == []
        typed.fill(club.code.upper())
        assert page.get_by_text("That code has a typo. Please check it.").count() == 0
        assert violations(page) == []
        assert sideways(page) <= 0
        with page.expect_navigation():
            page.get_by_role("button", name="Use this code").click()
        assert "If it is a friend’s and this is your first order" in page.inner_text("body")
        assert Referral.objects.get(newcomer__user=olga).giver.user == club.boris


class TestANewcomer:
    def test_reads_what_each_side_gets(self, club, open_page):  # noqa: F811
        page = open_page(landing(club.code))

        for width in at_widths(page, WIDTHS):
            assert violations(page) == [], width
            assert sideways(page) <= 0, width
        assert "A friend invites you to the" in page.inner_text("body")

    def test_comes_by_the_link_on_a_phone_and_registers(self, club, open_page):  # noqa: F811
        page = open_page(landing(club.code), width=375)
        page.click("text=Register >> visible=true")
        page.locator("#loyalty-code").wait_for()
        assert violations(page) == []
        assert sideways(page) <= 0
        assert page.input_value("#loyalty-code") == club.code
        for name, value in {"email": "newcomer@example.com", "password1": "a good 1", "password2": "a good 1"}.items():
            page.fill(f"#register_form [name$={name}]", value)
        page.click("#register_form button[type=submit]")
        page.wait_for_load_state()

        assert Referral.objects.get(newcomer__user__email="newcomer@example.com").giver.user == club.boris
