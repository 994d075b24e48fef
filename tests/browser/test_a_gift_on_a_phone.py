"""A gift, points and a voucher in one basket on a phone, and one line that comes back: every page and purse agrees."""

from decimal import Decimal

import pytest
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test.factories import create_product

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.testing.factories import RewardFactory
from tests import orders
from tests.browser.stage import at_widths
from tests.browser.test_inviting import WIDTHS, sideways
from tests.browser.test_journey import number, page  # noqa: F401 - fixtures
from tests.browser.test_rewards import card
from tests.browser.test_storefront import violations
from tests.browser.test_using_points import VOUCHER, place, proved, put, shop, tab, to_preview, use, words  # noqa: F401

Order = get_model("order", "Order")
REWARDS = reverse("loyalty:rewards")


@pytest.fixture
def mug(shop):  # noqa: F811
    """A mug of 9.90 that members can have as a gift for 350 paws."""
    mug = create_product(title="Club mug", price=Decimal("9.90"), num_in_stock=5, product_class="toy", upc="mug")
    told = {"program": shop.unit.program, "kind": "product", "params": {"products": [mug.pk]}}
    RewardFactory(name="A club mug", price=350, **told)
    return mug


def fits(tab):  # noqa: F811
    for width in at_widths(tab, WIDTHS):
        assert (violations(tab), sideways(tab) <= 0) == ([], True), (tab.url, width)


class TestAMember:
    def test_has_a_gift_beside_a_voucher_and_points_and_sends_one_thing_back(self, tab, shop, mug):  # noqa: F811
        put(tab, shop, {"food": 1, "bed": 1})
        tab.goto(REWARDS)
        card(tab, "A club mug").locator("summary").click()
        tab.get_by_role("button", name="Yes, claim it").click()
        tab.get_by_text("“A club mug” is yours.").wait_for()
        tab.locator("#yours").get_by_role("button", name="Use now").click()
        tab.wait_for_load_state()
        assert number(tab, "available") == 900
        tab.goto("/basket/")
        assert "Club mug" in words(tab)
        fits(tab)
        tab.click("#voucher_form_link a")
        tab.fill("#id_code", VOUCHER)
        tab.press("#id_code", "Enter")
        tab.locator("#messages .alert").first.wait_for()
        use(tab, 500)
        fits(tab)
        # 21.90 + 49.90 − 3.00 − 5.00; the mug costs nothing.
        to_preview(tab)
        assert "€63.80" in words(tab)
        assert "In this basket." in words(tab, "#rewards")
        fits(tab)
        place(tab)
        assert "thank-you" in tab.url
        fits(tab)

        order, account = Order.objects.get(), Account.objects.get()
        assert order.total_incl_tax == Decimal("63.80")
        assert order.lines.get(product=mug).line_price_incl_tax == 0
        assert (account.available, account.pending, Claim.objects.get().state) == (400, 63, "used")
        assert number(tab, "earn") == 63

        bed = order.lines.get(upc="bed")
        goes = Award.objects.get().lines.get(line=bed.pk).points
        orders.deliver(order)
        orders.come_back(line=bed, quantity=1)
        tab.goto("/loyalty/")
        account.refresh_from_db()
        assert (account.available, account.pending) == (number(tab, "available"), 63 - goes)
        assert account.available > 400, "the paws that paid for the bed are back"
        assert Claim.objects.get().state == "used"
        tab.goto(f"/accounts/orders/{order.number}/")
        assert "Club mug" in words(tab)
        assert violations(tab) == []
        proved()
