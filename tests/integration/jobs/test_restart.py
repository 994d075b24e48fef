"""Processes that do jobs outlive a database that is stopped, or struck down, and started again."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from django.db import connection
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.jobs.tasks import run
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import JobRun
from loyalty_oscar.testing import a_program
from tests import services
from tests.orders import imported
from tests.projects.shop import ROOT

from .test_celery import broker, until, worker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        os.environ.get("LOYALTY_TEST_DB", "sqlite") == "sqlite" or not services.started,
        reason="a server that this run may stop: LOYALTY_TEST_DB=postgres",
    ),
]
HOW = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "struck-down"])
AWAY = 3


@contextmanager
def jobs(*options):
    """`loyalty_run` in a process of its own on this test's database; yields it, with its output in files."""
    address = services.address_of(connection.settings_dict)
    environment = os.environ | {"LOYALTY_TEST_DB": address, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "django", "loyalty_run", *options]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def database_away(how):
    """The database is away while the block runs and some seconds more; this process connects anew afterwards."""
    server = services.started[int(connection.settings_dict["PORT"])]
    connection.close()
    with server.away(how):
        yield
        time.sleep(AWAY)


def an_order(number):
    """An order that only the sweep can find."""
    imported(user=UserFactory(), lines=[("10.00", 1)], placed_at=clock.now(), number=f"imported-{number}")


def found(number):
    return until(lambda: Award.objects.count() == number)


class TestTheCommandThatGoesOn:
    @HOW
    def test_outlives_a_restart_of_the_database_and_says_so_in_a_line(self, how):
        a_program()
        with jobs("--every", "1") as process:
            an_order(1)
            assert found(1)
            with database_away(how):
                pass
            an_order(2)
            assert found(2)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        lines = [line for line in err.splitlines() if line.startswith("the database does not answer")]
        assert lines
        assert all("; tried again in 1 s: " in line for line in lines)

    def test_without_going_on_fails_as_cron_expects(self):
        a_program()
        server = services.started[int(connection.settings_dict["PORT"])]
        connection.close()
        with server.away(), jobs() as process:
            _out, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "OperationalError" in err


@pytest.mark.celery
class TestAWorkerOfTheQueue:
    @HOW
    def test_outlives_a_restart_of_the_database(self, redis_url, how):
        a_program()
        with broker(redis_url), worker(redis_url):
            an_order(1)
            run.delay("jobs", {})
            assert found(1)
            with database_away(how):
                run.delay("jobs", {})
            an_order(2)
            run.delay("jobs", {})
            assert found(2)
        assert not JobRun.objects.filter(name="sweep").exclude(error="").exists()
