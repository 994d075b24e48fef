"""One account whose books are broken, by an UPDATE by hand or a restored backup, ends no job for others."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold, Lot
from loyalty_oscar.ledger.operations import expiry, grants
from loyalty_oscar.ledger.operations.skipping import AccountsSkipped
from loyalty_oscar.program.models import JobRun
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.shop.upkeep.doctor import Level, examine
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import AccountFactory, LotFactory, MemberFactory
from tests.integration.commands.calling import manage
from tests.once import a_program

pytestmark = pytest.mark.django_db
WHY = Because("adjusted")


def ago(**units):
    return clock.now() - timedelta(**units)


def ahead(**units):
    return clock.now() + timedelta(**units)


@pytest.fixture
def unit():
    return a_program(live_from=ago(days=200), max_extensions=0)


def three(unit, *, ready=None, until=None):
    """Three members with 100 points each."""
    accounts = []
    for number in range(3):
        told = {"program": unit.program, "user__email": f"m{number}@example.com", "joined_at": ago(days=100)}
        accounts.append(AccountFactory(member=MemberFactory(**told)))
        told = {"source": "gift", "because": WHY, "at": ago(days=90), "available_at": ready, "expires_at": until}
        LotFactory(account=accounts[-1], **told)
    return accounts


def break_(account, **change):
    """Somebody's UPDATE by hand."""
    Account.objects.filter(pk=account.pk).update(**change)


def balances(accounts, bucket):
    return [getattr(Account.objects.get(pk=account.pk), bucket) for account in accounts]


def named(account, job):
    """The account is named where the job ran, by the doctor and by the audit; the others are not."""
    row = JobRun.objects.get(name=job)
    assert row.error == f"skipped: account {account.pk}; loyalty_doctor says why"
    assert list(row.skipped) == [str(account.pk)]
    [finding] = [found for found in examine(at=clock.now()) if found.about == "accounts"]
    assert finding.level == Level.ERROR
    assert finding.text.startswith(f"account {account.pk} (member {account.member_id}, club) was left alone by {job}: ")
    assert f"loyalty_audit --account {account.pk}" in finding.hint
    said = manage("audit")
    assert said.code == 1
    assert {line.split(":")[0] for line in said.err.splitlines() if line.startswith("account")} == {
        f"account {account.pk}"
    }


class TestABrokenAccount:
    def test_keeps_nobody_elses_points_from_becoming_ready(self, unit):
        accounts = three(unit, ready=ago(days=1))
        break_(accounts[1], pending=5)
        manage("run --only mature")
        assert balances(accounts, "available") == [100, 0, 100]
        named(accounts[1], "mature")

    def test_keeps_nobody_elses_points_from_running_out(self, unit):
        accounts = three(unit, ready=ago(days=80), until=ago(days=1))
        ledger.mature(account_id=accounts[0].pk, at=ago(days=79))
        for account in accounts[1:]:
            ledger.mature(account_id=account.pk, at=ago(days=79))
        break_(accounts[1], available=5)
        manage("run --only expire")
        assert balances(accounts, "available") == [0, 5, 0]
        named(accounts[1], "expire")

    def held(self, unit):
        accounts = three(unit, ready=ago(days=90))
        for number, account in enumerate(accounts):
            ledger.place_hold(
                account_id=account.pk, slot=f"basket:{number + 1}", points=40, because=WHY, at=ago(hours=2),
                expires_at=ago(hours=1),
            )  # fmt: skip
        break_(accounts[1], reserved=5)
        return accounts

    def test_keeps_nobody_elses_points_set_aside(self, unit):
        accounts = self.held(unit)
        manage("run --only holds")
        assert balances(accounts, "reserved") == [0, 5, 0]
        assert [hold.state for hold in Hold.objects.order_by("pk")] == ["released", "open", "released"]
        named(accounts[1], "holds")

    def test_keeps_nobody_from_being_told_and_nobodys_date_where_it_is(self, unit):
        until = ahead(days=3)
        accounts = three(unit, ready=ago(days=90), until=until)
        break_(accounts[1], seq=F("seq") - 1)
        manage("run --only notices")
        assert [lot.expires_at > until for lot in Lot.objects.order_by("pk")] == [True, False, True]
        named(accounts[1], "notices")

    def closed(self, unit):
        change_state(program=unit.program, to="closing", actor="staff:1", at=ago(days=95))
        change_state(program=unit.program, to="closed", actor="staff:1", at=ago(days=1))

    def test_keeps_no_program_from_being_closed(self, unit):
        accounts = three(unit, ready=ago(days=90))
        break_(accounts[1], available=5)
        self.closed(unit)
        assert unit.program.__class__.objects.get().state == "closed"
        assert balances(accounts, "available") == [0, 5, 0]
        named(accounts[1], "program-state")

    def test_of_a_closed_program_is_written_off_once_it_is_mended(self, unit):
        accounts = three(unit, ready=ago(days=90))
        break_(accounts[1], available=5)
        self.closed(unit)
        manage("run --only programs")
        named_again = JobRun.objects.get(name="programs")
        assert list(named_again.skipped) == [str(accounts[1].pk)]
        break_(accounts[1], available=100)
        manage("run --only programs")
        assert balances(accounts, "available") == [0, 0, 0]
        assert JobRun.objects.get(name="programs").skipped is None
        assert manage("audit").code == 0

    def test_keeps_no_program_from_pausing_nor_from_going_on(self, unit):
        accounts = self.held(unit)
        Lot.objects.update(expires_at=ahead(days=10))
        break_(accounts[2], seq=F("seq") - 1)
        change_state(program=unit.program, to="paused", actor="staff:1", at=ago(days=2))
        assert balances(accounts, "reserved") == [0, 5, 40]
        before = list(Lot.objects.order_by("pk").values_list("expires_at", flat=True))
        change_state(program=unit.program, to="live", actor="staff:1", at=clock.now())
        after = list(Lot.objects.order_by("pk").values_list("expires_at", flat=True))
        assert [old < new for old, new in zip(before, after, strict=True)] == [True, True, False]
        assert list(JobRun.objects.get(name="program-state").skipped) == [str(accounts[2].pk)]
        break_(accounts[2], seq=F("seq") + 1)
        manage("run --only programs")
        caught_up = list(Lot.objects.order_by("pk").values_list("expires_at", flat=True))
        assert [late - old for old, late in zip(before, caught_up, strict=True)] == [after[0] - before[0]] * 3
        assert JobRun.objects.get(name="program-state").skipped is None

    def test_is_done_with_the_next_run_once_it_is_mended(self, unit):
        accounts = three(unit, ready=ago(days=1))
        break_(accounts[1], pending=5)
        manage("run --only mature")
        break_(accounts[1], pending=100)
        manage("run --only mature")
        assert balances(accounts, "available") == [100, 100, 100]
        row = JobRun.objects.get(name="mature")
        assert (row.error, row.skipped) == ("", None)
        assert [found for found in examine(at=clock.now()) if found.about == "accounts"] == []


class TestManyBrokenAccounts:
    def test_are_all_skipped_and_the_first_are_named_in_a_line(self, unit):
        accounts = three(unit, ready=ago(days=1))
        for account in accounts:
            break_(account, pending=5)
        with pytest.raises(AccountsSkipped) as skipped:
            list(ledger.mature_due(at=clock.now()))
        assert sorted(skipped.value.accounts) == [account.pk for account in accounts]
        many = AccountsSkipped(dict.fromkeys(range(1, 9), "x"))
        assert str(many) == "skipped: account 1, 2, 3, 4, 5 and 3 more; loyalty_doctor says why"


class TestADatabaseThatIsAway:
    @pytest.mark.parametrize(
        ("module", "name", "due"),
        [(grants, "mature_together", ledger.mature_due), (expiry, "expire_together", ledger.expire_due)],
    )
    def test_is_no_accounts_fault(self, unit, module, name, due, monkeypatch):
        three(unit, ready=ago(days=80) if name == "mature_together" else ago(days=95), until=ago(days=1))

        def away(**kwargs):
            raise OperationalError("the database is away")

        monkeypatch.setattr(module, name, away)
        with pytest.raises(OperationalError):
            list(due(at=clock.now()))
