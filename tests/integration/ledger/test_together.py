"""Hundreds of accounts at once: the same rows as one by one, in a few statements."""

from datetime import timedelta

import pytest
from django.db import transaction

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Lot, LotMove
from loyalty_oscar.program.operations import change_state

from .books import NOW, WHY, a_unit, an_account, assert_clean, capture, claw, give, hold, kinds, later, restore

pytestmark = pytest.mark.django_db
LATER = later(days=40)


def rows() -> dict[str, list]:
    """Everything the ledger says, without the numbers of rows."""
    entries = Entry.objects.order_by("account_id", "seq")
    plain = [f.attname for f in Entry._meta.concrete_fields if f.name not in ("id", "fingerprint")]
    return {
        "accounts": list(Account.objects.order_by("pk").values()),
        "entries": list(entries.values(*plain)),
        "prints": [bytes(entry.fingerprint) for entry in entries],
        "lots": list(Lot.objects.order_by("pk").values()),
        "moves": list(
            LotMove.objects.order_by("entry__account_id", "entry__seq", "lot_id").values(
                "account_id", "lot_id", "entry__key", "points"
            )
        ),
    }


def books_of_many() -> list[int]:
    """Accounts in every state that running out and becoming ready can meet; returns their ids."""
    unit = a_unit()
    plain, used, held, again, owing, never, waiting = (an_account(unit) for _ in range(7))
    for days in (30, 20, 25):
        give(plain, days, until=later(days=days))
    give(used, 50, until=later(days=20))
    ledger.adjust(account_id=used.pk, points=-20, key="by-hand", because=WHY, actor="staff:1", note="Broken", at=NOW)
    give(held, 50, until=later(days=20))
    hold(held, 20, slot="basket:2", until=later(days=90))
    give(again, 50, until=later(days=20))
    spent = hold(again, 30, slot="basket:3")
    capture(spent, 30)
    ledger.expire(account_id=again.pk, at=later(days=21))
    restore(spent, 30, key="back", at=later(days=22))
    give(owing, 10, source="order:1", ready=later(days=-1), until=later(days=9))
    ledger.expire(account_id=owing.pk, at=later(days=10))
    give(owing, 30, source="order:2", ready=NOW)
    ledger.adjust(account_id=owing.pk, points=-30, key="by-hand", because=WHY, actor="staff:1", note="Used", at=NOW)
    claw(owing, 30, source="order:2", key="order:2:sync:1")
    for account in (owing, waiting):
        give(account, 45, source="order:3", ready=later(days=14), until=later(days=400))
        give(account, 5, source="order:4", ready=later(days=13))
        give(account, 7, source="order:5", ready=None)
    give(never, 5)
    return [account.pk for account in (plain, used, held, again, owing, never, waiting)]


def compared(*, one_by_one, together):
    """The rows after each of the two ways, and what they say they did."""
    before = rows()
    with transaction.atomic():
        first = dict(one_by_one())
        expected = rows()
        transaction.set_rollback(True)
    assert rows() == before != expected
    second = dict(together())
    return (first, expected), (second, rows())


class TestManyAtOnce:
    def test_run_out_as_one_by_one(self):
        ids = books_of_many()
        expected, found = compared(
            one_by_one=lambda: ((pk, points) for pk in ids if (points := ledger.expire(account_id=pk, at=LATER))),
            together=lambda: ledger.expire_due(at=LATER),
        )
        assert found == expected
        assert sum(found[0].values()) > 0
        assert_clean()

    def test_become_ready_as_one_by_one(self):
        ids = books_of_many()
        assert Account.objects.filter(debt__gt=0).count() == 1
        expected, found = compared(
            one_by_one=lambda: ((pk, points) for pk in ids if (points := ledger.mature(account_id=pk, at=LATER))),
            together=lambda: ledger.mature_due(at=LATER),
        )
        assert found == expected
        assert len(found[0]) == 2
        assert_clean()

    def test_find_nothing_the_second_time(self):
        books_of_many()
        list(ledger.mature_due(at=LATER))
        list(ledger.expire_due(at=LATER))
        stands = rows()
        assert [*ledger.mature_due(at=LATER), *ledger.expire_due(at=LATER)] == []
        assert rows() == stands

    def test_run_out_of_nothing_while_the_program_pauses(self):
        unit = a_unit()
        account = an_account(unit)
        give(account, 10, until=later(days=1))
        change_state(program=unit.program, to="paused", actor="system", at=NOW)
        assert dict(ledger.expire_due(at=LATER)) == {account.pk: 0}
        assert kinds(account) == ["earn"]

    @pytest.mark.parametrize("count", [2, 40])
    def test_take_as_many_statements_for_two_as_for_forty(self, count, django_assert_num_queries):
        unit = a_unit()
        for _ in range(count):
            account = an_account(unit)
            give(account, 10, ready=NOW, until=NOW + timedelta(days=1))
            give(account, 10, ready=later(days=1))
        with django_assert_num_queries(10):
            list(ledger.expire_due(at=LATER))
        with django_assert_num_queries(8):
            list(ledger.mature_due(at=LATER))
