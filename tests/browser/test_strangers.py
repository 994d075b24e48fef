"""Who is not in the club finds it in a real Chromium, and comes in by a friend's link with the gift in sight."""

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import TermsVersion
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.shop.referrals.links import path_of
from loyalty_oscar.testing.factories import UseTermsFactory
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.browser.stage import arrive_at, at_widths, calendar  # noqa: F401 - fixtures
from tests.browser.test_inviting import sideways
from tests.browser.test_storefront import violations
from tests.integration.exclusives.sales import a_sale
from tests.integration.referrals.friendly import an_inviting_club
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_product, day

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [320, 375, 1280]


@pytest.fixture
def club(calendar):  # noqa: F811
    """A club with levels, terms, a member price, a sale, and Boris who invites."""
    club = an_inviting_club()
    a_ladder(unit=club.unit)
    UseTermsFactory(program=club.unit.program)
    TermsVersion.objects.create(program=club.unit.program, version=1, text="Be kind.", starts_at=day(1, 1))
    MemberPrice.objects.create(tier=Tier.objects.get(code="silver"), percent=10, starts_at=day(1, 1))
    a_sale(club.unit, a_product("Trail bed"), per_member=2)
    type(club.boris).objects.filter(pk=club.boris.pk).update(first_name="Boris")
    calendar.turn_to(TODAY)
    return club


def holds(page):
    for width in at_widths(page, WIDTHS):
        assert violations(page) == [], width
        assert sideways(page) <= 0, width


class TestAStranger:
    def test_walks_from_a_product_to_registration(self, club, arrive_at):  # noqa: F811
        page = arrive_at(width=375)
        page.goto(a_product().get_absolute_url())
        assert page.get_by_text("in the Paw Club, from Silver").is_visible()
        holds(page)
        page.click('.loyalty-badge[data-value="header"]')
        page.wait_for_url("**/how-it-works/")
        holds(page)
        page.click("text=Join the Paw Club")
        page.wait_for_url("**/register/**")
        assert page.get_by_text("Your account brings you into the Paw Club, free of charge.").is_visible()
        holds(page)
        page.click("#register_form >> text=Terms of the Paw Club")
        assert page.locator("#terms").is_visible()

    def test_finds_the_way_in_on_a_sale(self, club, arrive_at):  # noqa: F811
        page = arrive_at(width=375)
        page.goto("/loyalty/sales/trail/")
        assert page.get_by_role("link", name="Join the Paw Club").is_visible()
        holds(page)


class TestAFriend:
    def test_sees_the_gift_until_the_account_and_is_told_a_typo(self, club, arrive_at):  # noqa: F811
        link = path_of(code=Code.objects.select_related("member__user").get(code=club.code))
        page = arrive_at(width=375)
        page.goto(link)
        assert "Boris invites you to the Paw Club" in page.inner_text("h1")
        holds(page)
        page.click("text=Register >> visible=true")
        said = page.get_by_text("Boris invites you: 100 paws with your first order from €20.00.").first
        said.wait_for()
        page.wait_for_load_state()  # The script of the field is read after the page.
        typed, typo = page.locator("#loyalty-code"), page.get_by_text("That code has a typo. Please check it.")
        typed.fill(club.code[:4])
        assert typo.count() == 0, "it is not finished"
        typed.press("Tab")
        typo.wait_for()
        assert typed.get_attribute("aria-invalid") == "true"
        holds(page)
        typed.fill(f" {club.code.upper().replace('-', '')} ")
        assert typo.count() == 0
        for name, value in {"email": "newcomer@example.com", "password1": "a good 1", "password2": "a good 1"}.items():
            page.fill(f"#register_form [name$={name}]", value)
        page.click("#register_form button[type=submit]")
        said.wait_for()
        assert Referral.objects.get(newcomer__user__email="newcomer@example.com").giver.user == club.boris
        page.goto(reverse("loyalty:overview"))
        assert said.is_visible()

    def test_is_told_a_typo_without_scripts(self, club, arrive_at):  # noqa: F811
        page = arrive_at(width=375)
        page.route("**/code.js", lambda route: route.abort())
        page.goto(reverse("customer:register"))
        for name, value in {"email": "newcomer@example.com", "password1": "a good 1", "password2": "a good 1"}.items():
            page.fill(f"#register_form [name$={name}]", value)
        page.fill("#loyalty-code", "bafi-muzop")
        page.click("#register_form button[type=submit]")
        page.get_by_text("That code has a typo. Please check it.").wait_for()
        assert page.input_value("#loyalty-code") == "bafi-muzop"
        holds(page)
