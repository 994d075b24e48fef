"""What a person reads, takes along and leaves behind of points that were used or are set aside."""

import json

import pytest
from django.db import transaction
from django.urls import reverse
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from tests.points import give, points_club, use
from tests.storefront import TODAY, a_basket, a_product, a_user, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    """A member with 800 paws: 500 used for an order of 20.00, 200 set aside for the next basket, 100 ready."""
    unit, user = points_club(), a_user()
    give(user, 800, unit)
    with clock.at(TODAY), transaction.atomic():
        basket = use(user, a_basket(user, (a_product(price="20.00"), 1)), 500, unit=unit)
        factories.create_order(basket=basket, user=user, number="A-17")
        use(user, a_basket(user, (a_product(price="30.00"), 1)), 200, unit=unit)
    return user


class TestWhatAMemberTakesAlong:
    def test_has_every_use_and_what_is_set_aside(self, user):
        account = Account.objects.get()
        data = json.loads(json.dumps(export_member(member=account.member, at=TODAY)))
        taken, waiting = data["redemption"]
        order_id = Redemption.objects.get(order_id__isnull=False).order_id
        assert (taken["order"], taken["points"], taken["off_minor"], taken["currency"]) == (order_id, 500, 500, "EUR")
        assert (taken["set_aside"], taken["returned"], taken["was_paid_anew"]) == (0, 0, False)
        assert sum(line["points"] for line in taken["lines"]) == 500
        assert (waiting["order"], waiting["set_aside"], waiting["points"]) == (None, 200, 0)
        assert data["accounts"][0]["set_aside"] == 200

    def test_has_nothing_that_was_only_tried(self, user):
        account = Account.objects.get()
        use(user, basket_of(user), 50, unit=account.unit)
        found = export_member(member=account.member, at=TODAY)["redemption"]
        assert [row["set_aside"] for row in found] == [0, 50]

    def test_has_nothing_of_anybody_else(self, user):
        unit = Account.objects.get().unit
        other = give(a_user("eve@example.com"), 10, unit)
        assert export_member(member=other.member, at=TODAY)["redemption"] == []


def basket_of(user):
    """The basket for which points are set aside."""
    found = get_model("basket", "Basket").objects.get(owner=user, status="Open")
    found.strategy = get_class("partner.strategy", "Selector")().strategy(user=user)
    return found


class TestLeaving:
    def page(self, client, user):
        client.force_login(user)
        return text_of(client.get(reverse("customer:profile-delete")))

    def test_is_told_what_is_set_aside(self, client, user):
        page = self.page(client, user)
        assert "you give up 300 paws worth €3.00" in page
        assert "This includes 200 paws set aside for your basket." in page

    def test_gives_back_what_is_set_aside_and_keeps_what_was_used(self, client, user):
        client.force_login(user)
        answer = client.post(reverse("customer:profile-delete"), {"password": "a good one"})
        assert answer.status_code == 302
        account = Account.objects.get()
        assert (account.available, account.reserved, account.member.user_id) == (300, 0, None)
        assert not Hold.objects.filter(state="open").exists()
        assert Redemption.objects.get(order_id__isnull=False).points == 500
        assert Entry.objects.filter(kind="release", because__c="person_left").count() == 1
        assert [step.wrong for step in audit() if step.wrong] == []
