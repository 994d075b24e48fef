"""Rewards in a real Chromium: claimed on a phone by touch or keys, nothing sideways, nothing for axe to find."""

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import Reward
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.browser.stage import at_widths
from tests.browser.test_inviting import LONG, WIDTHS, sideways
from tests.browser.test_storefront import open_page, violations  # noqa: F401 - a fixture
from tests.storefront import a_club, a_user, day

pytestmark = pytest.mark.django_db(transaction=True)
REWARDS = reverse("loyalty:rewards")


@pytest.fixture
def boris():
    """A member with 1,250 paws, and five rewards: two within reach, one far away, one gone, one with a long name."""
    unit = a_club()
    user = a_user()
    RewardFactory(name="A first lesson", price=350, codes=["PFOTE-1", "PFOTE-2"], params={"where": "At the school."})
    RewardFactory(name="A grooming", price=500, params={"ask": "Which day suits you?"}, valid_days=90)
    RewardFactory(name="A photo session", price=1370)
    RewardFactory(name="A seat", price=20, quota=1, taken=1)
    RewardFactory(name=LONG, text=LONG, price=400)
    MemberFactory(program=unit.program, user=user, points=1250, points__at=day(5, 1), points__expires_at=None)
    with clock.at(day(5, 6)):
        yield user


def card(page, name):
    """The card of a reward."""
    return page.locator("[data-loyalty=reward]", has_text=name)


class TestTheCatalogue:
    def test_holds_and_is_accessible(self, boris, open_page):  # noqa: F811
        page = open_page(REWARDS, boris)

        for width in at_widths(page, WIDTHS):
            assert violations(page) == [], width
            assert sideways(page) <= 0, width
            assert page.locator("[data-loyalty=reward]").count() == 5
        card(page, "A grooming").locator("summary").click()
        for width in at_widths(page, WIDTHS):
            assert violations(page) == [], width
            assert sideways(page) <= 0, width

    def test_has_a_button_only_for_what_can_be_had(self, boris, open_page):  # noqa: F811
        page = open_page(REWARDS, boris, 375)

        assert card(page, "A grooming").locator("summary").is_visible()
        assert "120 paws more" in card(page, "A photo session").inner_text().replace("\xa0", " ")
        assert "None is left" in card(page, "A seat").inner_text()
        assert card(page, "A seat").locator("summary").count() == 0

    def test_gives_out_a_code_on_a_phone(self, boris, open_page):  # noqa: F811
        page = open_page(REWARDS, boris, 375)
        lesson = card(page, "A first lesson")
        lesson.locator("summary").click()
        assert "Leaves 900 paws" in lesson.inner_text().replace("\xa0", " ")
        lesson.get_by_role("button", name="Yes, claim it").click()

        page.get_by_text("“A first lesson” is yours.").wait_for()
        assert "PFOTE" not in page.content()
        page.get_by_role("button", name="Show the code").click()
        page.get_by_text("PFOTE-1").wait_for()
        assert page.locator("#yours").get_by_text("At the school.").is_visible()
        assert violations(page) == []
        assert Reward.objects.get(name="A first lesson").taken == 1

    def test_is_walked_with_the_keyboard_alone(self, boris, open_page):  # noqa: F811
        page = open_page(REWARDS, boris)
        summary = card(page, "A grooming").locator("summary")
        summary.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("Monday")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        page.get_by_text("“A grooming” is yours.").wait_for()
        assert "We are on it" in page.locator("#yours").inner_text()
        assert Claim.objects.get().text == "Monday"

    def test_needs_the_answer_that_it_asks_for(self, boris, open_page):  # noqa: F811
        page = open_page(REWARDS, boris)
        grooming = card(page, "A grooming")
        grooming.locator("summary").click()
        grooming.get_by_role("button", name="Yes, claim it").click()

        assert grooming.locator("textarea:invalid").count() == 1
        assert Claim.objects.count() == 0
