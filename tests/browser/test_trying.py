"""The merchant tries a draft before anybody else: two drafts side by side, and the clock of one."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.urls import reverse

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member, PointWorth, Program, Unit
from loyalty_oscar.testing import a_program
from tests.browser.stage import fits
from tests.browser.test_setting_up import arrive  # noqa: F401 - fixture
from tests.orders import imported


@pytest.fixture
def shop(transactional_db):
    """A live club, two drafts, and orders of half a year."""
    now = clock.now()
    a_program(live_from=now - timedelta(days=1))
    for name, points in (("Summer", 2), ("Winter", 5)):
        program = Program.objects.create(code=name.lower(), name=f"{name} Club", currency="EUR")
        unit = Unit.objects.create(program=program, names={"en": {"one": "star", "other": "stars"}})
        PointWorth.objects.create(program=program, currency="EUR", points=100, minor=100)
        params = {"currency": "EUR", "points": points, "step_minor": 100}
        save_rule(unit=unit, code="base", name="Base", type="per-amount", params=params, actor="system", at=now)
    boris = get_user_model().objects.create_user("boris", "boris@example.com", "x")
    for number in range(6):
        placed_at = now - timedelta(days=20 + 30 * number)
        imported(user=boris, lines=[("25.00", 2)], placed_at=placed_at, number=str(number))


@pytest.fixture
def olga(shop, arrive):  # noqa: F811
    """The owner's page of the first draft."""
    page = arrive(get_user_model().objects.create_superuser("olga", "olga@example.org", "x"))
    page.goto(reverse("admin:loyalty_program_program_change", args=[Program.objects.get(code="summer").pk]))
    return page


def cells(table, row):
    """What stands in a row of a table."""
    return (
        table.locator("tr", has=table.page.get_by_role("rowheader", name=row, exact=True))
        .locator("td")
        .all_inner_texts()
    )


class TestAnOwner:
    def test_sees_two_drafts_side_by_side(self, olga):
        olga.get_by_role("link", name="Try it on your last 12 months").click()
        olga.get_by_label("Side by side with").select_option("Winter Club")
        olga.get_by_role("button", name="Try it", exact=True).focus()
        olga.keyboard.press("Enter")
        table = olga.locator("table", has_text="Side by side: Members use").first
        table.wait_for()
        heads = table.locator("thead th").all_inner_texts()
        assert [head.casefold() for head in heads] == ["figure", "summer club", "winter club", "paw club"]
        assert cells(table, "Given") == ["600", "1,500", "300"]
        assert cells(table, "Cost: share of turnover") == ["1.40\xa0%", "3.50\xa0%", "0.70\xa0%"]
        assert olga.get_by_role("img", name="Worth of what is given in each month").locator("rect").count() >= 18
        with olga.expect_download() as download:
            olga.get_by_role("link", name="Download “Side by side: ").click()
        assert "Winter Club" in download.value.path().read_text(encoding="utf-8-sig").partition("\n")[0]
        fits(olga, "two-drafts")
        assert not Entry.objects.exists()

    def test_turns_the_clock_of_a_draft_by_keyboard(self, olga):
        olga.set_default_timeout(60_000)
        olga.get_by_role("link", name="Turn the clock").click()
        olga.get_by_label("To this day").fill(f"{clock.now() + timedelta(days=20):%Y-%m-%d}")
        olga.get_by_role("button", name="Turn the clock to this day").focus()
        olga.keyboard.press("Enter")
        olga.get_by_role("status").wait_for()
        olga.locator("summary").first.focus()
        olga.keyboard.press("Enter")
        assert olga.get_by_text("Hello Ann,").first.is_visible()
        fits(olga, "test-clock")
        olga.get_by_role("button", name="On to what happens next").click()
        olga.get_by_role("status").wait_for()
        assert (mail.outbox, Member.objects.count()) == ([], 0)
