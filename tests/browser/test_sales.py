"""Exclusive sales in a real Chromium: open, locked, hidden, counted; for keys, for phones, for other time zones."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import QuotaCounter, Reservation, Sale
from loyalty_oscar.shop.upkeep import jobs
from tests.browser.stage import arrive_at, at_widths, calendar, looked_at, words  # noqa: F401 - fixtures
from tests.browser.test_journey import ADDRESS, number
from tests.browser.test_storefront import violations
from tests.integration.exclusives.sales import ENDS_AT, GOLD, GOLD_FROM, SILVER, a_member_of, a_sale, bought_before
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_club, a_product, day, variants

pytestmark = pytest.mark.django_db(transaction=True)
#: Half an hour, because the shop's clock ticks on: its words and those of the browser are the same then.
MORNING = GOLD_FROM + timedelta(hours=8, minutes=30)
#: Sixty characters that no browser may break by itself.
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenhalterungen"


@pytest.fixture
def shop(calendar):  # noqa: F811
    """Saturday 9 May: sales of every kind, and people of every level."""
    calendar.turn_to(MORNING)
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip
    unit = a_club(name=LONG)
    a_ladder(unit=unit)
    carrier, secret = a_product("Explorer carrier", "57.90"), a_product("Secret bone", "9.00")
    secret.is_public = False
    secret.save()
    several = [a_product(LONG, "1234.50"), variants("20.00", "29.00"), a_product("Rope toy", "6.50")]
    a_sale(unit, carrier, percent=20, quota=40, per_member=1, text="For small dogs.\n\nUp to 7 kg.")
    a_sale(unit, secret, code="secret", name="Behind the curtain", mode=Sale.Mode.HIDE, public_from=None)
    a_sale(unit, *several, code="several", name=LONG, text=LONG, percent=10, quota=118_400, public_from=day(5, 2))
    a_sale(unit, code="empty", name="Nothing yet", public_from=None, ends_at=None)
    people = {rank: a_member_of(unit, rank) for rank in (SILVER, GOLD)}
    return SimpleNamespace(unit=unit, carrier=carrier, secret=secret, people=people, gold=people[GOLD])


class TestThePagesOfSales:
    def test_fit_and_give_axe_nothing_to_find(self, shop, arrive_at):  # noqa: F811
        seen = {
            None: ["trail/"],
            shop.people[SILVER]: ["", "trail/", "empty/"],
            shop.gold: ["trail/", "several/", "secret/", f"secret/{shop.secret.pk}/"],
        }
        for user, addresses in seen.items():
            page = arrive_at(user, width=375)
            for address in addresses:
                assert page.goto(f"/loyalty/sales/{address}").status == 200
                looked_at(page, f"sale-{user.username[:5] if user else 'stranger'}-{address.replace('/', '')}")
                for width in at_widths(page):
                    assert violations(page) == [], (user, address, width)

    def test_can_be_used_with_keys_alone(self, shop, arrive_at):  # noqa: F811
        page = arrive_at(shop.gold, width=1280)
        page.goto("/loyalty/sales/")
        page.get_by_role("link", name="First on the trail").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/sales/trail/")
        page.get_by_role("link", name="Explorer carrier").focus()
        for _stop in ("the why of the points", "how the club works", "the button"):
            page.keyboard.press("Tab")
            assert "3px" in page.evaluate("getComputedStyle(document.activeElement).outline")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.goto("/basket/")
        assert "€46.32" in words(page, "#basket_totals")


class TestALockedSale:
    def test_says_when_it_opens_in_the_time_of_the_shop_and_of_the_visitor(self, shop, calendar, arrive_at):  # noqa: F811
        page = arrive_at(shop.people[SILVER], width=375)
        page.goto("/loyalty/sales/trail/")
        said = "Opens for you on Monday 11 May That is in 1 day and 15 hours."
        assert words(page, "[data-loyalty=lock]").startswith(said)
        assert "Gold: Saturday 9 May, 02:00 (CEST)" in words(page)
        assert "57.90" not in words(page)
        assert page.locator("form[action*=basket]").count() == 0

        page = arrive_at(shop.people[SILVER], width=375, zone="America/New_York")
        page.goto("/loyalty/sales/trail/")
        page.get_by_text("Opens for you on Sunday, May 10").wait_for()
        assert "Gold: Friday, May 8 at 08:00 PM EDT" in words(page)

        calendar.turn_to(day(5, 11) - timedelta(hours=12, minutes=5, seconds=30))
        page.reload()
        assert "That is in 5 minutes." in words(page, "[data-loyalty=lock]")

    def test_does_not_promise_to_open_for_those_it_is_not_for(self, shop, arrive_at):  # noqa: F811
        page = arrive_at(shop.people[SILVER], width=375)
        page.goto("/loyalty/sales/empty/")
        assert "Not open for you" in words(page, "[data-loyalty=sale]")
        said = "Gold from 9 May It does not open for you as things stand."
        assert words(page, "[data-loyalty=lock]") == said
        assert "You are €400.00 away from Gold." in words(page)

    def test_offers_strangers_to_sign_in_and_come_back(self, shop, arrive_at):  # noqa: F811
        page = arrive_at(width=375)
        page.goto("/loyalty/sales/trail/")
        page.get_by_role("link", name="I have an account").click()
        page.fill("#id_login-username", shop.gold.email)
        page.fill("#id_login-password", "a good one")
        page.press("#id_login-password", "Enter")
        page.wait_for_url("**/sales/trail/")
        assert "Your head start" in words(page)


class TestAHiddenSale:
    def test_is_not_there_for_others(self, shop, arrive_at):  # noqa: F811
        for user in (None, shop.people[SILVER]):
            page = arrive_at(user, width=375)
            for address in ("secret/", f"secret/{shop.secret.pk}/"):
                assert page.goto(f"/loyalty/sales/{address}").status == 404
            page.goto("/loyalty/sales/")
            assert "First on the trail" in words(page)
            assert page.locator("[data-loyalty=sale][data-value=secret]").count() == 0
            assert page.goto(shop.secret.get_absolute_url()).status == 404
        page = arrive_at(shop.gold, width=375)
        page.goto("/loyalty/sales/secret/")
        assert words(page, "[data-loyalty=sale]").startswith("Only for Gold Behind the curtain")
        assert "Open for you 7 days and 15 hours" in words(page)


class TestASaleThatIsCounted:
    def test_holds_a_place_from_the_preview_on_and_says_when_all_are_taken(self, shop, calendar, arrive_at):  # noqa: F811
        Sale.objects.filter(code="trail").update(quota=1)
        QuotaCounter.objects.filter(sale__code="trail").update(quota=1)
        first = arrive_at(shop.gold, width=1280)
        late_buyer = a_member_of(shop.unit, GOLD, name="late")
        late = arrive_at(late_buyer, width=375)
        for user in (shop.gold, late_buyer):
            bought_before(user)
        for page in (first, late):
            page.goto("/loyalty/sales/trail/")
            assert number(page, "left") == 1
            with page.expect_navigation():
                page.locator("form[action*=basket] [type=submit]").click()
        to_the_preview(first)
        assert first.url.endswith("/checkout/preview/")

        late.goto("/loyalty/sales/trail/")
        assert number(late, "left") == 0
        said = "0 of 1 At most 1 for each member. All are taken. What others leave behind comes back here."
        assert said in words(late)
        assert late.locator("form[action*=basket]").count() == 0
        looked_at(late, "sale-taken")
        assert violations(late) == []
        to_the_preview(late)
        assert "First on the trail: nothing is left for you." in words(late, "[data-loyalty=sold-out]:visible")
        looked_at(late, "sale-sold-out-preview")
        assert violations(late) == []
        with late.expect_navigation():
            late.click("#place-order")
        assert late.url.endswith("/basket/")
        assert "First on the trail: nothing is left for you." in words(late)
        assert not get_model("order", "Line").objects.filter(product=shop.carrier).exists()
        assert QuotaCounter.objects.get(sale__code="trail").taken == 1

        calendar.turn_to(MORNING + timedelta(minutes=16))
        list(jobs.run(only="places"))
        late.goto("/loyalty/sales/trail/")
        assert number(late, "left") == 1
        to_the_preview(late)
        assert late.locator("[data-loyalty=sold-out]").count() == 0
        assert Reservation.objects.get().slot == f"basket:{late_buyer.baskets.get(status='Open').pk}"


class TestNoSale:
    def test_says_so(self, shop, calendar, arrive_at):  # noqa: F811
        Sale.objects.filter(code="empty").delete()
        calendar.turn_to(ENDS_AT)
        page = arrive_at(width=375)
        page.goto("/loyalty/sales/")
        looked_at(page, "sale-none")
        assert "No sale is running or announced for you at the moment." in words(page)
        assert violations(page) == []


def to_the_preview(page):
    """Go through the checkout as far as it lets one."""
    page.goto("/checkout/")
    if "shipping-address" in page.url:
        for name, value in ADDRESS.items():
            page.fill(f"input[name={name}]", value)
        with page.expect_navigation():
            page.click("form button[type=submit]:visible")
    if "payment-details" in page.url:
        with page.expect_navigation():
            page.click("#view_preview")
