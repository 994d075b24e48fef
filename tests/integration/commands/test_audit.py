"""`loyalty_audit`: proof on demand."""

from datetime import timedelta

import pytest
from django.db.models import F
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import expect_refusal, manage
from tests.once import a_program
from tests.orders import imported

pytestmark = pytest.mark.django_db


@pytest.fixture
def accounts():
    """Three accounts with an order each."""
    at = clock.now()
    a_program(live_from=at - timedelta(days=2))
    for n in range(3):
        imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1), number=f"o{n}")
    manage("run --only sweep")
    return list(Account.objects.order_by("pk"))


class TestAnAudit:
    def test_finds_sound_accounts_sound(self, accounts):
        said = manage("audit")
        assert (said.code, said.err) == (0, "")
        assert said.out == "3 accounts with 3 entries: every balance is what its history says.\n"

    @pytest.mark.parametrize(
        ("table", "change", "says"),
        [
            (Account, {"pending": 26}, "pending is 26, the entries say 25"),
            (Account, {"seq": 2}, "the account counts 2 entries, there are 1"),
            (Lot, {"remaining": 24}, "was granted 25, its moves say 24"),
        ],
    )
    def test_names_the_account_and_fails_on_any_difference(self, accounts, table, change, says):
        odd = accounts[1]
        table.objects.filter(**{"pk" if table is Account else "account_id": odd.pk}).update(**change)
        said = manage("audit")
        assert said.code == 1
        assert f"account {odd.pk}: " in said.err
        assert says in said.err
        assert said.err.endswith("1 of 3 accounts with 3 entries are not what their history says")
        assert all(f"account {other.pk}:" not in said.err for other in (accounts[0], accounts[2]))

    def test_looks_at_one_account_when_asked(self, accounts):
        Account.objects.filter(pk=accounts[1].pk).update(pending=F("pending") + 1)
        assert manage("audit --account", accounts[0].pk).code == 0
        assert manage("audit --account", accounts[1].pk).code == 1

    def test_shows_how_far_it_is_where_somebody_watches(self, accounts, monkeypatch):
        monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda self: True)
        assert manage("audit").out.startswith("3 of 3 accounts, 3 entries\r")

    def test_refuses_an_account_that_is_not_there(self, accounts):
        expect_refusal("audit --account 999999", says="there is no account 999999")
        expect_refusal("audit --account me", says="invalid int value", code=2)
