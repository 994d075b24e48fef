"""A program that pauses, goes on or is closed: all of its points at once, and the same rows as one by one."""

import pytest

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Hold, HoldLot, Lot
from loyalty_oscar.ledger.operations import desk, program_wide
from loyalty_oscar.ledger.operations.skipping import Skips
from loyalty_oscar.program.models import Phase, Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.paying import payments

from .books import (
    NOW,
    WHY,
    a_unit,
    an_account,
    assert_clean,
    balance,
    capture,
    claw,
    give,
    hold,
    kinds,
    later,
    lots,
    restore,
)
from .test_together import compared
from .test_together import rows as ledger_rows

pytestmark = pytest.mark.django_db


def rows():
    """Everything the ledger says, holds too."""
    return {**ledger_rows(), "holds": list(Hold.objects.order_by("pk").values())}


@pytest.fixture
def unit():
    return a_unit()


@pytest.fixture
def paying_for():
    """Somebody is paying for a slot."""
    paid: set[str] = set()
    payments.register("test")(lambda *, slots, at, peek: paid & set(slots))
    yield paid
    payments.unregister("test")


def state(unit, to, *, at):
    """Take the program to another state."""
    change_state(program=unit.program, to=to, actor="staff:1", at=at)


def books(unit):
    """Accounts in every state that a pause, its end or a closing can meet."""
    plain, held, twice, owing, over, never, waiting, empty = (an_account(unit) for _ in range(8))
    for days in (30, 20, 25):
        give(plain, days, until=later(days=days))
    give(held, 50, until=later(days=20))
    hold(held, 20, slot="basket:2", until=later(days=90))
    give(twice, 30, until=later(days=20))
    give(twice, 30, until=later(days=40))
    hold(twice, 40, slot="basket:3", until=later(days=90))
    hold(twice, 15, slot="basket:4", until=later(days=90))
    give(owing, 30, source="order:1", until=later(days=50))
    hold(owing, 30, slot="basket:5", until=later(days=90))
    give(owing, 5, source="order:2", until=later(days=60), ready=later(days=1))
    Program.objects.update(debt_policy="debt")
    Hold.objects.filter(slot="basket:5").update(slot="table:5")
    payments.register("books")(lambda *, slots, at, peek: {"table:5"} & set(slots))
    claw(owing, 20, source="order:1", key="order:1:sync:1")
    payments.unregister("books")
    give(over, 30, until=later(days=2))
    hold(over, 10, slot="basket:6", until=later(days=90))
    give(never, 5)
    give(waiting, 7, ready=None)
    assert balance(owing) == (0, 5, 30, 20)
    return [account.pk for account in (plain, held, twice, owing, over, never, waiting, empty)]


def released_one_by_one(ids, at):
    for held in Hold.objects.filter(account__in=ids, state="open").order_by("account_id", "pk"):
        ledger.release(hold_id=held.pk, account_id=held.account_id, because=WHY, at=at)
    return {}


def put_off_one_by_one(ids, key, since, until):
    """By a desk for each account and each of its lots."""
    for account_id in ids:
        with desk.desk(account_id=account_id, at=until) as working:
            dated = [
                lot for lot in working.lots(is_open=True, state="open") if lot.expires_at and lot.expires_at > since
            ]
            for lot in dated:
                lot.expires_at, lot.extensions = lot.expires_at + (until - since), lot.extensions + 1
                working.touch(lot)
            if dated:
                fingerprint = desk.fingerprint_of(since, until)
                working.write(key=key, kind="extend", counter="self", because=WHY, fingerprint=fingerprint)
    return {}


def written_off_one_by_one(ids, key, at):
    for account_id in ids:
        ledger.write_off(account_id=account_id, key=key, at=at)
    return {}


class TestAWholeProgram:
    @pytest.mark.parametrize("days", [0, 5])
    def test_gives_back_what_is_set_aside_as_one_by_one(self, unit, days):
        ids, about = books(unit), {"program_id": unit.program_id, "because": WHY, "skips": Skips()}
        at = later(days=days)
        expected, found = compared(
            one_by_one=lambda: released_one_by_one(ids, at),
            together=lambda: {} if program_wide.release_all(at=at, **about) else None,
        )
        assert found == expected
        assert not Hold.objects.filter(state="open").exists()
        assert_clean()

    def test_moves_its_dates_as_one_by_one(self, unit):
        ids, pause = books(unit), {"key": "program:1:pause:1", "since": later(days=3), "until": later(days=9)}
        about = {"program_id": unit.program_id, "because": WHY, "at": later(days=9), "skips": Skips(), **pause}
        expected, found = compared(
            one_by_one=lambda: put_off_one_by_one(ids, **pause),
            together=lambda: {} if program_wide.put_off_all(**about) else None,
        )
        assert found == expected
        assert Entry.objects.filter(kind="extend").count() == 4
        assert program_wide.put_off_all(**about) == 0
        assert_clean()

    def test_is_written_off_as_one_by_one(self, unit):
        ids, key = books(unit), f"program:{unit.program_id}:close"
        about = {"program_id": unit.program_id, "skips": Skips()}
        expected, found = compared(
            one_by_one=lambda: written_off_one_by_one(ids, key, NOW),
            together=lambda: {} if program_wide.write_off_all(at=NOW, **about) else None,
        )
        assert found == expected
        assert sum(Account.objects.values_list("available", flat=True)) == 0
        assert_clean()

    @pytest.mark.parametrize("count", [2, 20])
    def test_takes_as_many_statements_for_two_as_for_twenty(self, unit, count, django_assert_max_num_queries):
        for number in range(count):
            account = an_account(unit)
            give(account, 10, until=later(days=10))
            give(account, 10, until=later(days=20))
            hold(account, 15, slot=f"basket:{number}")
        about = {"program_id": unit.program_id, "skips": Skips()}
        with django_assert_max_num_queries(13):
            assert program_wide.release_all(because=WHY, at=later(days=1), **about) == count
        pause = {"key": "program:1:pause:1", "since": NOW, "until": later(days=1)}
        with django_assert_max_num_queries(10):
            assert program_wide.put_off_all(because=WHY, at=later(days=1), **pause, **about) == count
        with django_assert_max_num_queries(11):
            assert program_wide.write_off_all(at=later(days=1), **about) == count
        assert_clean()


class TestAPause:
    def test_gives_back_what_is_set_aside_and_moves_dates_when_it_ends(self, unit):
        account = an_account(unit)
        give(account, 10, until=later(days=10))
        hold(account, 4)
        state(unit, "paused", at=later(days=1))
        assert balance(account) == (10, 0, 0, 0)
        state(unit, "live", at=later(days=5))
        assert Lot.objects.get().expires_at == later(days=14)
        assert kinds(account) == ["earn", "hold", "release", "extend"]
        because = Entry.objects.get(kind="extend").because
        assert because == Because("program_was_paused", days=4).to_json()
        assert (
            Entry.objects.get(kind="extend").key
            == f"program:{unit.program_id}:pause:{Phase.objects.get(state='paused').pk}"
        )
        assert_clean()

    def test_moves_dates_of_the_same_points_again_when_there_is_another(self, unit):
        account = an_account(unit)
        give(account, 10, until=later(days=10))
        for start in (1, 5):
            state(unit, "paused", at=later(days=start))
            state(unit, "live", at=later(days=start + 2))
        assert Lot.objects.get().expires_at == later(days=14)
        ledger.extend(
            account_id=account.pk, lot_id=Lot.objects.get().pk, expires_at=later(days=20), because=WHY, at=later(days=8)
        )
        assert Entry.objects.filter(kind="extend").count() == Lot.objects.get().extensions == 3

    @pytest.mark.parametrize("to", ["paused", "closed"])
    def test_or_an_end_leaves_what_is_being_paid_for_until_that_is_over(self, unit, to, paying_for):
        account, other = an_account(unit), an_account(unit)
        for owner, slot in ((account, "basket:1"), (other, "basket:2")):
            give(owner, 100)
            hold(owner, 60, slot=slot)
        paying_for.add("basket:1")
        if to == "closed":
            state(unit, "closing", at=NOW)
        state(unit, to, at=later(days=100))
        free = 40 if to == "paused" else 0
        assert balance(account) == (free, 0, 60, 0)
        assert balance(other) == (100 if to == "paused" else 0, 0, 0, 0)
        at = later(days=100, minutes=1)
        assert ledger.settle_holds(account_id=account.pk, fates=lambda holds: {}, at=at) == 0
        capture(Hold.objects.get(slot="basket:1"), 50, at=at)
        assert balance(account) == (free + 10, 0, 0, 0)
        assert_clean()

    @pytest.mark.parametrize(("to", "why"), [("paused", "program_paused"), ("closed", "program_closed")])
    def test_or_an_end_takes_it_back_when_its_payment_has_failed(self, unit, to, why, paying_for):
        account = an_account(unit)
        give(account, 100)
        hold(account, 60, until=later(days=200))
        paying_for.add("basket:1")
        if to == "closed":
            state(unit, "closing", at=NOW)
        state(unit, to, at=later(days=100))
        paying_for.clear()
        assert ledger.settle_holds(account_id=account.pk, fates=lambda holds: {}, at=later(days=101)) == 1
        assert Entry.objects.get(kind="release").because["c"] == why
        assert_clean()


class TestAClosedProgram:
    def close(self, unit):
        state(unit, "closing", at=NOW)
        state(unit, "closed", at=later(days=91))

    def test_writes_off_all_but_what_is_being_paid_for(self, unit, paying_for):
        account = an_account(unit)
        give(account, 100)
        give(account, 7, ready=None)
        hold(account, 60, until=later(days=200))
        paying_for.add("basket:1")
        self.close(unit)
        assert balance(account) == (0, 0, 60, 0)
        assert lots(account) == [(lots(account)[0][0], 0, 60, "open"), (lots(account)[1][0], 0, 0, "closed")]
        assert_clean()

    def test_writes_off_what_comes_back_afterwards_each_time(self, unit, paying_for):
        account = an_account(unit)
        give(account, 100)
        held = hold(account, 60, until=later(days=200))
        paying_for.add("basket:1")
        self.close(unit)
        capture(held, 45, at=later(days=92))
        about = {"program_id": unit.program_id, "skips": Skips()}
        assert program_wide.write_off_all(at=later(days=93), **about) == 1
        restore(held, 45, key="back", at=later(days=94))
        assert [program_wide.write_off_all(at=later(days=95), **about) for _ in range(2)] == [1, 0]
        assert balance(account) == (0, 0, 0, 0)
        closed = Entry.objects.filter(because__c="program_closed").order_by("seq").values_list("key", flat=True)
        key = f"program:{unit.program_id}:close"
        assert [one.removeprefix(key) for one in closed] == ["", ":5", ":7"]
        assert_clean()

    def test_asks_nobody_to_make_up_points(self, unit):
        account = an_account(unit)
        give(account, 30, source="order:1")
        capture(hold(account, 30), 30)
        claw(account, 30, source="order:1", key="c")
        self.close(unit)
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_writes_nothing_on_accounts_without_points(self, unit):
        account = an_account(unit)
        give(account, 30)
        capture(hold(account, 30), 30)
        self.close(unit)
        assert kinds(account) == ["earn", "hold", "capture"]


def test_parts_are_read_once_for_all(unit):
    """A hold's lots come with it: none is asked for on its own."""
    account = an_account(unit)
    for days in range(1, 5):
        give(account, 10, until=later(days=days))
    hold(account, 35)
    assert HoldLot.objects.count() == 4
    state(unit, "paused", at=NOW)
    assert balance(account) == (40, 0, 0, 0)
