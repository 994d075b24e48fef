"""The audit finds every kind of damage, and names the account."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold, HoldLot, Lot, LotMove
from loyalty_oscar.testing import allow_purge

from .books import NOW, WHY, a_unit, an_account, assert_clean, capture, claw, give, hold, later, restore, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def damaged():
    """An account that has lived through everything, between two that are sound."""
    unit = a_unit()
    before, account, after = (an_account(unit) for _ in range(3))
    for one in (before, account, after):
        give(one, 100, source="order:1")
        give(one, 50, source="order:2", until=later(days=1))
        give(one, 30, source="order:3", ready=None)
        held = hold(one, 60, slot=f"basket:{one.pk}:1")
        capture(held, 55)
        restore(held, 5, key="r:1")
        claw(one, 20, source="order:1", key="c:1")
        hold(one, 25, slot=f"basket:{one.pk}:2")
        ledger.expire(account_id=one.pk, at=later(days=1))
    assert_clean()
    return account


def entry_of(account, number=2):
    """One of its entries, as a set of rows."""
    return Entry.objects.filter(account=account, seq=number)


#: What is broken, and words of what the audit says about it.
DAMAGE = {
    "ready points": (lambda a: Account.objects.filter(pk=a.pk).update(available=F("available") + 1), "available is"),
    "points on the way": (lambda a: Account.objects.filter(pk=a.pk).update(pending=F("pending") + 1), "pending is"),
    "points set aside": (lambda a: Account.objects.filter(pk=a.pk).update(reserved=F("reserved") - 1), "reserved is"),
    "debt": (lambda a: Account.objects.filter(pk=a.pk).update(available=0, debt=7), "debt is 7"),
    "the count of entries": (lambda a: Account.objects.filter(pk=a.pk).update(seq=F("seq") + 1), "the account counts"),
    "a number": (lambda a: entry_of(a).update(seq=99), "was expected"),
    "the balance after an entry": (lambda a: entry_of(a).update(net_after=F("net_after") + 1), "its history says"),
    "what was ready after it": (
        lambda a: entry_of(a).update(available_after=F("available_after") + 1),
        "its history says",
    ),
    "what an entry says it moved": (lambda a: entry_of(a).update(d_available=F("d_available") + 1), "does not move"),
    "an entry that is gone": (lambda a: entry_gone(a), "the account counts"),
    "a move that is gone": (lambda a: LotMove.objects.filter(account=a).first().delete(), "its moves say"),
    "a move of more points": (
        lambda a: LotMove.objects.filter(pk=LotMove.objects.filter(account=a).first().pk).update(
            points=F("points") + 1
        ),
        "its moves say",
    ),
    "what is left in a lot": (lambda a: lot_of(a).update(remaining=F("remaining") + 1), "its moves say"),
    "what a lot was granted": (lambda a: lot_of(a).update(granted=F("granted") + 1), "was granted"),
    "what a lot has set aside": (
        lambda a: lot_of(a).update(reserved=F("reserved") - 1, remaining=F("remaining") + 1),
        "set aside, open holds say",
    ),
    "a lot that is closed too soon": (lambda a: lot_of(a).update(is_open=False, state="closed"), "is closed with"),
    "a lot that waits though it is ready": (
        lambda a: Lot.objects.filter(account=a, source="order:1").update(reserved=0, state="pending"),
        "pending is",
    ),
    "a hold of other points": (
        lambda a: Hold.objects.filter(account=a, state="open").update(points=F("points") - 1),
        "its lots say",
    ),
    "a hold that lost its lots": (
        lambda a: HoldLot.objects.filter(hold__account=a, hold__state="open").delete(),
        "its lots say 0",
    ),
    "what a hold used": (
        lambda a: Hold.objects.filter(account=a, state="captured").update(captured=F("captured") - 1),
        "its lots say",
    ),
}


def lot_of(account):
    """The lot that has points both free and set aside, as a set of rows."""
    return Lot.objects.filter(account=account, source="order:1")


def entry_gone(account):
    """Delete the newest entry with its moves."""
    last = Entry.objects.filter(account=account).order_by("seq").last()
    LotMove.objects.filter(entry=last).delete()
    last.delete()


class TestTheAudit:
    @pytest.mark.parametrize("what", DAMAGE)
    def test_finds_damage_and_names_the_account(self, what, damaged):
        damage, words = DAMAGE[what]
        with allow_purge():
            damage(damaged)
        found = wrong()
        assert {account for account, _text in found} == {damaged.pk}
        assert words in " / ".join(text for _account, text in found)

    def test_of_one_account_passes_over_the_others(self, damaged):
        Account.objects.filter(pk=damaged.pk).update(pending=99)
        sound = Account.objects.exclude(pk=damaged.pk).first()
        assert [progress.wrong for progress in audit(account_id=sound.pk)] == [[]]
        assert [len(progress.wrong) > 0 for progress in audit(account_id=damaged.pk)] == [True]

    def test_of_an_empty_ledger_finds_nothing(self):
        assert list(audit()) == []

    def test_goes_on_step_by_step_and_counts(self, monkeypatch):
        monkeypatch.setattr("loyalty_oscar.ledger.audit.CHUNK", 2)
        unit = a_unit()
        for _ in range(5):
            give(an_account(unit), 5)
        assert [progress.accounts for progress in audit()] == [2, 4, 5]

    def test_asks_the_database_no_more_for_more_accounts(self):
        unit = a_unit()
        counts = []
        for _ in range(2):
            for _ in range(10):
                account = an_account(unit)
                give(account, 50, until=later(days=1))
                hold(account, 5, slot=f"basket:{account.pk}")
            connection.force_debug_cursor = True
            before = len(connection.queries_log)
            assert wrong() == []
            counts.append(len(connection.queries_log) - before)
            connection.force_debug_cursor = False
        assert counts[0] == counts[1]

    def test_is_clean_after_a_long_life(self):
        account = an_account()
        for day in range(30):
            at = NOW + timedelta(days=day)
            give(
                account, 20 + day, source=f"order:{day}", at=at, ready=at + timedelta(days=3), until=later(days=day + 9)
            )
            ledger.mature(account_id=account.pk, at=at)
            account.refresh_from_db()
            if account.available > 5:
                held = hold(account, 5, at=at)
                capture(held, 3, at=at)
                if day % 3 == 0:
                    restore(held, 2, key=f"r:{day}", goods_returned=day % 2 == 0, at=at)
            if day % 4 == 1:
                claw(account, 15, source=f"order:{day - 1}", key=f"c:{day}", at=at)
            ledger.expire(account_id=account.pk, at=at)
            assert_clean()
        assert Entry.objects.filter(because=WHY.to_json()).exists()
