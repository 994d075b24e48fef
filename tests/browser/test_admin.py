"""The merchant at work, on a desk and on a phone: going live, a rule, a member, goodwill points."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import reverse
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.earning.models import Rule, RuleBudget
from loyalty_oscar.insights.operations import count
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import ProductSet, State
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions, oscars_pages
from loyalty_oscar.testing import a_program
from loyalty_oscar.testing.factories import ProgramFactory
from tests.browser.stage import DESK, at_widths
from tests.browser.test_strict_policy import LISTEN, strict
from tests.orders import come_back, deliver, imported, place
from tests.points import give, points_club, use
from tests.storefront import a_basket, a_product

#: Where on pages of Django's and Oscar's our own parts stand.
OURS = (".loyalty-figures", ".loyalty-card", ".loyalty-scroll", ".loyalty-panel", ".loyalty-types", ".loyalty-page")


@pytest.fixture
def merchant(transactional_db):
    user = get_user_model().objects.create_user("kate", "merchant@example.com", "x", is_staff=True)
    user.user_permissions.set([*loyalty_permissions(), *oscars_pages()])
    return user


@pytest.fixture
def customer(transactional_db):
    return get_user_model().objects.create_user("boris", "boris@example.com", "x")


@pytest.fixture
def desk(browser, live_server, merchant):
    """A signed-in page of the merchant's, and a way to the addresses of the shop."""
    client = Client()
    client.force_login(merchant)
    with browser.new_page(viewport={"width": DESK, "height": 900}) as page:
        errors = []
        # Oscar's own page of an order calls a function of its own that is not there.
        page.on("pageerror", lambda error: "oscar.dashboard" in str(error) or errors.append(str(error)))
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([cookie])
        page.visit = lambda name, *args, more="": page.goto(live_server.url + reverse(name, args=args) + more)
        yield page
        assert errors == []


def looked_at(page, name, within="html"):
    """Keep a picture where LOYALTY_PICTURES names a folder; at both widths nothing of ours sticks out sideways."""
    ours = [part for part in OURS if page.locator(part).count()]
    reach = "part => part === document.documentElement ? part.scrollWidth : part.getBoundingClientRect().right"
    for width in at_widths(page):
        if folder := os.environ.get("LOYALTY_PICTURES"):
            page.screenshot(path=Path(folder) / f"desk-{name}-{width}.png", full_page=True)
        found = Axe().run(page, context={"include": [[part] for part in ours]}).response["violations"] if ours else []
        assert [(fault["id"], fault["nodes"][0]["html"], width) for fault in found] == []
        for part in page.locator(within).all():
            assert part.evaluate(reach) <= width


class TestTheMerchant:
    def test_opens_a_program(self, desk, customer):
        program = ProgramFactory(code="club", live=None, rule=None)
        imported(user=customer, lines=[("36.80", 2)], placed_at=clock.now() - timedelta(days=2))
        desk.visit("admin:loyalty_program_program_change", program.pk)
        assert desk.get_by_text("No rule is in force").is_visible()
        looked_at(desk, "draft")

        desk.visit("admin:loyalty_earning_rule_add")
        looked_at(desk, "rule-types")
        desk.get_by_text("For money paid").click()
        desk.fill("#id_name", "Base")
        desk.fill("#id_p_points", "2")
        desk.fill("#id_p_step_minor", "1.00")
        desk.get_by_role("button", name="Preview").click()
        desk.get_by_text("As typed, not saved yet").wait_for()
        assert "2 paws for each €1.00" in desk.locator("[data-loyalty=rule]").inner_text().replace("\xa0", " ")
        looked_at(desk, "rule-preview")
        desk.get_by_role("button", name="Save", exact=True).click()

        desk.visit("admin:loyalty_program_program_change", program.pk)
        desk.get_by_role("link", name="Go live").click()
        assert "147 paws, worth €1.47" in desk.locator(".loyalty-sentences").inner_text().replace("\xa0", " ")
        looked_at(desk, "go-live")
        desk.fill("#id_reason", "Spring")
        desk.get_by_role("button", name="Go live").click()
        desk.wait_for_load_state()
        program.refresh_from_db()
        assert program.state == State.LIVE
        looked_at(desk, "program")

    def test_sees_a_rule_with_all_its_fields(self, desk, customer):
        unit = a_program()
        for code, name in (("cats", "Cat food"), ("cards", "Gift cards")):
            ProductSet.objects.create(code=code, name=name)
        imported(user=customer, lines=[("36.80", 2)], placed_at=clock.now())
        desk.visit("admin:loyalty_earning_rule_add", more="?type=multiplier")
        desk.fill("#id_name", "Double May")
        desk.fill("#id_p_percent", "2")
        desk.get_by_label("Gift cards").last.check()
        desk.fill("#id_first", "2096-06-01")
        desk.fill("#id_last", "2096-05-31")
        desk.get_by_role("button", name="Save", exact=True).click()
        desk.get_by_text("The last day lies before the first.").wait_for()
        desk.fill("#id_first", "2096-05-01")
        desk.get_by_role("button", name="Save and continue").click()
        desk.get_by_text("was added successfully").wait_for()
        assert (
            desk.locator("[data-loyalty=rule]").inner_text().replace("\xa0", " ")
        ) == "Twice the paws for what you spend on everything, except Gift cards, from 1 May 2096 to 31 May 2096."
        assert unit.program.rules.count() == 2
        looked_at(desk, "rule")
        desk.visit("admin:loyalty_earning_rule_changelist")
        looked_at(desk, "rules")

    def test_helps_a_customer(self, desk, customer):
        a_program(live_from=clock.now() - timedelta(hours=1))
        order = place(user=customer, lines=[("36.80", 2), ("11.20", 1)])
        deliver(order)
        come_back(line=order.lines.first(), quantity=1)
        desk.visit("dashboard:order-detail", order.number)
        assert desk.locator("[data-loyalty=earn]").get_attribute("data-value") == "48"
        looked_at(desk, "order", within=".loyalty-panel")
        desk.visit("dashboard:user-detail", customer.pk)
        looked_at(desk, "user", within=".loyalty-panel")
        desk.get_by_role("link", name="Give goodwill").click()
        looked_at(desk, "goodwill")
        desk.get_by_label("How much").fill("50")
        desk.get_by_label("Reason").fill("Parcel was late")
        desk.get_by_role("button", name="Give it").click()
        desk.wait_for_load_state()
        account = Account.objects.get()
        assert (account.available, account.pending) == (50, 48)

        desk.visit("admin:loyalty_program_member_change", account.member_id)
        desk.locator("summary").first.click()
        looked_at(desk, "member")
        desk.get_by_role("link", name="Give or take").click()
        desk.fill("#id_points", "-51")
        desk.fill("#id_reason", "Slip")
        desk.get_by_role("button", name="Give or take").click()
        desk.get_by_text("can be taken: no more are ready").wait_for()
        looked_at(desk, "adjust")
        desk.visit("loyalty:dashboard")
        looked_at(desk, "overview")
        desk.visit("admin:loyalty_ledger_entry_changelist")
        looked_at(desk, "entries")

    def test_reads_what_a_return_does_before_confirming_it(self, desk, customer):
        unit = points_club()
        give(customer, 800, unit)
        basket = a_basket(customer, (a_product("Bites", "10.00"), 3), (a_product("Bed", "20.00"), 1))
        with transaction.atomic():
            order = factories.create_order(basket=use(customer, basket, 500, unit=unit), user=customer)
        get_model("order", "ShippingEventType").objects.create(code="returned", name="Returned")
        bites, _bed = order.lines.order_by("pk")

        desk.visit("dashboard:order-detail", order.number)
        assert said(desk) == "€45.00 back, 45 paws go, 500 paws return"
        looked_at(desk, "return", within=".loyalty-panel")
        desk.locator(f"[name=selected_line_qty_{bites.pk}]").fill("1")
        desk.locator(f"[name=selected_line][value='{bites.pk}']").check()
        desk.locator("[data-loyalty=return-money][data-value='900']").wait_for()
        assert said(desk) == "€9.00 back, 9 paws go, 100 paws return"
        desk.locator(f"#return-{bites.pk}").fill("2")
        desk.locator(f"#return-{bites.pk}").blur()
        desk.locator("[data-loyalty=return-money][data-value='1800']").wait_for()

        desk.locator("#shipping_event_check").check()
        desk.select_option("#shipping_event_type_select", "returned")
        desk.locator("#order_lines_form [type=submit]").first.click()
        desk.wait_for_load_state()
        desk.get_by_text("100\xa0paws came back").wait_for()
        assert said(desk) == "€36.00 back, 36 paws go, 400 paws return"
        assert Account.objects.get().available == 400

    def test_reads_the_figures_under_a_strict_policy(self, desk, customer):
        now = clock.now()
        unit = points_club()
        for months in range(4):
            given = now - timedelta(days=30 * months, hours=2)
            give(customer, 1250 * (months + 1), unit, source=f"gift{months}", at=given)
        list(count(at=now))
        desk.add_init_script(LISTEN)
        desk.context.route("**/*", strict)

        desk.visit("admin:loyalty_insights_book_changelist")
        looked_at(desk, "figures")
        assert [what for what, is_ours in desk.evaluate("refused") if is_ours] == []
        assert desk.get_by_role("img", name="Given, used and run out by month").is_visible()
        with desk.expect_download() as saved:
            desk.get_by_role("link", name="Download “By month” as a CSV file").click()
        assert saved.value.suggested_filename.endswith(".csv")
        desk.fill("#id_first", "2020-05-02")
        desk.fill("#id_last", "2020-05-01")
        desk.get_by_role("button", name="Show").click()
        desk.get_by_text("The last day comes before the first.").wait_for()
        looked_at(desk, "figures-refused")

    def test_says_what_points_may_pay_for(self, desk):
        unit = points_club()
        terms = UseTerms.objects.get()
        desk.visit("admin:loyalty_program_program_change", unit.program_id)
        looked_at(desk, "program-limits", within=".loyalty-card")
        desk.get_by_role("link", name="The limits of use").click()
        desk.fill("#id_minimum", "150")
        desk.fill("#id_step", "100")
        desk.get_by_role("button", name="Save and continue").click()
        desk.get_by_text("In steps of 100 this must be 100 or 200.").wait_for()
        looked_at(desk, "limits-refused", within=".loyalty-card")
        desk.fill("#id_minimum", "100")
        desk.get_by_role("button", name="Save and continue").click()
        desk.get_by_text("was changed successfully").wait_for()
        sentence = "Members can use 100 paws or more, in steps of 100, for all of the goods."
        assert desk.locator(".loyalty-rule").inner_text().replace("\xa0", " ") == sentence
        looked_at(desk, "limits", within=".loyalty-card")
        terms.refresh_from_db()
        assert (terms.minimum, terms.step) == (100, 100)


def said(page):
    """What the preview of a return says."""
    return page.locator("#loyalty-return-answer strong").inner_text().replace("\xa0", " ")


class TestARuleWithLimits:
    def test_is_set_up_planned_and_followed_on_its_page(self, desk, customer):
        unit = a_program()
        bed, category = a_product("Orthopaedic bed", "100.00"), create_from_breadcrumbs("Dogs > Dog beds")
        get_model("catalogue", "ProductCategory").objects.create(product=bed, category=category)
        desk.visit("admin:loyalty_earning_rule_add", more="?type=multiplier")
        desk.locator("#id_name").fill("Dog bed week")
        desk.locator("#id_p_percent").fill("2.5")
        desk.get_by_label("At most, for all members together").fill("10000")
        desk.get_by_label("At most, for each member in all").fill("500")
        desk.get_by_label("Only on: Categories").select_option(label="– Dog beds")
        looked_at(desk, "rule-limits-typed")
        desk.get_by_role("button", name="Save and continue editing").click()
        rule = Rule.objects.get(code="dog-bed-week")
        RuleBudget.objects.filter(pk=rule.pk).update(taken=7_500)
        desk.visit("admin:loyalty_earning_rule_change", rule.pk)
        assert "7,500 of 10,000" in desk.locator("[data-loyalty=budget]").inner_text()
        assert "on Dog beds" in desk.locator("[data-loyalty=rule]").first.inner_text()
        ahead = clock.now() + timedelta(days=30)
        desk.locator("#id_p_percent").fill("3")
        desk.get_by_label("Counts from").fill(ahead.date().isoformat())
        desk.get_by_role("button", name="Save and continue editing").click()
        looked_at(desk, "rule-limits-planned")
        desk.get_by_role("button", name="Take this back").click()
        told = desk.get_by_text("is taken back").first
        told.wait_for()
        assert told.is_visible()
        assert rule.versions.count() == 1
        desk.get_by_role("link", name="Copy").click()
        assert desk.locator("#id_name").input_value() == "Copy of Dog bed week"
        desk.get_by_role("button", name="Save as a draft, switched off").click()
        assert Rule.objects.get(code="copy-of-dog-bed-week").versions.get().is_on is False
        assert unit.program_id == rule.program_id
