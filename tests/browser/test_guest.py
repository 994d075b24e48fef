"""A guest buys, chooses a password on the thank-you page, and the points of that order are there at once."""

from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.ledger.audit import audit
from tests.browser.stage import at_widths, fits
from tests.browser.test_journey import ADDRESS, buy, number, numbers, page, shop  # noqa: F401 - two are fixtures
from tests.browser.test_storefront import violations

EMAIL = "mei.tanaka@mail.example"


def check_out_as_guest(tab):
    tab.goto("/checkout/")
    tab.fill("#id_username", EMAIL)
    tab.check("input[name=options][value=anonymous]")
    tab.locator("form button[type=submit]:visible").last.click()
    tab.wait_for_load_state()
    for name, value in ADDRESS.items():
        tab.fill(f"input[name={name}]", value)
    tab.click("form button[type=submit]:visible")
    tab.wait_for_load_state()
    while "thank-you" not in tab.url:
        before = tab.url
        tab.locator("#place-order, #view_preview, .card-body a.btn").locator("visible=true").last.click()
        tab.wait_for_load_state()
        assert tab.url != before, f"the checkout stands still at {before}"


def holds(tab, name):
    """Nothing sticks out sideways, and axe finds nothing in what is ours."""
    fits(tab, name)
    for width in at_widths(tab):
        assert violations(tab) == [], (name, width)


class TestAGuest:
    def test_keeps_the_points_by_choosing_a_password(self, shop, page):  # noqa: F811
        buy(page, shop)
        check_out_as_guest(page)
        assert number(page, "earn") == 76
        holds(page, "guest")
        page.get_by_role("button", name="Keep my 76 paws").click()
        page.wait_for_load_state()
        assert "Choose a password." in page.locator("#loyalty-password-help").inner_text()
        holds(page, "guest-again")
        page.fill("#loyalty-password", "a sentence is fine")
        page.press("#loyalty-password", "Enter")
        page.wait_for_url("**/thank-you/")
        assert get_model("order", "Order").objects.get().user == get_user_model().objects.get(email=EMAIL)
        assert number(page, "earn") == 76
        holds(page, "guest-kept")
        assert numbers(page) == (0, 76)
        holds(page, "account")
        page.goto("/accounts/profile/delete/")
        holds(page, "goes")
        page.fill("input[name=password]", "a sentence is fine")
        page.click("#delete_profile_form button[type=submit]")
        page.wait_for_load_state()
        assert not get_user_model().objects.exists()
        assert [step.wrong for step in audit() if step.wrong] == []
