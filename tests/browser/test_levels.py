"""Levels in a real Chromium: the badge in the header, the card, the table of all, and what an order brings nearer."""

import pytest
from django.urls import reverse

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.browser.stage import arrive_at, at_widths, calendar, looked_at, words  # noqa: F401 - fixtures
from tests.browser.test_storefront import violations
from tests.integration.exclusives.sales import GOLD, SILVER, a_member_of
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_club, a_product, arrive, buy, day

pytestmark = pytest.mark.django_db(transaction=True)
#: Sixty characters that no browser may break by itself.
#: As long as a name can be.
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützen"[:40]
WIDTHS = [320, 1280]
OVERVIEW, ALL = reverse("loyalty:overview"), reverse("loyalty:how-it-works")


@pytest.fixture
def shop(calendar):  # noqa: F811
    """The club on 6 May, its middle level with a name that does not break, and somebody on each."""
    calendar.turn_to(TODAY)
    unit = a_club()
    a_ladder(unit=unit, gifts=(0, 100, 118_400))
    Tier.objects.filter(rank=SILVER).update(name=LONG, text=f"{LONG}\nA birthday card")
    MemberPrice.objects.create(tier=Tier.objects.get(rank=GOLD), percent=15, starts_at=day(1, 1), is_on=True)
    forget_cache()
    people = {rank: a_member_of(unit, rank) for rank in (0, GOLD)}
    climber = people[SILVER] = a_member_of(unit, 0, name="climber")
    arrive(buy(climber, (a_product(price="151.50"), 1), on=day(3, 1)), on=day(3, 3))
    buy(climber, (a_product(price="34.90"), 1), on=day(5, 4))
    return people


class TestLevels:
    def test_fit_and_give_axe_nothing_to_find(self, shop, arrive_at):  # noqa: F811
        told = {}
        for rank, addresses in ((0, [OVERVIEW]), (SILVER, [OVERVIEW, ALL]), (GOLD, [OVERVIEW])):
            page = arrive_at(shop[rank], width=320)
            for address in addresses:
                page.goto(address)
                looked_at(page, f"level-{rank}-{address.strip('/').replace('/', '-')}", WIDTHS)
                for width in at_widths(page, WIDTHS):
                    assert violations(page) == [], width
                    told[rank, address] = words(page)
                    if rank == GOLD:  # 118,500 paws, on one line.
                        assert page.locator(".loyalty-hero").bounding_box()["height"] < 60, width
        assert "No level yet" in told[0, OVERVIEW]
        assert "€0.01 more by 31 December 2026 and you are Bronze." in told[0, OVERVIEW]
        assert f"Your level: {LONG}" in told[SILVER, OVERVIEW]
        assert "€186.40 of €400.00" in told[SILVER, OVERVIEW]
        assert "€213.60 more by 31 December 2026 and you are Gold." in told[SILVER, OVERVIEW]
        assert "€34.90 of this can still be sent back." in told[SILVER, OVERVIEW]
        assert "This is the highest level." in told[GOLD, OVERVIEW]
        for text in (
            f"{LONG} From €150.00",
            "Gold From €400.00",
            "Paws: 20 % more",
            "Member price: 15 % off everything",
        ):
            assert text in told[SILVER, ALL]

    def test_lead_from_the_card_to_what_the_next_one_adds_with_keys(self, shop, arrive_at):  # noqa: F811
        page = arrive_at(shop[SILVER], width=320)
        page.goto(OVERVIEW)
        page.get_by_role("link", name="See what the next level brings").focus()
        assert "3px" in page.evaluate("getComputedStyle(document.activeElement).outline")
        page.keyboard.press("Enter")
        page.wait_for_url("**#level-gold")
        assert -1 <= page.locator("#level-gold").bounding_box()["y"] < 800
