"""`loyalty_run`: all jobs, by cron."""

import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.program.models import Delivery, JobRun
from loyalty_oscar.program.operations import change_state, note_run
from loyalty_oscar.shop.management.commands.loyalty_run import Command
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import LotFactory, MemberFactory
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.once import a_program
from tests.orders import imported, place

pytestmark = pytest.mark.django_db


def an_account(unit, *, points=100, at, expires_at=None):
    told = {"because": Because("opening_balance"), "source": "test:1", "at": at, "expires_at": expires_at}
    member = MemberFactory(program=unit.program, joined_at=at)
    return LotFactory(account__member=member, points=points, **told).account


class TestARun:
    def test_does_every_job_and_notes_when(self):
        at = clock.now()
        with clock.at(at):
            assert manage("run").code == 0
        rows = {row.name: row for row in JobRun.objects.order_by("pk")}
        assert list(rows) == [job.name for job in jobs.JOBS]
        assert all(row.started_at == at and row.finished_at and not row.error for row in rows.values())

    def test_finds_an_order_that_no_signal_told_and_makes_it_ready_when_its_time_has_come(self):
        at = clock.now()
        unit = a_program(live_from=at - timedelta(days=40), hold_days=14)
        imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1))
        with clock.at(at):
            said = manage("run")
        assert "sweep: 1 orders looked at" in said.out
        account = Account.objects.get(unit=unit)
        assert (account.pending, account.available) == (25, 0)
        with clock.at(at + timedelta(days=15)):
            said = manage("run")
        assert "mature: 25 points made ready" in said.out
        account.refresh_from_db()
        assert (account.pending, account.available) == (0, 25)

    def test_sends_what_waits(self):
        at = clock.now()
        a_program(live_from=at - timedelta(days=2))
        imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1))
        assert manage("run").code == 0
        assert len(mail.outbox) == 1
        assert Delivery.objects.get().done_at is not None
        manage("run")
        assert len(mail.outbox) == 1

    def test_lets_points_run_out_but_not_while_the_program_pauses(self):
        at = clock.now()
        unit = a_program(live_from=at - timedelta(days=40), max_extensions=0)
        account = an_account(unit, at=at - timedelta(days=30), expires_at=at - timedelta(days=1))
        change_state(program=unit.program, to="paused", actor="test", at=at)
        manage("run")
        account.refresh_from_db()
        assert account.available == 100
        unit.program.phases.filter(state="paused").delete()
        unit.program.__class__.objects.update(state="live")
        assert "expire: 100 points run out" in manage("run").out
        account.refresh_from_db()
        assert account.available == 0

    def test_gives_back_points_that_were_set_aside_too_long(self):
        at = clock.now()
        account = an_account(a_program(live_from=at - timedelta(days=2)), at=at - timedelta(days=1))
        hold = ledger.place_hold(
            account_id=account.pk, slot="basket:1", points=40, because=Because("adjusted"),
            at=at - timedelta(hours=2), expires_at=at - timedelta(hours=1),
        )  # fmt: skip
        assert "holds: 1 given back" in manage("run").out
        hold.refresh_from_db()
        account.refresh_from_db()
        assert hold.state == Hold.State.RELEASED
        assert (account.available, account.reserved) == (100, 0)

    def test_says_nothing_where_there_was_nothing_to_do(self):
        assert manage("run").out == ""

    def test_shows_how_far_it_is_where_somebody_watches(self, monkeypatch):
        at = clock.now()
        a_program(live_from=at - timedelta(days=2))
        imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1))
        monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda self: True)
        assert manage("run").out.startswith("sweep: 1 orders looked at\r")

    def test_does_one_job_only_when_asked(self):
        manage("run --only mature")
        assert list(JobRun.objects.values_list("name", flat=True)) == ["mature"]


class TestTheNightlyLook:
    def test_happens_once_a_day_or_when_asked(self):
        at = clock.now().replace(hour=10, minute=0)
        user = UserFactory()
        a_program(live_from=at - timedelta(days=2))
        with clock.at(at):
            order = imported(user=user, lines=[("12.50", 2)], placed_at=at - timedelta(days=1), status="Pending")
            manage("run")
            order.__class__.objects.filter(pk=order.pk).update(status="Cancelled")
        with clock.at(at + timedelta(hours=1)):
            manage("run")
            assert Award.objects.get().given == 25
            manage("run --nightly")
            assert Award.objects.get().given == 0
        with clock.at(at + timedelta(hours=2)):
            order.__class__.objects.filter(pk=order.pk).update(status="Pending")
            manage("run")
            assert Award.objects.get().given == 0
        with clock.at(at + timedelta(days=1)):
            manage("run")
            assert Award.objects.get().given == 25


class TestAJobThatFails:
    def test_stops_no_other_and_is_named(self, monkeypatch):
        def broken(**kwargs):
            raise ZeroDivisionError("no luck")

        monkeypatch.setattr(jobs.ledger, "mature_due", broken)
        said = manage("run")
        assert said.code == 1
        assert said.err == "mature failed: ZeroDivisionError: no luck"
        assert JobRun.objects.get(name="mature").error == "ZeroDivisionError: no luck"
        assert JobRun.objects.get(name="messages").finished_at

    def test_is_a_sweep_that_leaves_an_order_undone(self, monkeypatch):
        at = clock.now()
        a_program(live_from=at - timedelta(days=2))
        good = imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1), number="a")
        bad = imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1), number="b")
        real = jobs.sync.gather_orders

        def gather(*, order_ids, **kwargs):
            if bad.pk in order_ids:
                raise ZeroDivisionError("no luck")
            return real(order_ids=order_ids, **kwargs)

        monkeypatch.setattr(jobs.sync, "gather_orders", gather)
        said = manage("run --only sweep")
        assert said.code == 1
        assert "orders that could not be looked at: 1;" in said.err
        assert Award.objects.get().source_id == good.pk


class TestAJobThatAsksSince:
    def test_is_told_of_its_last_good_run_though_it_failed_since(self, monkeypatch):
        asked, at = [], clock.now()

        def run(at, since):
            asked.append(since)
            if len(asked) in (2, 3):
                raise ZeroDivisionError("no luck")
            yield 1

        monkeypatch.setattr(jobs, "JOBS", [jobs.Job(name="asking", what="done", run=run, asks_since=True)])
        moments = [at + timedelta(hours=number) for number in range(5)]
        for moment in moments:
            list(jobs.run(at=moment))
        assert asked == [None, moments[0], moments[0], moments[0], moments[3]]
        row = JobRun.objects.get()
        assert (row.started_at, row.good_at, row.error) == (moments[4], moments[4], "")

    def test_writes_down_an_error_without_the_address_in_it(self, monkeypatch):
        def run(at):
            raise OSError({"zoe@mail.example": (550, b"no <zoe@mail.example> here\nat all")})
            yield

        monkeypatch.setattr(jobs, "JOBS", [jobs.Job(name="failing", what="done", run=run)])
        list(jobs.run())
        assert JobRun.objects.get().error == "OSError: {'…': (550, b'no <…> here\\nat all')}"


class TestANightlyJob:
    @pytest.fixture(autouse=True)
    def _noon(self):
        """Once a day is asked of the program's day: minutes later must not be tomorrow."""
        with clock.at(datetime(2026, 5, 5, 12, tzinfo=UTC)):
            yield

    def test_that_is_wanted_again_is_done_once_more_though_it_was_done_today(self, monkeypatch):
        at = clock.now()
        prices = next(job for job in jobs.JOBS if job.name == "prices")
        monkeypatch.setattr(jobs, "JOBS", [replace(prices, run=lambda at: iter([1]))])
        list(jobs.run(at=at))
        assert not prices.is_due(at=at + timedelta(minutes=5))
        with clock.at(at + timedelta(minutes=5)):
            for _saved in range(3):
                jobs.look_at_prices()
        assert JobRun.objects.get().started_at == at, "and it is known when it ran"
        assert prices.is_due(at=at + timedelta(minutes=5))
        list(jobs.run(at=at + timedelta(minutes=6)))
        assert not prices.is_due(at=at + timedelta(minutes=7))

    @pytest.fixture
    def job(self):
        return next(job for job in jobs.JOBS if job.nightly)

    def begun(self, job, *, at, **fields):
        note_run(name=job.name, **{"started_at": at, "finished_at": None, "done": 0, **fields})

    def test_that_another_process_is_at_is_not_begun_beside_it(self, job):
        at = clock.now()
        self.begun(job, at=at)

        assert not job.is_due(at=at + timedelta(minutes=5))
        assert job.name not in [step.job.name for step in jobs.run(at=at + timedelta(minutes=5))]
        assert JobRun.objects.get(name=job.name).finished_at is None

    def test_whose_process_died_is_begun_again_after_two_hours(self, job):
        at = clock.now()
        self.begun(job, at=at)

        assert job.is_due(at=at + jobs.AT_WORK + timedelta(seconds=1))

    def test_that_was_stopped_goes_on_with_the_next_run(self, job, monkeypatch):
        at = clock.now()
        slow = replace(job, run=lambda at: iter([1, 2, 3]), asks_since=False)
        monkeypatch.setattr(jobs, "JOBS", [slow])
        seen = [step.done for step in jobs.run(at=at, stop=iter([False, False, True, True]).__next__)]
        assert (seen, JobRun.objects.get(name=job.name).finished_at) == ([1, 3], None)

        assert [step.done for step in jobs.run(at=at + timedelta(minutes=5))] == [1, 3, 6, 6]
        assert not slow.is_due(at=at + timedelta(minutes=10))


@pytest.mark.django_db(transaction=True)
class TestRunningAgainAndAgain:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ends_cleanly_with_a_signal(self, number):
        before = signal.getsignal(number)
        timer = threading.Timer(1.0, os.kill, (os.getpid(), number))
        timer.start()
        said = manage("run --every 3600")
        timer.join()
        assert (said.code, said.err) == (0, "")
        assert JobRun.objects.filter(finished_at__isnull=False).count() == len(jobs.JOBS)
        assert signal.getsignal(number) is before


class TestBadInput:
    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("run --every 0", "at least 1"),
            ("run --every soon", "invalid int value"),
            ("run --only everything", "invalid choice"),
            ("run now", "unrecognized arguments"),
        ],
    )
    def test_is_refused(self, line, says):
        expect_refusal(line, says=says, code=2)
        assert not JobRun.objects.exists()

    def test_in_the_settings_is_refused(self, settings):
        settings.LOYALTY_TASKS = "carrier-pigeon"
        expect_refusal("run", says="LOYALTY_TASKS is 'carrier-pigeon'")
        assert not JobRun.objects.exists()


class TestBeforeThereIsAProgram:
    def test_a_run_writes_nothing_and_mails_nobody(self):
        with clock.at(clock.now()):
            place(user=UserFactory(), lines=[("12.50", 2)])
            before = books()
            assert manage("run").code == 0
        assert books() == before
        assert mail.outbox == []


class TestTheCommandLine:
    def test_hears_one_line_where_an_option_makes_no_sense(self, capsys):
        with pytest.raises(SystemExit) as ended:
            Command().run_from_argv(["manage.py", "loyalty_run", "--bogus"])
        assert ended.value.code == 2
        assert capsys.readouterr().err == ("loyalty_run: unrecognized arguments: --bogus; --help names the options\n")
