"""What a member takes along."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.self_service.export import export_member
from tests import orders
from tests.once import a_program


@pytest.fixture
def account(db, django_capture_on_commit_callbacks):
    a_program(live_from=clock.now() - timedelta(days=1))
    user = get_user_model().objects.create_user(username="boris", email="boris@example.com", password="x")
    with django_capture_on_commit_callbacks(execute=True):
        orders.place(user=user, lines=[("24.90", 2)], number="100482")
    account = Account.objects.get()
    ledger.adjust(
        account_id=account.pk, points=5, key="manual:a", because=Because("adjusted"), note="broken toy",
        at=clock.now(), actor="staff:1",
    )  # fmt: skip
    return account


class TestTheExportOfAMember:
    def test_holds_membership_balances_statement_and_awards(self, account):
        data = json.loads(json.dumps(export_member(member=account.member, at=clock.now())))
        assert data["program"] == "Paw Club"
        assert data["member"]["id"] == str(account.member.public_id)
        (balance,) = data["accounts"]
        assert (balance["unit"], balance["ready"], balance["on_the_way"], balance["to_make_up"]) == ("Paws", 5, 49, 0)
        assert balance["coming"] == [{"points": 49, "at": None}]
        earned, adjusted = balance["statement"]
        assert (earned["kind"], earned["on_the_way"], earned["why"]) == ("earn", 49, "Order 100482")
        assert earned["because"]["c"] == "order_earned"
        assert (adjusted["ready"], adjusted["note"], adjusted["why"]) == (5, "broken toy", "Changed by the shop")
        (award,) = data["earning"]
        assert (award["points"], award["given"], len(award["lines"])) == (49, 49, 1)
        assert award["why"][-1] == ["Rounded down", "49\xa0paws"]

    def test_holds_what_happened_and_who_was_told_of_it(self, account):
        order = orders.Order.objects.get()
        event = {"topic": "points-earned", "key": f"order:{order.pk}:earned", "payload": {"order": order.pk}}
        at = clock.now()
        [told] = export_member(member=account.member, at=at)["events"]
        assert told == event | {"at": told["at"], "told": {}}
        list(deliver(at=at))
        [told] = json.loads(json.dumps(export_member(member=account.member, at=at)))["events"]
        assert told == event | {"at": told["at"], "told": {"mail": at.isoformat()}}

    def test_adds_up_to_the_balance(self, account):
        (balance,) = export_member(member=account.member, at=clock.now())["accounts"]
        for bucket in ("ready", "on_the_way", "set_aside", "to_make_up"):
            assert sum(row[bucket] for row in balance["statement"]) == balance[bucket]


class TestTheDownload:
    def test_is_a_private_file_of_the_visitors_own(self, client, account):
        client.force_login(account.member.user)
        answer = client.get(reverse("loyalty:export"))
        assert answer["Content-Type"] == "application/json"
        assert answer["Content-Disposition"] == 'attachment; filename="loyalty.json"'
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]
        (data,) = json.loads(answer.content)["memberships"]
        assert data["member"]["id"] == str(account.member.public_id)

    def test_holds_nothing_of_anybody_else(self, client, account):
        client.force_login(get_user_model().objects.create_user(username="eve", email="eve@example.com"))
        assert json.loads(client.get(reverse("loyalty:export")).content) == {"memberships": []}

    def test_asks_strangers_to_log_in(self, client, account):
        answer = client.get(reverse("loyalty:export"))
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("customer:login"))
