"""Using points in a real browser: the same numbers on every page, whatever happens on the way to the order."""

import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.test import Client
from oscar.core.loading import get_class, get_model
from oscar.test.factories import create_product

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions, oscars_pages
from loyalty_oscar.shop.upkeep import jobs
from sandbox.partner.strategy import Strategy
from tests import orders
from tests.browser.stage import at_widths, picture
from tests.browser.test_journey import ADDRESS, buy, number, page  # noqa: F401 - a fixture
from tests.browser.test_storefront import violations
from tests.points import give, points_club
from tests.storefront import a_user

Basket, Order = get_model("basket", "Basket"), get_model("order", "Order")
#: Dry food bears 7 % VAT, the others 19 %: 84.80 together.
GOODS = {"food": ("Senior dry food", "21.90"), "toy": ("Captain Knot rope toy", "6.50"), "bed": ("Dog bed", "49.90")}
STORY = {"food": 1, "toy": 2, "bed": 1}
VOUCHER = "LATE-4T9R"


@pytest.fixture
def shop(transactional_db, settings, monkeypatch):
    """The shop of the story: two VAT rates inside the prices, a site offer on toys, a voucher; Boris has 1,250 paws."""
    settings.OSCAR_OFFERS_INCL_TAX = True
    selector = get_class("partner.strategy", "Selector")
    monkeypatch.setattr(selector, "strategy", lambda self, request=None, user=None, **kwargs: Strategy(request))
    unit = points_club()
    names = {"en": {"one": "paw", "other": "paws"}}
    type(unit).objects.filter(pk=unit.pk).update(names=names)
    unit.refresh_from_db()
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip
    goods = {
        kind: create_product(title=title, price=Decimal(price), num_in_stock=50, product_class=kind, upc=kind)
        for kind, (title, price) in GOODS.items()
    }
    toys, everything = (
        get_model("offer", "Range").objects.create(name=name, includes_all_products=name == "Everything")
        for name in ("Toys", "Everything")
    )
    toys.add_product(goods["toy"])
    an_offer("Toy spring: two toys, 20 % off", toys, at_least=2, kind="Percentage", value=20, priority=1)
    late = an_offer("Sorry for the late parcel", everything, kind="Absolute", value=3, offer_type="Voucher")
    voucher = get_model("voucher", "Voucher").objects.create(
        name=late.name, code=VOUCHER, usage="Multi-use",
        start_datetime=clock.now() - timedelta(days=1), end_datetime=clock.now() + timedelta(days=9),
    )  # fmt: skip
    voucher.offers.add(late)
    boris = a_user()
    give(boris, 1250, unit, until=clock.now() + timedelta(days=400))
    return SimpleNamespace(unit=unit, goods=goods, boris=boris)


def an_offer(name, range_, *, kind, value, at_least=1, **fields):
    condition = get_model("offer", "Condition").objects.create(range=range_, type="Count", value=at_least)
    benefit = get_model("offer", "Benefit").objects.create(range=range_, type=kind, value=value)
    return get_model("offer", "ConditionalOffer").objects.create(
        name=name, condition=condition, benefit=benefit, **fields
    )


def enter(page, user):  # noqa: F811
    """Sign in without the form."""
    client = Client()
    client.force_login(user)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": page.base_address}
    page.context.add_cookies([cookie])


@pytest.fixture
def tab(page, live_server, shop):  # noqa: F811
    """Boris's page."""
    page.base_address = live_server.url
    page.set_default_timeout(10_000)
    enter(page, shop.boris)
    return page


def put(tab, shop, things):
    """Put things into the basket on their product pages, and go there."""
    buy(tab, [(shop.goods[kind], quantity) for kind, quantity in things.items()])


def press(tab, name):
    """Press a button of the control and wait for its answer, which comes with a page or is put into this one."""
    tab.evaluate("document.getElementById('points').dataset.old = 1")
    tab.locator("#points").get_by_role("button", name=name).first.click()
    tab.locator("#points:not([data-old])").wait_for()
    tab.wait_for_load_state()


def use(tab, points):
    """Type a number into the control, on whatever page it stands."""
    tab.fill("#points-number", str(points))
    press(tab, "Apply")


def used(tab):
    """The points that the page says are used, as a machine reads them."""
    return number(tab, "points")


def words(tab, where="body"):
    return " ".join(tab.locator(where).first.inner_text().replace("\xa0", " ").split())


def to_preview(tab):
    tab.goto("/checkout/")
    if "shipping-address" in tab.url:
        for name, value in ADDRESS.items():
            tab.fill(f"input[name={name}]", value)
        tab.click("form button[type=submit]:visible")
        tab.wait_for_load_state()
    if "payment-details" in tab.url:
        tab.click("#view_preview")
        tab.wait_for_load_state()
    assert "preview" in tab.url


def place(tab):
    tab.click("#place-order")
    tab.wait_for_load_state()


def looked_at(tab, name):
    """Nothing sticks out sideways, and axe finds nothing in the control, on a phone and at a desk."""
    tab.wait_for_timeout(400)  # A button that was just pressed is still fading to its color.
    for width in at_widths(tab):
        picture(tab, f"use-{name}")
        found = Axe().run(tab, context=[["#points"]]).response["violations"]
        assert [(rule["id"], node["html"][:160], width) for rule in found for node in rule["nodes"]] == []


def proved():
    assert [step.wrong for step in audit() if step.wrong] == []


class TestAMember:
    def test_reads_the_same_numbers_from_the_basket_to_the_return(self, tab, shop):
        put(tab, shop, STORY)
        tab.click("#voucher_form_link a")
        tab.fill("#id_code", VOUCHER)
        tab.press("#id_code", "Enter")
        tab.locator("#messages .alert").first.wait_for()
        looked_at(tab, "none")
        use(tab, 700)
        assert used(tab) == 700
        use(tab, 33)
        press(tab, "Use 500 paws")
        looked_at(tab, "basket")
        assert used(tab) == 500
        assert "You use 500 paws. Saves €5.00, leaves 750 paws (€7.50)." in words(tab, "#points")
        assert number(tab, "earn") == 74
        to_preview(tab)
        looked_at(tab, "preview")
        assert used(tab) == 500
        assert "€74.20" in words(tab)
        assert violations(tab) == []
        place(tab)
        assert "thank-you" in tab.url
        assert violations(tab) == []

        order, account = Order.objects.get(), Account.objects.get()
        assert order.total_incl_tax == sum(line.line_price_incl_tax for line in order.lines.all()) == Decimal("74.20")
        assert (account.available, account.reserved, account.pending) == (750, 0, 74)
        discounts = {discount.offer_name.replace("\xa0", " "): discount.amount for discount in order.discounts.all()}
        assert discounts["500 paws used"] == 5
        tab.goto(f"/accounts/orders/{order.number}/")
        for said in ("500 paws used", "€5.00", "€74.20"):
            assert said in words(tab)
        assert violations(tab) == []
        tab.goto("/accounts/orders/")
        assert violations(tab) == []
        letter = next(sent.body for sent in mail.outbox if order.number in sent.body).replace("\xa0", " ")
        assert "500 paws used" in letter
        assert "74.20" in letter

        toy = order.lines.get(upc="toy")
        share = next(
            part for part in Redemption.objects.get(order_id=order.pk).lines if part["product"] == toy.product_id
        )
        orders.deliver(order)
        orders.come_back(line=toy, quantity=1)
        ready = 750 + share["points"] // 2
        tab.goto("/loyalty/")
        assert number(tab, "available") == ready
        assert f"Order {order.number}" in words(tab)
        self.staff_reads(tab, order, ready, share["points"] // 2)
        proved()

    def staff_reads(self, tab, order, ready, back):
        """Order page and member's page say what the customer reads."""
        staff = a_user("kate@example.com")
        type(staff).objects.filter(pk=staff.pk).update(is_staff=True)
        staff.user_permissions.set([*loyalty_permissions(), *oscars_pages()])
        # A page of its own: Oscar's page of an order calls a script of its own that is not there.
        with tab.context.browser.new_context(viewport=tab.viewport_size, base_url=tab.base_address) as context:
            desk = context.new_page()
            desk.base_address = tab.base_address
            enter(desk, staff)
            desk.goto(f"/dashboard/orders/{order.number}/")
            assert "500 paws" in words(desk)
            assert f"{back} paws" in words(desk)
            desk.goto(f"/admin/loyalty_program/member/{Account.objects.get().member_id}/change/")
            assert str(ready) in words(desk)
            assert re.search("[−-]500", words(desk))

    def test_uses_no_more_than_the_basket_is_worth(self, tab, shop):
        put(tab, shop, {"toy": 1})
        press(tab, "Use all")
        looked_at(tab, "less")
        assert used(tab) == 650
        assert "650 of 1,250 paws used." in words(tab, "#points")
        to_preview(tab)
        looked_at(tab, "less-preview")
        place(tab)
        assert "thank-you" in tab.url
        order, account = Order.objects.get(), Account.objects.get()
        assert order.total_incl_tax == order.lines.get().line_price_incl_tax == 0
        assert (account.available, account.reserved, account.pending) == (600, 0, 0)
        proved()

    def test_reads_what_is_wrong_with_a_number(self, tab, shop):
        put(tab, shop, {"bed": 1})
        use(tab, "five")
        looked_at(tab, "error")
        assert tab.locator("#points-error").is_visible()
        use(tab, 1251)
        looked_at(tab, "too-many")
        assert "Choose a number up to 1,250." in words(tab, "#points-error")
        assert used(tab) == 0
        account = Account.objects.get()
        assert (account.available, account.reserved) == (1250, 0)

    def test_is_told_when_the_points_are_back(self, tab, shop):
        put(tab, shop, {"bed": 1})
        use(tab, 500)
        Basket.objects.get().lines.update(date_updated=clock.now() - timedelta(hours=2))
        hold = Account.objects.get().holds.get()
        type(hold).objects.filter(pk=hold.pk).update(
            created_at=clock.now() - timedelta(hours=2), expires_at=clock.now() - timedelta(hours=1)
        )
        list(jobs.run(at=clock.now(), only="holds"))
        tab.goto("/basket/")
        looked_at(tab, "back")
        assert "You have your 500 paws back." in words(tab, "#points")
        assert "€49.90" in words(tab, "#points")
        press(tab, "Use 500 paws")
        assert used(tab) == 500
        account = Account.objects.get()
        assert (account.available, account.reserved) == (750, 500)

    def test_needs_no_script(self, browser, live_server, shop):
        with browser.new_context(java_script_enabled=False, base_url=live_server.url) as context:
            tab = context.new_page()
            tab.base_address = live_server.url
            enter(tab, shop.boris)
            put(tab, shop, {"bed": 1})
            tab.fill("#points-number", "500")
            tab.get_by_role("button", name="Apply").click()
            tab.wait_for_url("**/basket/#points")
            assert used(tab) == 500
            tab.get_by_role("button", name="None").click()
            tab.wait_for_load_state()
            assert used(tab) == 0
            account = Account.objects.get()
            assert (account.available, account.reserved) == (1250, 0)


class TestADeclinedPayment:
    def test_keeps_the_points_for_the_next_try(self, tab, shop, monkeypatch):
        view, declined = get_class("checkout.views", "PaymentDetailsView"), []

        def handle_payment(self, order_number, total, **kwargs):
            if not declined:
                declined.append(total.incl_tax)
                raise get_class("payment.exceptions", "UnableToTakePayment")("The card was declined.")

        monkeypatch.setattr(view, "handle_payment", handle_payment)
        put(tab, shop, {"bed": 1})
        use(tab, 500)
        to_preview(tab)
        place(tab)
        looked_at(tab, "declined")
        assert "The card was declined." in words(tab)
        assert declined == [Decimal("44.90")]
        account = Account.objects.get()
        assert (account.available, account.reserved) == (750, 500)
        assert not Order.objects.exists()
        to_preview(tab)
        assert used(tab) == 500
        place(tab)
        assert Order.objects.get().total_incl_tax == Decimal("44.90")
        account.refresh_from_db()
        assert (account.available, account.reserved) == (750, 0)
        proved()


class TestTwoTabs:
    def test_of_one_basket_agree_before_money_is_taken(self, tab, shop):
        """Lowered in another tab: who pays on the old page is shown the new total first."""
        put(tab, shop, {"bed": 1})
        use(tab, 500)
        to_preview(tab)
        other = tab.context.new_page()
        other.goto("/basket/")
        use(other, 100)
        place(tab)
        if "thank-you" not in tab.url:
            looked_at(tab, "other-tab")
            assert not Order.objects.exists()
            assert "€48.90" in words(tab)
            to_preview(tab)
            place(tab)
        order, account = Order.objects.get(), Account.objects.get()
        assert order.total_incl_tax == Decimal("48.90")
        assert (account.available, account.reserved) == (1150, 0)
        proved()


class TestABasketOfAStranger:
    def test_brings_its_goods_to_the_points_of_who_logs_in(self, tab, shop):
        """Boris set 500 paws aside on another machine; what he put into a basket before he logged in joins that one."""
        put(tab, shop, {"bed": 1})
        use(tab, 500)
        tab.context.clear_cookies()
        put(tab, shop, {"toy": 2})
        assert tab.locator("#points").count() == 0
        tab.goto("/accounts/login/")
        tab.fill("#id_login-username", shop.boris.email)
        tab.fill("#id_login-password", "a good one")
        tab.press("#id_login-password", "Enter")
        tab.wait_for_load_state()
        tab.goto("/basket/")
        looked_at(tab, "merged")
        assert used(tab) == 500
        account = Account.objects.get()
        assert (account.available, account.reserved) == (750, 500)
        to_preview(tab)
        place(tab)
        assert Order.objects.get().total_incl_tax == Decimal("49.90") + Decimal("10.40") - 5
        proved()
