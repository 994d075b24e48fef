"""From an empty shop with German statuses to a live program and its first order, by six questions; timed."""

from time import monotonic

import pytest
from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program, State, TermsVersion
from tests.browser.stage import at_widths
from tests.browser.test_a_clerks_day import Hand
from tests.browser.test_journey import buy, check_out, register
from tests.browser.test_setting_up import arrive, shop  # noqa: F401 - fixtures
from tests.integration.shop.test_words_of_the_shop import german  # noqa: F401 - fixture

#: What the first bed for 40.00 brings in each.
BRINGS = {"points": 40, "cashback": 80, "club": 40, "stars": 1, "friends": 40}


class TestAnOwner:
    @pytest.mark.parametrize("code", BRINGS)
    def test_chooses_a_ready_program_and_its_first_order_earns(self, shop, arrive, code):  # noqa: F811
        user = get_user_model().objects.create_superuser("olga", "olga@example.org", "x")
        owner = Hand(arrive(user))
        began = monotonic()
        owner.page.goto("/admin/loyalty_program/")
        owner.click("Choose a ready program")
        owner.page.fill("#id_name", "Paw Club")
        owner.click(owner.page.get_by_role("button", name="Show the ready programs"))
        cards = owner.page.locator("[data-preset]")
        assert sorted(card.get_attribute("data-preset") for card in cards.all()) == sorted(BRINGS)
        for width in at_widths(owner.page):
            assert owner.page.evaluate("document.documentElement.scrollWidth") <= width
        owner.page.locator(f"button[name=make][value={code}]").focus()
        owner.page.keyboard.press("Enter")
        owner.page.get_by_text("The program is set up, as a draft").wait_for()
        owner.click(owner.page.locator("[name=_continue]"))  # Whoever leaves the text of terms alone writes none.
        owner.page.locator(".messagelist .success").wait_for()
        assert not TermsVersion.objects.exists()
        owner.click("Go live")
        owner.click("Go live")
        assert Program.objects.get().state == State.LIVE
        print(f"{code}: live {monotonic() - began:.1f} s after the front page was opened, by {owner.clicks} clicks")

        boris = arrive()
        register(boris)
        buy(boris, [(shop, 1)])
        check_out(boris)
        assert get_model("order", "Order").objects.count() == 1
        assert Account.objects.get().pending == BRINGS[code]
