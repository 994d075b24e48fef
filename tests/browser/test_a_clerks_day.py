"""
What a clerk does all day, each from the front page of loyalty, with the clicks counted.

A click is whatever is pressed: a link, a button, a choice. Typing is none.
"""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import a_program
from loyalty_oscar.testing.factories import ReferralFactory, SchemeFactory
from tests.browser.stage import words
from tests.browser.test_admin import customer, desk, merchant  # noqa: F401 - fixtures
from tests.orders import come_back, deliver, place

#: Four of them nobody could do when the shop's people first walked through these pages: find somebody by surname or
#: order, undo a return as one act, merge two logins, block somebody. Whether a mail arrived stood on no page of the
#: member's, and from an order one came to the member by one click more.
CLICKS = {
    "find a member by surname": 3,
    "explain the balance": 3,
    "did the mail arrive": 3,
    "goodwill": 5,
    "take points": 5,
    "points of an order are missing": 4,
    "preview a partial return": 5,
    "undo a return": 6,
    "merge two logins": 6,
    "block a fraudster": 5,
    "decide about a friend": 3,
}


class Hand:
    """Somebody at the desk whose clicks are counted, task by task."""

    def __init__(self, page):
        self.page, self.clicks, self.counted = page, 0, {}

    def begin(self):
        """Stand on the front page, and count from here."""
        self.page.visit("admin:app_list", "loyalty_program")
        self.clicks = 0

    def click(self, what, *, of=None):
        """Press a link or a button of this name, or an element."""
        found = self.page.locator(of) if of else what
        if isinstance(found, str):
            found = self.page.get_by_role("link", name=found, exact=True).or_(
                self.page.get_by_role("button", name=found, exact=True)
            )
        found.first.click()
        self.page.wait_for_load_state()
        self.clicks += 1

    def done(self, task):
        self.counted[task] = self.clicks

    def find(self, text, name):
        """Find a member by what is typed, and open the page."""
        self.begin()
        self.click("Members")
        self.page.fill("#searchbar", text)
        self.click("Search")
        self.click(self.page.locator("#result_list tbody a", has_text=name))

    def says(self, text):
        assert text in words(self.page)


@pytest.fixture
def orders(customer, django_capture_on_commit_callbacks):  # noqa: F811
    """Boris Wassiljew, an order of whom came back in part; another login of his, and a friend who waits for a look."""
    get_user_model().objects.filter(pk=customer.pk).update(first_name="Boris", last_name="Wassiljew")
    unit = a_program(live_from=clock.now() - timedelta(hours=1))
    SchemeFactory(program=unit.program, is_approved=True)
    first = place(user=customer, lines=[("36.80", 2), ("11.20", 1)], number="100801")
    deliver(first)
    come_back(line=first.lines.first(), quantity=1)
    other = get_user_model().objects.create_user("boris2", "boris.w@example.com", "x", first_name="B.")
    place(user=other, lines=[("20.00", 1)], number="100802")
    friend = get_user_model().objects.create_user("katja", "katja@example.com", "x", first_name="Katja")
    ReferralFactory(giver=Member.objects.get(user=customer), scheme=None, user=friend)
    place(user=friend, lines=[("60.00", 1)], number="100803")
    for step in jobs.run(at=clock.now()):
        assert not step.error
    assert Referral.objects.get().state == Referral.State.REVIEW
    return first


class TestAClerk:
    def test_does_it_all_from_the_front_page(self, desk, orders, customer):  # noqa: F811
        hand = Hand(desk)

        hand.find("Wassiljew", "Boris Wassiljew")
        hand.says("Boris Wassiljew (boris@example.com)")
        hand.done("find a member by surname")
        hand.says("Order 100801")
        hand.done("explain the balance")
        hand.says("What an order brought mail sent")
        hand.done("did the mail arrive")

        hand.click("Give goodwill")
        desk.get_by_label("How much").fill("50")
        desk.get_by_label("Reason").fill("Parcel was late")
        hand.click("Give it")
        hand.done("goodwill")
        assert Account.objects.get(member__user=customer).available == 50

        hand.find("Wassiljew", "Boris Wassiljew")
        hand.click("Give or take")
        desk.fill("#id_points", "-20")
        desk.fill("#id_reason", "Too many")
        hand.click("Give or take")
        hand.done("take points")
        assert Account.objects.get(member__user=customer).available == 30

        hand.find("100801", "Boris Wassiljew")
        hand.click("100801")
        hand.says("48 paws")
        hand.done("points of an order are missing")
        line = orders.lines.first()
        desk.locator(f"#return-{line.pk}").fill("1")
        hand.click("Work it out")
        desk.locator("[data-loyalty=return-goes]").first.wait_for()
        hand.done("preview a partial return")
        hand.clicks -= 1
        hand.click("Undo")
        hand.click("Undo it")
        hand.done("undo a return")
        assert orders.shipping_events.count() == 0

        hand.find("100802", "B.")
        hand.click("Merge into another member")
        desk.locator("#id_q, [name=q]").last.fill("boris@example.com")
        hand.click("Find")
        desk.locator("form [type=text]:visible").last.fill("B. (boris.w@example.com)")
        hand.click("Merge into another member")
        hand.done("merge two logins")
        assert Member.objects.get(user__username="boris2").merged_into.user == customer

        hand.find("Katja", "Katja")
        hand.click("Freeze the account")
        desk.fill("#id_reason", "Three cards in one day")
        hand.click("Freeze the account")
        hand.done("block a fraudster")
        assert Member.objects.get(user__username="katja").frozen_since

        hand.begin()
        hand.click("Decide")
        hand.click(desk.locator("#result_list tbody th a, #result_list tbody td a"))
        desk.locator("[name=reason]").first.fill("We know both")
        hand.click("Allow")
        hand.done("decide about a friend")
        assert Referral.objects.get().decision == Referral.Decision.ALLOW

        assert hand.counted == CLICKS
