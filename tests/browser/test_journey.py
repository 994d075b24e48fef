"""The story of the ground floor in a real browser: buy, see why, wait, send back, and every number is exact."""

from datetime import timedelta
from decimal import Decimal

import pytest
from oscar.core.loading import get_model
from oscar.test.factories import create_product

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.program import clock
from loyalty_oscar.testing import a_program
from tests import orders
from tests.browser.stage import PHONE, fits

#: 18.55 × 2 + 7.99 + 31.40 = 76.49 paid for goods: 76 paws.
GOODS = [("Captain Knot rope toy", "18.55", 2), ("Liver bites", "7.99", 1), ("Orthopaedic bed", "31.40", 1)]
ADDRESS = {
    "first_name": "Boris",
    "last_name": "Wassiljew",
    "line1": "Birkenweg 14",
    "line4": "Augsburg",
    "postcode": "86150",
}


@pytest.fixture
def shop(transactional_db):
    """A shop with three things to buy, which delivers to Germany, and a club that is open."""
    a_program(time_zone="Europe/Berlin")
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip
    get_model("sites", "Site").objects.get_or_create(pk=1, defaults={"domain": "testserver", "name": "Pets & Co."})
    return [
        (create_product(title=title, price=Decimal(price), num_in_stock=9, upc=f"upc-{n}"), quantity)
        for n, (title, price, quantity) in enumerate(GOODS)
    ]


@pytest.fixture
def page(browser, live_server):
    """A phone's page that tells of script errors and broken answers."""
    errors = []
    with browser.new_context(viewport={"width": PHONE, "height": 800}, base_url=live_server.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 500 and errors.append(answer.url))
        yield page
    assert errors == []


def register(page, *, email="boris@mail.example", password="a sentence is fine"):
    page.goto("/accounts/login/")
    page.fill("#id_registration-email", email)
    page.fill("#id_registration-password1", password)
    page.fill("#id_registration-password2", password)
    page.click("button[name=registration_submit]")
    page.wait_for_load_state()


def buy(page, goods):
    for product, quantity in goods:
        for _unit in range(quantity):
            page.goto(product.get_absolute_url())
            page.click("#add_to_basket_form button[type=submit]")
            page.wait_for_load_state()
    page.goto("/basket/")


def check_out(page):
    page.goto("/checkout/")
    if "shipping-address" in page.url:
        for name, value in ADDRESS.items():
            page.fill(f"input[name={name}]", value)
        page.click("form button[type=submit]:visible")
        page.wait_for_load_state()
    while "thank-you" not in page.url:
        before = page.url
        button = page.locator(
            "#place-order, #view_preview, form#place_order_form button, .card-body a.btn, form button[type=submit]"
        )
        button.locator("visible=true").last.click()
        page.wait_for_load_state()
        assert page.url != before, f"the checkout stands still at {before}"


def number(page, kind):
    """The one number of a kind on the customer's page, as a machine reads it."""
    values = {item.get_attribute("data-value") for item in page.locator(f"[data-loyalty={kind}]").all()}
    assert len(values) == 1, f"{kind} is shown as {values}"
    return int(values.pop())


def numbers(page):
    page.goto("/loyalty/")
    return number(page, "available"), number(page, "pending")


class TestANewcomer:
    def test_buys_sees_why_and_gets_exactly_the_right_number_taken_back(self, shop, page):
        register(page)
        assert numbers(page) == (0, 0)
        buy(page, shop)
        assert number(page, "earn") == 76
        check_out(page)
        assert number(page, "earn") == 76
        assert numbers(page) == (0, 76)
        why = page.locator("main details, #content details, details").filter(has_text="76").first
        why.locator("summary").click()
        assert "76.49" in why.inner_text()

        order = orders.Order.objects.get()
        orders.deliver(order)
        list(ledger.mature_due(at=clock.now() + timedelta(days=13, hours=23)))
        assert numbers(page) == (0, 76)
        list(ledger.mature_due(at=clock.now() + timedelta(days=14, minutes=1)))
        assert numbers(page) == (76, 0)
        badges = page.locator("header [data-loyalty=available], nav [data-loyalty=available]").locator("visible=true")
        assert badges.count() == 1

        toy = order.lines.get(quantity=2)
        points = Award.objects.get().lines.get(line=toy.pk).points
        orders.come_back(line=toy, quantity=1)
        assert numbers(page) == (76 - points // 2, 0)
        orders.come_back(line=toy, quantity=1)
        for line in order.lines.exclude(pk=toy.pk):
            orders.come_back(line=line, quantity=1)
        assert numbers(page) == (0, 0)
        fits(page, "journey")
        assert not [progress.wrong for progress in audit() if progress.wrong]
