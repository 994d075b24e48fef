"""Points for campaigns in a real browser, on a phone and on a desk: a word from a poster, a birthday, a review."""

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.journeys.operations import act
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program import clock
from tests.browser.stage import PHONE, at_widths, fits, picture
from tests.browser.test_storefront import open_page, violations  # noqa: F401 - a fixture
from tests.integration.journeys.deeds import a_campaign, a_member
from tests.storefront import a_club, a_product

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [320, 375, 1280]


@pytest.fixture
def unit():
    unit = a_club()
    a_campaign(unit, "sign-up", name="Welcome", points=50), a_campaign(unit, "review", name="A review", points=25)
    a_campaign(unit, "birthday", name="Birthday", points=20)
    a_campaign(unit, "word", name="Dog show in Leipzig", word="leipzig26", points=100)
    return unit


class TestTheWaysToPoints:
    def test_fit_the_page_and_give_axe_nothing_to_find(self, unit, open_page):  # noqa: F811
        page = open_page(reverse("loyalty:overview"), a_member(unit).user)

        for width in at_widths(page, WIDTHS):
            assert page.locator("#loyalty-actions").is_visible(), width
            picture(page, "campaigns")
            assert violations(page) == [], width
            heights = [button.bounding_box()["height"] for button in page.locator("section form button:visible").all()]
            assert min(heights) >= 36, width

    def test_keep_a_birthday(self, unit, open_page):  # noqa: F811
        page = open_page(reverse("loyalty:overview"), a_member(unit).user, PHONE)
        page.get_by_label("Day").select_option("29")
        page.get_by_label("Month").select_option("February")
        page.get_by_role("button", name="Save").click()

        assert page.get_by_text("We keep the day and the month, nothing else.").is_visible()
        assert page.get_by_label("Month").input_value() == "2"
        assert (Birthday.objects.get().day, Birthday.objects.get().month) == (29, 2)

    def test_take_a_word_from_a_poster_with_one_button(self, unit, open_page):  # noqa: F811
        member = a_member(unit)
        page = open_page(reverse("loyalty:word", args=["Leipzig-26"]), member.user, PHONE)
        for width in at_widths(page, WIDTHS):
            picture(page, "word")
            assert violations(page) == [], width
        assert not Account.objects.filter(member=member, seq__gt=0).exists()
        page.get_by_role("button", name="Use this word").click()

        assert page.get_by_text("100\xa0paws for you: Dog show in Leipzig").is_visible()
        assert page.locator("[data-loyalty=available]:visible").last.inner_text() == "100\xa0paws"

    def test_answer_a_wrong_word_and_take_the_right_one_with_keys_alone(self, unit, open_page):  # noqa: F811
        long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenhalterungen"
        a_campaign(unit, "word", name=long, word="capitano", points=30)
        member = a_member(unit)
        page = open_page(reverse("loyalty:overview"), member.user, PHONE)
        for word, said in (("lepzig26", "That code doesn’t work now."), ("capitano", "30\xa0paws for you:")):
            page.get_by_label("Have you got a code word?").focus()
            page.keyboard.press("Control+A")
            page.keyboard.type(word)
            with page.expect_navigation():
                page.keyboard.press("Enter")
            assert page.get_by_text(said).is_visible()
            fits(page, f"word-{word}", WIDTHS)
        assert long in page.inner_text("[aria-labelledby=loyalty-newest]")
        assert violations(page) == []
        assert Account.objects.get(member=member).available == 30

    def test_stand_beside_a_review_that_brought_points(self, unit, open_page):  # noqa: F811
        member, product, at = a_member(unit), a_product(), clock.now()
        about = {"user": member.user, "product": product, "title": "Good", "body": "Gone in a day", "score": 4}
        get_model("reviews", "ProductReview").objects.create(**about)
        act(program=unit.program, user_id=member.user_id, occasion="review", detail=str(product.pk), at=at)
        page = open_page(product.get_absolute_url())

        for width in at_widths(page, WIDTHS):
            assert page.locator("[data-loyalty=reviewed]").is_visible(), width
            picture(page, "reviewed")
