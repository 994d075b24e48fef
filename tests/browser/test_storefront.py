"""The customer's pages in a real Chromium: what is visible without a tap, nothing sideways, nothing for axe to find."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import ladder_of
from tests.browser.stage import DESK, PHONE, at_widths, looked_at
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_basket, a_club, a_product, a_user, boris, buy, variants

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [320, 375, 800, 991, 992, 1280]


@pytest.fixture
def open_page(browser, live_server):
    """Open an address as a user (or as a stranger) at a width; today is 6 May 2026."""
    contexts = []

    def open_one(address, user=None, width=1280):
        context = browser.new_context(viewport={"width": width, "height": 800})
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            cookie = {"name": settings.SESSION_COOKIE_NAME, "url": live_server.url}
            context.add_cookies([{**cookie, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}])
        page = context.new_page()
        page.goto(live_server.url + address)
        return page

    yield open_one
    for context in contexts:
        context.close()


def rich(unit, points=118_400, email="rich@example.com"):
    """A member with very many points."""
    user = a_user(email)
    account = ledger.open_account(member=join(program=unit.program, user_id=user.pk, at=TODAY), unit=unit)
    ledger.adjust(
        account_id=account.pk, points=points, key="adjust:1", because=Because("goodwill"), at=TODAY,
        actor="system", note="for a test", expires_at=TODAY + timedelta(days=1500),
    )  # fmt: skip
    return user


def violations(page):
    """What axe finds wrong within our parts of a page, and at what."""
    found = Axe().run(page, context=[[".loyalty"], [".loyalty-badge"], [".loyalty-earn"], [".loyalty-card"]])
    return [
        (rule["id"], node["html"][:160], node["any"][0]["message"] if node["any"] else "")
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


class TestTheBadge:
    def test_is_seen_once_without_a_tap_and_holds_six_digits(self, open_page):
        page = open_page("/catalogue/", rich(a_club(name="Club of the Friends of Large Dogs")))
        for width in at_widths(page, WIDTHS):
            seen = [badge for badge in page.locator(".loyalty-badge").all() if badge.is_visible()]
            assert len(seen) == 1, width
            assert seen[0].locator("[aria-hidden]:has-text('118,400')").count() == (width < 992)  # The short form.
            assert "118,400" in seen[0].inner_text(), width
            box = seen[0].bounding_box()
            assert box["height"] >= 44, width
            assert box["x"] >= 0, width
            assert box["x"] + box["width"] <= width
            assert box["y"] < 400, width
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_leads_to_the_account_page(self, open_page):
        page = open_page("/catalogue/", rich(a_club()), 375)
        page.locator(".loyalty-badge:visible").click()
        assert page.url.endswith(reverse("loyalty:overview"))
        assert page.locator("[data-loyalty=available]:visible").last.inner_text() == "118,400\xa0paws"

    def test_is_filled_in_where_it_is_fetched(self, open_page, settings):
        settings.LOYALTY_BADGE = "fetch"
        page = open_page("/catalogue/", rich(a_club()), PHONE)
        for width in at_widths(page):
            badge = page.locator(".loyalty-badge-text[data-value='118400']:visible")
            badge.wait_for(timeout=5000)
            assert badge.inner_text() == {PHONE: "118,400", DESK: "118,400\xa0paws"}[width]

    def test_is_filled_in_with_the_level_as_a_page_would_hold_it(self, open_page, settings):
        ladder = a_ladder()
        user = rich(ladder.program.unit)
        give_tier(
            ladder=ladder_of(program_id=ladder.program_id), member_id=Member.objects.get(user=user).pk,
            tier=ladder.tiers.get(code="gold"), until=None, reason="ten years", actor="system", at=TODAY,
        )  # fmt: skip

        def looks(*, says=None):
            page = open_page("/catalogue/", user)
            for width in at_widths(page):
                page.locator(".loyalty-badge:visible [data-value='118400']").wait_for(timeout=5000)
                badge = page.locator(".loyalty-badge:visible")
                level = badge.locator("[data-loyalty=tier]").bounding_box()
                text = badge.locator("[data-loyalty=tier]").inner_text()
                assert says is None or badge.get_attribute("aria-label") == says, width
                yield width, text, level["y"], level["width"], level["height"]

        rendered = list(looks())
        settings.LOYALTY_BADGE = "fetch"
        assert list(looks(says="Level: Gold, 118,400\xa0paws")) == rendered


class TestThePages:
    def test_fit_their_width_and_give_axe_nothing_to_find(self, open_page):
        a_club()
        with clock.at(TODAY):
            user = boris()
        product = a_product(price="1234.50")
        buy(user, (a_product("Donaudampfschifffahrtsgesellschaftskapitänsmützenhalterung", "9.00"), 1), on=TODAY)
        a_basket(user, (product, 2))
        for address in (
            reverse("loyalty:overview"),
            reverse("loyalty:how-it-works"),
            reverse("basket:summary"),
            product.get_absolute_url(),
            variants("20.00", "29.00").get_absolute_url(),
        ):
            page = open_page(address, user)
            page.evaluate("document.querySelectorAll('.loyalty-why').forEach(why => { why.open = true })")
            assert page.locator(".loyalty:visible, .loyalty-earn:visible").count() > 0, address
            looked_at(page, address.strip("/").replace("/", "-"), [320, 375, 800, 1280])
            for width in at_widths(page, [320, 1280]):
                assert violations(page) == [], (address, width)

    def test_part_a_large_number_from_its_word_before_either_breaks(self, open_page):
        unit = a_club(name="Points", unit__names={"en": {"one": "point", "other": "points"}})
        for points in (15, 118_400, 1_234_567):
            page = open_page(reverse("loyalty:overview"), rich(unit, points, f"{points}@example.com"))
            shown = page.locator(".loyalty-hero, .loyalty-big").all_inner_texts()
            assert shown == [f"{points:,}\xa0points", "0\xa0points", f"{points:,}\xa0points"]
            looked_at(page, f"points-{points}", WIDTHS)

    def test_leave_room_for_what_an_entry_is_about(self, open_page):
        a_club()
        with clock.at(TODAY):
            user = boris()
        page = open_page(reverse("loyalty:overview"), user)
        for width in at_widths(page, WIDTHS):
            boxes = [what.bounding_box() for what in page.locator(".loyalty-what").all()]
            assert len(boxes) == 5, width
            assert min(box["width"] for box in boxes) >= 150, width
            assert max(box["height"] for box in boxes) < 200, width

    def test_show_where_the_keyboard_is(self, open_page):
        a_club()
        page = open_page(a_product().get_absolute_url())
        page.locator(".loyalty-why summary").focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "3px" in style
        page.keyboard.press("Enter")
        assert page.locator(".loyalty-why-body").is_visible()

    def test_put_the_earn_line_between_the_total_and_the_button_on_a_phone(self, open_page):
        a_club()
        user = a_user()
        a_basket(user, (a_product(), 1))
        page = open_page(reverse("basket:summary"), user, 375)
        total, earn, button = (
            page.locator(what).last.bounding_box()["y"]
            for what in ("#basket_totals", ".loyalty-earn", ".btn-primary.btn-lg")
        )
        assert total < earn < button

    def test_put_what_is_ready_first(self, open_page):
        a_club()
        page = open_page(reverse("loyalty:overview"), a_user())
        for width in at_widths(page):
            boxes = [box.bounding_box() for box in page.locator(".loyalty-numbers > section").all()]
            assert len(boxes) == 3, width
            assert sum(box["y"] == boxes[0]["y"] for box in boxes) == {PHONE: 1, DESK: 3}[width]
            assert boxes[0]["y"] == min(box["y"] for box in boxes)
            assert boxes[0]["width"] == max(box["width"] for box in boxes)


class TestPagesWithoutOurStyleSheet:
    def test_still_stand(self, open_page, settings):
        settings.LOYALTY_CSS = False
        a_club()
        with clock.at(TODAY):
            user = boris()
        page = open_page(reverse("loyalty:overview"), user, 375)
        assert page.locator("[data-loyalty=pending]").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
