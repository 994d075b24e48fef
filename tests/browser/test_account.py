"""A member's own pages in a real Chromium: long names, wide fonts, narrow headers, a dark theme, keys, no script."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import Member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SchemeFactory
from tests.browser.stage import arrive_at, at_widths, broken, calendar, looked_at, words  # noqa: F401 - fixtures
from tests.browser.test_storefront import open_page, rich, violations  # noqa: F401 - a fixture
from tests.integration.journeys.deeds import a_campaign
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_basket, a_club, a_product, a_user, arrive, boris, buy, day

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [320, 375, 640, 1280]
OVERVIEW, STATEMENT, LEVELS, MAILS = (
    reverse(f"loyalty:{name}") for name in ("overview", "statement", "levels", "mails")
)
#: The looks of a browser's own fonts where the shop names none: Windows and phones, and Linux.
FONTS = ("Arial, 'Liberation Sans', sans-serif", "'DejaVu Sans', sans-serif")
UNITS = (
    ("Treuepunkte", {"en": {"one": "Treuepunkt", "other": "Treuepunkte"}}),
    ("баллов", {"en": {"one": "балл", "other": "баллов"}}),
)
DARK = re.compile(r'\[data-theme="dark"\] \{(.*?)\n\}', re.DOTALL)


def dress(page, font):
    """Let a page have a font, as a shop's theme would."""
    page.add_style_tag(content=f"body, .btn, input, select {{ font-family: {font} !important; }}")


class TestLargeNumbers:
    @pytest.mark.parametrize(("name", "names"), UNITS)
    def test_never_break_in_a_word_whatever_the_font(self, name, names, open_page):  # noqa: F811
        unit = a_club(name="Club", unit__names=names)
        page = open_page(OVERVIEW, rich(unit))
        for font in FONTS:
            dress(page, font)
            looked_at(page, f"{name}-{font[:6].strip(chr(39))}", WIDTHS)
            assert f"118,400\xa0{name}" in page.locator(".loyalty-hero").inner_text()


class TestTheHeader:
    def test_keeps_one_row_on_phones_with_a_full_basket(self, open_page):  # noqa: F811
        user = rich(a_club())
        a_basket(user, (a_product(price="1234.50"), 1))
        page = open_page("/catalogue/", user, 320)
        for font in FONTS:
            dress(page, font)
            for width in at_widths(page, [320, 360, 375, 390, 439]):
                badge, basket = page.locator(".loyalty-badge:visible"), page.locator(".btn-cart:visible")
                tops = [one.bounding_box()["y"] for one in (badge, basket)]
                assert abs(tops[0] - tops[1]) < 12, (font, width)
                assert basket.bounding_box()["width"] >= 40, width
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "Total" in page.locator(".btn-cart:visible").text_content(), "who listens still hears it"


class TestThePagesOfAMember:
    @pytest.fixture
    def newcomer(self):
        """Somebody with everything still to do."""
        ladder = a_ladder(gifts=(20, 50, 100))
        unit = ladder.program.unit
        a_campaign(unit, "sign-up", points=50), a_campaign(unit, "birthday", points=100)
        SchemeFactory(program=unit.program)
        user = a_user("new@example.com")
        arrive(buy(user, (a_product(price="160.00"), 1), on=day(4, 20)), on=day(4, 21))
        Member.objects.filter(user=user).update(joined_at=clock.now() - timedelta(days=1))
        return user

    def test_fit_and_give_axe_nothing_to_find(self, newcomer, open_page):  # noqa: F811
        for address, sign in (
            (OVERVIEW, "[data-loyalty=welcome]"),
            (STATEMENT, "#statement"),
            (LEVELS, ".loyalty-here"),
            (MAILS, "[data-loyalty=mails]"),
        ):
            page = open_page(address, newcomer)
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert page.locator(sign).is_visible()
            looked_at(page, f"account-{address.strip('/').replace('/', '-')}", WIDTHS)
            for width in at_widths(page, [320, 1280]):
                assert violations(page) == [], (address, width)

    def test_lead_by_keys_from_a_step_to_its_field_and_close(self, newcomer, open_page):  # noqa: F811
        page = open_page(OVERVIEW, newcomer, 375)
        page.get_by_role("link", name="Choose the day").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**#birthday")
        assert -1 <= page.locator("#birthday").bounding_box()["y"] < 800
        page.get_by_role("button", name="Close these steps").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.locator("[data-loyalty=welcome]").count() == 0

    def test_are_read_without_a_script(self, browser, newcomer, live_server, open_page):  # noqa: F811
        known = open_page(OVERVIEW, newcomer).context.cookies()
        context = browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 800})
        context.add_cookies(known)
        page = context.new_page()
        page.goto(live_server.url + STATEMENT)
        page.get_by_label("Show").select_option("way")
        page.get_by_role("button", name="Show").click()
        assert "kind=way" in page.url
        page.goto(live_server.url + OVERVIEW)
        page.get_by_role("link", name="See what the next level brings").click()
        assert page.url.endswith("#level-gold")
        page.goto(live_server.url + MAILS)
        page.get_by_label("A level you reached").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Save").press("Enter")
        page.get_by_text("Your choice is saved.").wait_for()
        ticked = page.locator("[data-loyalty=mails] input:checked")
        assert [one.get_attribute("value") for one in ticked.all()] == [
            "friend-joined",
            "friend-ordered",
            "points-ready",
        ]
        context.close()


class TestADarkTheme:
    def test_has_contrast_enough_with_the_variables_of_the_how_to(self, open_page):  # noqa: F811
        how_to = (Path(__file__).parents[2] / "docs/howto/looks.md").read_text(encoding="utf-8")
        dark = re.sub(r"/\*.*?\*/", "", DARK.search(how_to)[1])
        a_ladder()
        with clock.at(TODAY):
            user = boris()
        for address in (OVERVIEW, STATEMENT, LEVELS):
            page = open_page(address, user)
            theme = ".page .page_inner, body { background: #131a18 !important; color: #f1f4f2 !important; }"
            page.add_style_tag(
                content=f":root {{{dark}}} {theme} .form-control {{ background: #131a18; color: #f1f4f2; }}"
            )
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert [found for found in violations(page) if "contrast" in found[0]] == [], address
