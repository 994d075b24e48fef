"""Points run out at the second their date says; dates move by a reason; a program pauses and closes."""

from datetime import timedelta

import pytest

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold, Lot
from loyalty_oscar.program.operations import change_state

from .books import (
    NOW,
    WHY,
    a_unit,
    an_account,
    assert_clean,
    balance,
    capture,
    claw,
    dump,
    give,
    hold,
    kinds,
    later,
    lots,
    restore,
)

pytestmark = pytest.mark.django_db


def extend(account, lot, until, *, at=NOW):
    """Move a lot's date."""
    return ledger.extend(account_id=account.pk, lot_id=lot.pk, expires_at=until, because=WHY, at=at)


class TestRunningOut:
    @pytest.mark.parametrize(("early", "points"), [(timedelta(microseconds=1), 0), (timedelta(0), 50)])
    def test_comes_at_the_exact_instant_and_never_before(self, early, points):
        account = an_account()
        give(account, 50, until=later(days=1))
        assert ledger.expire(account_id=account.pk, at=later(days=1) - early) == points
        assert balance(account) == (50 - points, 0, 0, 0)
        assert_clean()

    def test_is_written_down_as_of_its_date_however_late_the_job_is(self):
        account = an_account()
        give(account, 50, source="order:1", until=later(days=1))
        ledger.expire(account_id=account.pk, at=later(days=9))
        entry = Entry.objects.get(kind="expire")
        assert (entry.effective_at, entry.created_at) == (later(days=1), later(days=9))
        assert (entry.counter, entry.because) == ("breakage", {"c": "ran_out", "p": {"source": "order:1"}})

    def test_a_second_time_finds_nothing(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        ledger.expire(account_id=account.pk, at=later(days=1))
        before = dump()
        assert ledger.expire(account_id=account.pk, at=later(days=1)) == 0
        assert dump() == before

    def test_leaves_alone_what_never_does_and_what_is_on_the_way(self):
        account = an_account()
        give(account, 5)
        give(account, 7, ready=later(days=9), until=later(days=1))
        assert ledger.expire(account_id=account.pk, at=later(days=1)) == 0
        assert balance(account) == (5, 7, 0, 0)

    def test_happens_inside_every_spend(self):
        account = an_account()
        give(account, 50, source="gone", until=later(days=1))
        give(account, 50, source="there")
        ledger.adjust(
            account_id=account.pk, points=-10, key="m", because=WHY, actor="staff:1", note="x", at=later(days=1)
        )
        assert lots(account) == [("gone", 0, 0, "closed"), ("there", 40, 0, "open")]
        assert_clean()

    def test_finds_every_account_that_is_due_once(self):
        unit = a_unit()
        due, other = an_account(unit), an_account(unit)
        give(due, 5, until=later(days=1))
        give(due, 6, until=later(days=1))
        give(other, 7, until=later(days=2))
        found = dict(ledger.expire_due(at=later(days=1)))
        assert found == {due.pk: 11}
        assert list(ledger.expire_due(at=later(days=1))) == []
        assert_clean()

    def test_passes_over_the_programs_it_is_told_to(self):
        account = an_account()
        give(account, 5, until=later(days=1))
        assert list(ledger.expire_due(at=later(days=1), skip_programs=(account.member.program_id,))) == []
        assert balance(account) == (5, 0, 0, 0)


class TestExtending:
    def test_moves_the_date_with_a_reason_and_no_point(self):
        account = an_account()
        give(account, 5, until=later(days=1))
        lot = Lot.objects.get()
        entry = extend(account, lot, later(days=40)).entry
        lot.refresh_from_db()
        assert (lot.expires_at, lot.extensions, lot.first_expires_at) == (later(days=40), 1, later(days=1))
        assert (entry.key, entry.net) == (f"lot:{lot.pk}:extend:1", 0)
        extend(account, lot, later(days=80))
        assert Entry.objects.filter(kind="extend").count() == 2
        assert_clean()

    def test_is_taken_back_with_a_reason_and_never_moves_on(self):
        account = an_account()
        give(account, 5, until=later(days=1))
        lot = Lot.objects.get()
        extend(account, lot, later(days=40))
        told = {"account_id": account.pk, "lot_id": lot.pk, "because": WHY, "at": NOW}
        entry = ledger.shorten(expires_at=later(days=1), **told).entry
        lot.refresh_from_db()
        assert (lot.expires_at, lot.extensions) == (later(days=1), 2)
        assert (entry.key, entry.net) == (f"lot:{lot.pk}:extend:2", 0)
        assert ledger.shorten(expires_at=later(days=2), **told) is None
        assert_clean()

    @pytest.mark.parametrize(("until", "at"), [(1, 0), (0.5, 0), (40, 1), (40, 2)])
    def test_never_moves_it_back_nor_wakes_what_ran_out(self, until, at):
        account = an_account()
        give(account, 5, until=later(days=1))
        before = dump()
        assert extend(account, Lot.objects.get(), later(days=until), at=later(days=at)) is None
        assert dump() == before

    def test_leaves_alone_a_lot_of_somebody_else_and_one_that_never_runs_out(self):
        unit = a_unit()
        account, other = an_account(unit), an_account(unit)
        give(other, 5, until=later(days=1))
        give(account, 5)
        before = dump()
        for lot in Lot.objects.all():
            assert extend(account, lot, later(days=40)) is None
        assert dump() == before


class TestAPause:
    def a_paused_account(self):
        """An account with a hold and two dated lots, in a program that pauses at NOW."""
        account = an_account()
        give(account, 50, source="in", until=later(days=3))
        give(account, 50, source="after", until=later(days=90))
        give(account, 50, source="never")
        hold(account, 20, at=later(minutes=-5))
        change_state(program=account.member.program, to="paused", actor="staff:1", at=NOW)
        return account

    def test_gives_holds_back(self):
        account = self.a_paused_account()
        assert balance(account) == (150, 0, 0, 0)
        assert Hold.objects.get().state == "released"
        assert Entry.objects.get(kind="release").because == {"c": "program_paused"}
        assert_clean()

    def test_puts_off_every_date_by_its_length(self):
        account = self.a_paused_account()
        change_state(program=account.member.program, to="live", actor="staff:1", at=later(days=10))
        dates = dict(Lot.objects.values_list("source", "expires_at"))
        assert dates == {"in": later(days=13), "after": later(days=100), "never": None}
        assert set(Entry.objects.filter(kind="extend").values_list("created_at", flat=True)) == {later(days=10)}
        assert ledger.expire(account_id=account.pk, at=later(days=12)) == 0
        assert_clean()

    def test_lets_nothing_run_out_meanwhile_not_even_in_a_return(self):
        account = self.a_paused_account()
        assert ledger.expire(account_id=account.pk, at=later(days=5)) == 0
        claw(account, 60, source="after", key="c", at=later(days=5))
        assert lots(account)[0] == ("in", 40, 0, "open")
        change_state(program=account.member.program, to="closing", actor="staff:1", at=later(days=10))
        assert Lot.objects.get(source="in").expires_at == later(days=13)
        assert ledger.expire(account_id=account.pk, at=later(days=13)) == 40
        assert_clean()

    def test_wakes_nothing_that_ran_out_before_it(self):
        account = an_account()
        give(account, 50, until=later(days=-1), at=later(days=-3), ready=later(days=-3))
        change_state(program=account.member.program, to="paused", actor="staff:1", at=NOW)
        change_state(program=account.member.program, to="live", actor="staff:1", at=later(days=10))
        assert ledger.expire(account_id=account.pk, at=later(days=10)) == 50
        assert_clean()


class TestTheEndOfAProgram:
    def test_gives_holds_back_and_writes_off_the_rest(self):
        account = an_account()
        give(account, 50)
        give(account, 30, ready=None)
        program = account.member.program
        change_state(program=program, to="closing", actor="staff:1", at=NOW)
        hold(account, 20, at=later(days=89))
        change_state(program=program, to="closed", actor="staff:1", at=later(days=90))
        assert balance(account) == (0, 0, 0, 0)
        assert Hold.objects.get().state == "released"
        last = Entry.objects.order_by("seq").last()
        assert (last.net, last.counter, last.because) == (-80, "breakage", {"c": "program_closed"})
        assert_clean()

    def test_forgives_what_was_to_be_made_up(self):
        account = an_account()
        give(account, 50, source="order:1")
        capture(hold(account, 50), 50)
        claw(account, 50, source="order:1", key="c")
        give(account, 50, ready=None)
        assert balance(account) == (0, 50, 0, 50)
        ledger.write_off(account_id=account.pk, key="program:1:close", at=NOW)
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_writes_nothing_where_nothing_is_left_or_twice(self):
        account = an_account()
        assert ledger.write_off(account_id=account.pk, key="program:1:close", at=NOW) is None
        assert kinds(account) == []
        give(account, 5)
        ledger.write_off(account_id=account.pk, key="program:1:close", at=NOW)
        give(account, 5)
        assert ledger.write_off(account_id=account.pk, key="program:1:close", at=NOW) is None
        assert balance(account) == (5, 0, 0, 0)


class TestNoCredit:
    def test_outlives_its_first_date_by_more_than_the_one_grace(self):
        account, first = an_account(), later(days=2)
        give(account, 50, until=first)
        for day in range(0, 200, 7):
            at = later(days=day)
            if balance(account)[0]:
                held = hold(account, balance(account)[0], at=at) if first_alive(account, at) else None
                if held:
                    capture(held, held.points, at=at)
                    restore(held, held.points, key=f"r:{day}", goods_returned=True, at=at)
            ledger.expire(account_id=account.pk, at=at)
        lot = Lot.objects.get()
        assert lot.expires_at <= first + timedelta(days=30)
        assert balance(account) == (0, 0, 0, 0)
        assert Because.from_json(Entry.objects.order_by("seq").last().because).code == "ran_out"
        assert_clean()


def first_alive(account, at):
    """Whether the one lot of an account can still be used."""
    return Lot.objects.filter(account=account, remaining__gt=0, expires_at__gt=at).exists()
