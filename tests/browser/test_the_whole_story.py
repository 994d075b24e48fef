"""
What the product is for, as one story in real browsers: members with levels, a sale that opens to some first, and a
friend brought in. Boris is Gold and invites Priya; Maxim has no level; Kate runs the shop.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from oscar.core.loading import get_model
from oscar.test.factories import create_product

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.program import clock
from loyalty_oscar.program.operations import join
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions, oscars_pages
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing.factories import DoorFactory, LadderFactory, SaleFactory, SchemeFactory
from tests.browser.stage import arrive_at, calendar, looked_at, words  # noqa: F401 - fixtures
from tests.browser.test_journey import buy as put
from tests.browser.test_journey import check_out, number, numbers
from tests.integration.exclusives.sales import a_set
from tests.orders import deliver
from tests.points import points_club
from tests.storefront import a_user, arrive, buy, day, ripen

BERLIN = ZoneInfo("Europe/Berlin")
SILVER, GOLD = 1, 2
PASSWORD = "a sentence is fine"


def on(month, number, hour=10):
    """An hour of a day of the story, in Berlin."""
    return datetime(2026, month, number, hour, tzinfo=BERLIN)


@pytest.fixture
def shop(transactional_db, live_server, calendar):  # noqa: F811
    """The Paw Club with levels, invitations and a sale; Boris reached Gold in February."""
    calendar.turn_to(on(1, 2))
    domain = live_server.url.removeprefix("http://")
    get_model("sites", "Site").objects.update_or_create(pk=1, defaults={"domain": domain, "name": "Pets & Co."})
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip
    get_model("order", "ShippingEventType").objects.create(code="returned", name="Returned")
    unit = points_club()
    LadderFactory(program=unit.program, bronze=None, silver__rank=SILVER, gold__rank=GOLD)
    SchemeFactory(program=unit.program)
    prices = {"Captain Knot rope toy": "40.00", "Orthopaedic bed": "100.00", "Explorer carrier": "50.00"}
    toy, bed, carrier = (
        create_product(title=title, price=Decimal(price), num_in_stock=50, upc=title[:3])
        for title, price in prices.items()
    )
    sale = SaleFactory(
        program=unit.program, code="trail", product_set=a_set(carrier), door=None, percent=20, quota=40, per_member=1,
        public_from=on(5, 13, 0), ends_at=on(5, 17, 0),
    )  # fmt: skip
    for rank, opens in ((GOLD, on(5, 9, 0)), (SILVER, on(5, 11, 0))):
        DoorFactory(sale=sale, rank=rank, seen_from=on(5, 1), buys_from=opens)
    boris, maxim, kate = (a_user(f"{name}@example.com") for name in ("boris", "maxim", "kate"))
    arrive(buy(boris, (bed, 4), (toy, 1), on=day(2, 2)), on=day(2, 4))
    ripen(on=day(2, 19))
    join(program=unit.program, user_id=maxim.pk, at=clock.now())
    type(kate).objects.filter(pk=kate.pk).update(is_staff=True)
    kate.user_permissions.set([*loyalty_permissions(), *oscars_pages()])
    return SimpleNamespace(toy=toy, bed=bed, carrier=carrier, boris=boris, maxim=maxim, kate=kate)


def run_jobs():
    """What cron does, now."""
    failed = [ran.error for ran in jobs.run(at=clock.now(), nightly=True) if ran.error]
    assert failed == []


def level(page):
    """The level that the badge of this page shows, or None."""
    shown = page.locator(".loyalty-badge:visible")
    assert shown.count() == 1
    found = shown.locator("[data-loyalty=tier]")
    return int(found.get_attribute("data-value")) if found.count() else None


def friend(page):
    """What the member's page says of the one friend: the chip and the points."""
    page.goto("/loyalty/invite/")
    assert page.locator(".loyalty-friend").count() == 1
    return page.locator(".loyalty-friend .loyalty-chip").inner_text(), number(page, "friend")


class TestTheWholeStory:
    def test_ends_where_it_began_when_the_first_order_goes_back(self, shop, calendar, arrive_at):  # noqa: F811
        boris, maxim = (arrive_at(user, width=375) for user in (shop.boris, shop.maxim))
        kate = arrive_at(shop.kate, width=1280)
        calendar.turn_to(on(4, 1))

        link = self.a_member_invites(boris)
        priya = arrive_at(width=375)
        self.a_newcomer_comes_and_buys(priya, link, shop.toy)
        assert friend(boris) == ("On the way", 150)

        first = get_model("order", "Order").objects.latest("pk")
        calendar.turn_to(on(4, 3))
        deliver(first)
        calendar.turn_to(on(4, 18))
        run_jobs()
        assert numbers(priya) == (180, 0)
        assert numbers(boris) == (440 + 150, 0)
        assert friend(boris) == ("Ready", 150)

        calendar.turn_to(on(5, 6))
        self.the_newcomer_uses_points_and_climbs(priya, shop.bed)

        calendar.turn_to(on(5, 9) + timedelta(minutes=30))
        self.gold_comes_first(boris, shop.carrier)
        self.silver_waits_two_days(priya, shop.carrier)
        self.somebody_without_a_level_waits_longer(maxim)
        calendar.turn_to(on(5, 11))
        priya.goto("/loyalty/sales/trail/")
        assert "€40.00" in words(priya, "[data-loyalty=sale]")

        calendar.turn_to(on(5, 12))
        self.staff_record_the_return(kate, first)
        self.points_level_and_rewards_are_gone(priya, boris)
        assert [step.wrong for step in audit() if step.wrong] == []

    def a_member_invites(self, boris):
        """Boris makes his link and copies it."""
        boris.context.grant_permissions(["clipboard-read", "clipboard-write"])
        boris.goto("/loyalty/invite/")
        assert level(boris) == GOLD
        boris.get_by_role("button", name="Make my link").click()
        boris.get_by_role("button", name="Copy").click()
        boris.get_by_text("The link is copied.").wait_for()
        looked_at(boris, "story-1-invite")
        return boris.evaluate("navigator.clipboard.readText()")

    def a_newcomer_comes_and_buys(self, priya, link, toy):
        """Priya reads what each side gets, registers, buys two toys for 80.00, and has 80 + 100 paws on the way."""
        priya.goto(link)
        assert (number(priya, "newcomer"), number(priya, "giver")) == (100, 150)
        looked_at(priya, "story-2-landing")
        priya.locator(".loyalty").get_by_role("link", name="Register").click()
        priya.fill("#register_form [name$=email]", "priya@example.com")
        for field in ("password1", "password2"):
            priya.fill(f"#register_form [name$={field}]", PASSWORD)
        looked_at(priya, "story-3-register")
        priya.click("#register_form button[type=submit]")
        priya.wait_for_load_state()
        put(priya, [(toy, 2)])
        assert number(priya, "earn") == 80
        check_out(priya)
        assert number(priya, "earn") == 80
        looked_at(priya, "story-4-thank-you")
        assert numbers(priya) == (0, 180)
        assert level(priya) is None
        looked_at(priya, "story-5-on-the-way")

    def the_newcomer_uses_points_and_climbs(self, priya, bed):
        """Priya pays 99.00 and 100 paws for a bed; 80.00 + 99.00 make her Silver."""
        put(priya, [(bed, 1)])
        priya.fill("#points-number", "100")
        priya.get_by_role("button", name="Apply").click()
        priya.locator("[data-loyalty=points][data-value='100']").wait_for()
        assert number(priya, "earn") == 99
        looked_at(priya, "story-6-basket")
        check_out(priya)
        assert "€99.00" in words(priya)
        assert number(priya, "used") == 100
        looked_at(priya, "story-7-climbed")
        assert numbers(priya) == (80, 99)
        assert level(priya) == SILVER
        assert "Your level: Silver" in words(priya)
        assert "€221.00 more by 31 December 2026 and you are Gold." in words(priya)
        looked_at(priya, "story-8-silver")

    def gold_comes_first(self, boris, carrier):
        """The sale is open to Boris two days before Silver; he buys for 40.00 what costs 50.00."""
        boris.goto("/loyalty/sales/trail/")
        assert boris.locator("[data-loyalty=lock]").count() == 0
        assert number(boris, "left") == 40
        looked_at(boris, "story-9-gold")
        put(boris, [(carrier, 1)])
        check_out(boris)
        assert get_model("order", "Order").objects.latest("pk").total_incl_tax == 40
        assert number(boris, "earn") == 48
        boris.goto("/loyalty/sales/trail/")
        assert number(boris, "left") == 39

    def silver_waits_two_days(self, priya, carrier):
        """Priya reads from when on she may buy, and no price."""
        priya.goto(carrier.get_absolute_url())
        assert words(priya, "[data-loyalty=lock]").endswith("Opens for you on 11 May")
        assert "€" not in words(priya, ".product_main")
        priya.get_by_role("link", name="See the sale").first.click()
        assert "Opens for you on Monday 11 May That is in 1 day and 13 hours" in words(priya, "[data-loyalty=lock]")
        assert "You are €221.00 away from Gold." in words(priya)
        looked_at(priya, "story-10-silver-waits")

    def somebody_without_a_level_waits_longer(self, maxim):
        """Maxim waits for the day of everybody, and reads how far it is."""
        maxim.goto("/loyalty/sales/trail/")
        assert level(maxim) is None
        assert "Opens for you on Wednesday 13 May" in words(maxim, "[data-loyalty=lock]")
        away = [item.get_attribute("data-value") for item in maxim.locator("[data-loyalty=to-level]").all()]
        assert away == ["40000", "15000"]
        assert "You are €150.00 away from Silver." in words(maxim)
        looked_at(maxim, "story-11-no-level-waits")

    def staff_record_the_return(self, kate, order):
        """Kate reads what it will bring about, and takes back both toys of the first order in the dashboard."""
        kate.goto(f"/dashboard/orders/{order.number}/")
        line = order.lines.get()
        kate.locator(f"[name=selected_line_qty_{line.pk}]").fill("2")
        kate.locator(f"[name=selected_line][value='{line.pk}']").check()
        kate.locator("[data-loyalty=return-money][data-value='8000']").wait_for()
        answer = words(kate, "#loyalty-return-answer")
        assert "€80.00 back, 150 paws of another member go (The friend's first order went back), 180 paws go" in answer
        kate.locator("#shipping_event_check").check()
        kate.select_option("#shipping_event_type_select", "returned")
        kate.wait_for_load_state("networkidle")  # Each tick asked for a preview, which is rolled back.
        with kate.expect_navigation():
            kate.locator("#order_lines_form [type=submit]").first.click()
        assert order.shipping_events.count() == 1

    def points_level_and_rewards_are_gone(self, priya, boris):
        """Both read it on their own pages: 180 paws, 100 of them used before, the level, the door of the sale, 150."""
        assert numbers(priya) == (0, 99)
        assert number(priya, "debt") == 100
        assert level(priya) is None
        said = words(priya)
        for text in (
            "2 pieces of order", "Your first order went back", "No level yet",
            "€51.00 more by 31 December 2026 and you are Silver.",
        ):  # fmt: skip
            assert text in said
        looked_at(priya, "story-12-taken-back")
        priya.goto("/loyalty/sales/trail/")
        assert "Opens for you on Wednesday 13 May" in words(priya, "[data-loyalty=lock]")

        assert friend(boris) == ("Taken back", 0)
        looked_at(boris, "story-13-friend")
        assert numbers(boris) == (440, 48)
        assert "First order of a friend went back: A friend" in words(boris)
        assert level(boris) == GOLD
