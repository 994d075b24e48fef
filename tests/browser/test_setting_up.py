"""From an empty shop with German statuses to the first customer who pays with points, without a terminal."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from oscar.core.loading import get_model
from oscar.test.factories import create_product

from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.upkeep import jobs
from tests.browser.stage import DESK
from tests.browser.test_a_clerks_day import Hand
from tests.browser.test_journey import buy, check_out, register
from tests.integration.shop.test_words_of_the_shop import german  # noqa: F401 - fixture

#: What the owner presses, from Django's index to a live club; and to bring the first order to its end on the dashboard.
TO_GO_LIVE, TO_DELIVER = 5, 3


@pytest.fixture
def shop(transactional_db, german):  # noqa: F811
    """Oscar as it comes, with a thing to buy that is delivered to Germany; nothing of ours is set up."""
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip
    get_model("sites", "Site").objects.get_or_create(pk=1, defaults={"domain": "testserver", "name": "Pets & Co."})
    return create_product(title="Orthopaedic bed", price=Decimal("40.00"), num_in_stock=9, upc="bed")


@pytest.fixture
def arrive(browser, live_server):
    """Give somebody a browser of their own, signed in or a stranger; nothing breaks in any."""
    errors, contexts = [], []

    def one(user=None):
        context = browser.new_context(viewport={"width": DESK, "height": 900}, base_url=live_server.url)
        contexts.append(context)
        context.on("response", lambda answer: answer.status >= 500 and errors.append(answer.url))
        if user:
            client = Client()
            client.force_login(user)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            context.add_cookies([cookie])
        return context.new_page()

    yield one
    for context in contexts:
        context.close()
    assert errors == []


class TestAnOwner:
    def test_comes_from_nothing_to_the_first_points_used(self, shop, arrive):
        owner = Hand(arrive(get_user_model().objects.create_superuser("olga", "olga@example.org", "x")))
        owner.page.goto("/admin/")
        owner.click(owner.page.locator("#content caption a", has_text="Loyalty"))
        owner.click("Set one up")
        for name, typed in {"name": "Paw Club", "spend": "1", "worth": "5", "hold_days": "0"}.items():
            owner.page.fill(f"#id_{name}", typed)
        owner.click(owner.page.locator("#content input[type=submit], #content button[type=submit]").last)
        owner.click("Go live")
        owner.click("Go live")
        assert Program.objects.get().state == State.LIVE
        assert owner.clicks == TO_GO_LIVE

        boris = arrive()
        register(boris)
        buy(boris, [(shop, 1)])
        check_out(boris)
        order = get_model("order", "Order").objects.get()

        owner.page.goto(f"/dashboard/orders/{order.number}/")
        owner.clicks = 0
        for status in ("In Bearbeitung", "Versendet", "Geliefert"):
            form = owner.page.locator("form:has([name=order_action][value=change_order_status])")
            form.locator("[name=new_status]").select_option(status, force=True)
            owner.click(form.locator("[type=submit]"))
        assert owner.clicks == TO_DELIVER
        for step in jobs.run(at=clock.now() + timedelta(minutes=5)):  # As cron does, every few minutes.
            assert not step.error, step.error

        buy(boris, [(shop, 1)])
        boris.get_by_role("button", name="Use all").click()
        boris.locator("[data-loyalty=points]:not([data-value='0'])").wait_for()
        check_out(boris)
        paid = get_model("order", "Order").objects.exclude(pk=order.pk).get()
        assert Redemption.objects.get(order_id=paid.pk).points == 40
        assert paid.basket_total_incl_tax == Decimal("38.00")
