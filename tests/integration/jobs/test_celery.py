"""The queue: a real Redis, a real worker process, and a broker that is away."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from celery import Celery
from django.db import connection
from kombu.exceptions import OperationalError
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.jobs.doctor import queue
from loyalty_oscar.jobs.schedule import SCHEDULE
from loyalty_oscar.jobs.tasks import hand_over
from loyalty_oscar.program.models import JobRun
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import a_program, clock
from tests.orders import place
from tests.projects.shop import ROOT
from tests.services import address_of, free_port

pytestmark = [
    pytest.mark.celery,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not os.environ.get("LOYALTY_TEST_DB", "").startswith("postgres"),
        reason="two processes share a database: LOYALTY_TEST_DB=postgres",
    ),
]
SECONDS = 60


@contextmanager
def broker(url):
    """This process's Celery, which puts tasks on the queue at `url`."""
    app = Celery("tests", broker=url, set_as_current=False)
    app.set_current()
    try:
        yield app
    finally:
        app.close()


@contextmanager
def worker(url):
    """A worker process on this test's database; its log is shown where the test fails."""
    address = address_of(connection.settings_dict)
    environment = os.environ | {"LOYALTY_TEST_DB": address, "CELERY_BROKER_URL": url}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "celery", "-A", "tests.celery_app", "worker", "--pool", "solo", "-l", "INFO"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        try:
            yield
        finally:
            run.terminate()
            print(run.communicate(timeout=SECONDS)[0].decode())


def until(true):
    """Wait until it is true; False after a minute."""
    deadline = time.monotonic() + SECONDS
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class TestTheQueue:
    def test_has_an_order_looked_at_by_a_worker_in_a_process_of_its_own(self, settings, redis_url):
        settings.LOYALTY_TASKS = "celery"
        a_program()
        with broker(redis_url):
            order = place(user=UserFactory(), lines=[("12.50", 2)])
            waiting = OrderSync.objects.get(order_id=order.pk)
            assert waiting.is_dirty
            assert not Award.objects.exists()
            with worker(redis_url):
                assert until(Award.objects.exists)
        assert Award.objects.get().points == 25
        assert until(lambda: not OrderSync.objects.get(order_id=order.pk).is_dirty)

    def test_runs_every_job_when_the_schedule_says_so(self, redis_url):
        entry = SCHEDULE["loyalty-jobs"]
        with broker(redis_url) as app, worker(redis_url):
            app.send_task(entry["task"], args=entry["args"], **entry["options"])
            names = {job.name for job in jobs.JOBS}
            ended = JobRun.objects.filter(finished_at__isnull=False)
            assert until(lambda: set(ended.values_list("name", flat=True)) == names)
        assert not JobRun.objects.exclude(error="").exists()


class TestABrokerThatIsAway:
    def test_keeps_no_order_from_being_placed_and_the_sweep_finds_it(self, settings, caplog):
        settings.LOYALTY_TASKS = "celery"
        a_program()
        with broker(f"redis://127.0.0.1:{free_port()}/0"):
            order = place(user=UserFactory(), lines=[("12.50", 2)])
        assert OrderSync.objects.get(order_id=order.pk).is_dirty
        assert not Award.objects.exists()
        assert "the next sweep does its work" in caplog.text

        list(jobs.run(only="sweep"))

        assert Award.objects.get().points == 25

    def test_keeps_nobody_waiting(self):
        with broker(f"redis://127.0.0.1:{free_port()}/0"):
            began = time.monotonic()
            with pytest.raises(OperationalError):
                hand_over("sync_order", {"order_id": 1})
            assert time.monotonic() - began < 2


class TestTheDoctor:
    def test_says_whether_the_broker_answers(self, settings, redis_url):
        settings.LOYALTY_TASKS = "celery"
        with broker(redis_url):
            assert [finding.level for finding in queue(at=clock.now())] == ["ok"]
        with broker(f"redis://127.0.0.1:{free_port()}/0"):
            [finding] = queue(at=clock.now())
        assert finding.level == "warning"
        assert "the broker does not answer" in finding.text

    def test_asks_no_broker_where_work_is_done_in_the_request(self):
        assert list(queue(at=clock.now())) == []
