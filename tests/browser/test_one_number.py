"""
One number in a real browser, on a phone and at a desk: what the basket promises is what the preview and the thanks say,
and what account, badge, statement, order, API and mail tell afterwards.

The walks by the pages' markup alone are in `tests/functional/test_one_number.py`; here a voucher, a sale, points and a
limit of free delivery lie in one basket, and what is hidden at a width counts for nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from oscar.core.loading import get_class, get_model

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing.factories import SaleFactory
from tests.browser.stage import arrive_at, at_widths, calendar, words  # noqa: F401 - fixtures
from tests.browser.test_guest import EMAIL
from tests.browser.test_journey import ADDRESS
from tests.browser.test_journey import buy as put
from tests.browser.test_using_points import an_offer, press
from tests.functional.test_one_number import Parcel
from tests.integration.api.conftest import api_of
from tests.integration.exclusives.sales import a_set
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, points_club
from tests.storefront import a_product, a_user, buy, day, first_order_bonus

pytestmark = pytest.mark.django_db(transaction=True)
MORNING = datetime(2026, 5, 6, 10, tzinfo=ZoneInfo("Europe/Berlin"))
DESK, VOUCHER = 1280, "LATE-4T9R"


@pytest.fixture(autouse=True)
def shop(calendar):  # noqa: F811
    """A Wednesday in May, in a shop that delivers to Germany."""
    calendar.turn_to(MORNING)
    get_model("sites", "Site").objects.get_or_create(pk=1, defaults={"domain": "testserver", "name": "Pets & Co."})
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="DE", iso_3166_1_a3="DEU", iso_3166_1_numeric="276", printable_name="Germany",
        name="Germany", is_shipping_country=True,
    )  # fmt: skip


@dataclass
class Promise:
    """What a page says that the order brings (the earned part, the parts beside it, all) and costs."""

    earned: int
    more: list
    total: int
    used: int = 0
    cost: Decimal | None = None

    @classmethod
    def on(cls, page):
        """The promise of a page, which is one at both widths."""
        found = [cls.seen(page) for _width in at_widths(page)]
        assert found[0] == found[1], page.url
        return found[0]

    @classmethod
    def seen(cls, page):
        (earned,), total = seen(page, "earn"), seen(page, "earn-all")
        used = seen(page, "points") or seen(page, "used") or [0]
        cost = re.search(r"Order total €([0-9.]+)", words(page))
        return cls(earned, seen(page, "earn-more"), [*total, earned][0], used[0], cost and Decimal(cost[1]))

    def __eq__(self, other):
        """The thanks say nothing of what the order costs."""
        mine, theirs = ((one.earned, one.more, one.total) for one in (self, other))
        return mine == theirs and (self.cost == other.cost or None in (self.cost, other.cost))


def seen(page, kind):
    """The numbers of a kind that can be seen on a page, as a machine reads them."""
    parts = page.locator(f"[data-loyalty={kind}]").locator("visible=true").all()
    return [int(part.get_attribute("data-value")) for part in parts]


def to_preview(page, *, guest):
    page.goto("/checkout/")
    if guest:
        page.fill("#id_username", EMAIL)
        page.check("input[name=options][value=anonymous]")
        page.locator("form button[type=submit]:visible").last.click()
        page.wait_for_load_state()
    for name, value in ADDRESS.items():
        page.fill(f"input[name={name}]", value)
    page.click("form button[type=submit]:visible")
    page.wait_for_load_state()
    if "payment-details" in page.url:
        page.click("#view_preview")
        page.wait_for_load_state()
    assert "preview" in page.url


def ordered(page, *, guest=False):
    """Order what is in the basket that is open; what basket, preview and thanks promised, which is the same."""
    promised = [Promise.on(page)]
    to_preview(page, guest=guest)
    promised.append(Promise.on(page))
    page.click("#place-order")
    page.wait_for_url("**/thank-you/")
    promised.append(Promise.on(page))
    order = get_model("order", "Order").objects.latest("pk")
    assert promised[0].cost == promised[1].cost == order.total_incl_tax
    assert promised[0] == promised[1] == promised[2], promised
    return promised[0]


def same_everywhere(page, user, promise, *, before=0, ready=0):
    """Account, badge, statement, order, API and mail tell what was promised, with `before` on the way already."""
    account = Account.objects.get(member__user=user)
    assert (account.available, account.pending) == (ready, before + promise.total)
    me = api_of(user).get("me").json()
    assert (me["ready"], me["on_the_way"]) == (ready, before + promise.total)
    page.goto("/loyalty/")
    for width in at_widths(page):
        assert set(seen(page, "available")) == {ready}, width
        assert page.locator(".loyalty-badge [data-loyalty=available]").locator("visible=true").count() == 1
        assert seen(page, "pending") == [before + promise.total]
    order = get_model("order", "Order").objects.latest("pk")
    page.goto("/loyalty/statement/")
    for _width in at_widths(page):
        assert f"+{promise.earned}" in words(page, "#statement")
    page.goto(f"/accounts/orders/{order.number}/")
    assert str(promise.earned) in words(page, "#content_inner, body")
    assert [ran.error for ran in jobs.run(at=clock.now(), nightly=False) if ran.error] == []
    letters = [sent for sent in mail.outbox if sent.subject.replace("\xa0", " ").count(f"{promise.earned} paws")]
    assert len(letters) == 1, [sent.subject for sent in mail.outbox]
    for text in (letters[0].body, letters[0].alternatives[0][0]):
        assert f"{promise.earned} paws" in text.replace("\xa0", " ").replace("&nbsp;", " ")
    assert [step.wrong for step in audit() if step.wrong] == []


class TestAGuest:
    def test_reads_one_number_and_what_a_first_order_adds(self, arrive_at, settings):  # noqa: F811
        settings.OSCAR_ALLOW_ANON_CHECKOUT = True
        first_order_bonus(points_club())
        page = arrive_at(width=DESK)
        put(page, [(a_product(), 1)])
        before = Promise.on(page)
        assert (before.earned, before.more, before.total) == (24, [20], 24)
        to_preview(page, guest=True)
        assert Promise.on(page) == before
        page.click("#place-order")
        page.wait_for_url("**/thank-you/")
        after = Promise.on(page)
        assert (after.earned, after.more, after.total) == (44, [], 44)
        page.fill("#loyalty-password", "a sentence is fine")
        page.press("#loyalty-password", "Enter")
        page.wait_for_load_state()
        same_everywhere(page, get_user_model().objects.get(email=EMAIL), after)


class TestANewcomer:
    def test_reads_one_number_for_a_piece_of_a_sale(self, arrive_at):  # noqa: F811
        unit = points_club()
        first_order_bonus(unit)
        carrier, user = a_product("Explorer carrier", "50.00"), a_user()
        SaleFactory(
            program=unit.program, code="trail", product_set=a_set(carrier), door=None, percent=20, quota=40,
            per_member=1, public_from=MORNING - timedelta(days=1), ends_at=MORNING + timedelta(days=3),
        )  # fmt: skip
        page = arrive_at(user, width=DESK)
        put(page, [(carrier, 1)])
        promise = ordered(page)
        assert (promise.earned, promise.total, promise.cost) == (60, 60, Decimal("40.00"))
        same_everywhere(page, user, promise)


class TestAnInvitedFriend:
    def test_reads_the_gift_beside_the_number_and_then_in_it(self, arrive_at):  # noqa: F811
        club = an_inviting_club(least_minor=2500, newcomer_points=150)
        priya = a_user("priya@example.com")
        bring(club, priya)
        page = arrive_at(priya, width=DESK)
        put(page, [(a_product(price="99.00"), 1)])
        promise = ordered(page)
        assert (promise.earned, promise.more, promise.total) == (99, [150], 249)
        same_everywhere(page, priya, promise)


class TestAMember:
    def test_reads_one_number_with_points_and_a_voucher(self, arrive_at):  # noqa: F811
        user, unit = a_user(), points_club()
        give(user, 1250, unit)
        everything = get_model("offer", "Range").objects.create(name="Everything", includes_all_products=True)
        late = an_offer("Sorry for the late parcel", everything, kind="Absolute", value=3, offer_type="Voucher")
        voucher = get_model("voucher", "Voucher").objects.create(
            name=late.name, code=VOUCHER, usage="Multi-use",
            start_datetime=MORNING - timedelta(days=1), end_datetime=MORNING + timedelta(days=9),
        )  # fmt: skip
        voucher.offers.add(late)
        page = arrive_at(user, width=DESK)
        put(page, [(a_product(price="49.90"), 1)])
        page.click("#voucher_form_link a")
        page.fill("#id_code", VOUCHER)
        page.press("#id_code", "Enter")
        page.locator("#messages .alert").first.wait_for()
        press(page, "Use 500 paws")
        for _width in at_widths(page):
            assert set(seen(page, "available")) == {750}
        promise = ordered(page)
        assert (promise.earned, promise.used, promise.cost) == (41, 500, Decimal("41.90"))
        same_everywhere(page, user, promise, ready=750)


class TestAMemberAboutToReachALevel:
    def test_reads_one_number_where_delivery_stays_free(self, arrive_at, monkeypatch):  # noqa: F811
        monkeypatch.setattr(get_class("shipping.repository", "Repository"), "methods", (Parcel(),))
        user, unit = a_user(), points_club()
        a_ladder(unit=unit, gifts=(0, 0, 100))
        buy(user, (a_product(price="380.00"), 1), on=day(2, 1))
        give(user, 386, unit)
        page = arrive_at(user, width=DESK)
        put(page, [(a_product("Mat", "29.90"), 1), (a_product("Brush", "12.40"), 1)])
        press(page, "Use 330 paws")
        promise = ordered(page)
        assert (promise.earned, promise.more, promise.total) == (42, [100], 142)
        assert (promise.used, promise.cost) == (330, Decimal("39.00"))
        same_everywhere(page, user, promise, before=380, ready=56)


class TestADebtor:
    def test_reads_one_number_and_what_is_made_up_first(self, arrive_at):  # noqa: F811
        unit, user = points_club(), a_user()
        account = give(user, 10, unit)
        Account.objects.filter(pk=account.pk).update(available=0, debt=7)
        page = arrive_at(user, width=DESK)
        put(page, [(a_product(), 1)])
        assert "First, 7 paws will make up what is missing in your account." in words(page)
        promise = ordered(page)
        assert (promise.earned, promise.total) == (24, 24)
        page.goto("/loyalty/")
        for _width in at_widths(page):
            assert (seen(page, "debt"), seen(page, "pending"), set(seen(page, "available"))) == ([7], [24], {0})
