"""The servers that tests run on are real ones."""

import os
import subprocess
import sys
import time
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from redis import Redis
from redis.exceptions import ConnectionError as NoServer

from tests import services


class TestPostgres:
    def test_answers_with_its_version_and_is_gone_afterwards(self):
        with services.postgres() as url:
            with psycopg.connect(url) as client:
                version, fsync = client.execute("select version(), current_setting('fsync')").fetchone()
            assert version.startswith("PostgreSQL ")
            assert fsync == "off"
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2)

    def test_says_why_it_did_not_start(self, tmp_path):
        with (
            pytest.raises(RuntimeError, match="no such switch"),
            services.server(["sh", "-c", "echo no such switch; exit 1"], folder=tmp_path, ready=lambda: False),
        ):
            pytest.fail("a server that ended was taken for a running one")

    @pytest.mark.django_db
    def test_is_what_the_suite_runs_on_when_asked(self):
        asked = os.environ.get("LOYALTY_TEST_DB", "sqlite")
        assert connection.vendor == ("sqlite" if asked == "sqlite" else "postgresql")
        if connection.vendor == "postgresql":
            assert connection.cursor().execute("select version()").fetchone()[0].startswith("PostgreSQL ")


class TestRedis:
    def test_answers_a_ping_and_is_gone_afterwards(self):
        with services.redis() as url:
            assert urlsplit(url).hostname == "127.0.0.1"
            assert Redis.from_url(url).ping() is True
        with pytest.raises(NoServer):
            Redis.from_url(url).ping()

    def test_listens_on_the_loopback_only(self):
        with services.redis() as url, Redis.from_url(url) as client:
            assert client.config_get("bind")["bind"] == "127.0.0.1"


class TestDatabase:
    def test_refuses_a_name_it_does_not_know(self):
        with pytest.raises(Exception, match="LOYALTY_TEST_DB must be"):
            services.database("oracle")

    def test_takes_an_address_apart(self):
        parts = services.database("postgres://ann:secret@db.example:5433/shop")
        assert parts == {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "shop",
            "USER": "ann",
            "PASSWORD": "secret",
            "HOST": "db.example",
            "PORT": "5433",
        }

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
    def test_leaves_no_server_behind_when_its_process_is_killed(self, tmp_path):
        code = (
            "from tests import services as s\nwith s.redis() as url:\n    print(url, flush=True)\n    s.time.sleep(60)"
        )
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().strip()
            assert Redis.from_url(url).ping()
            process.kill()
        assert_gone(url)


def assert_gone(url: str) -> None:
    """Within five seconds nobody answers at `url`."""
    for _attempt in range(50):
        try:
            Redis.from_url(url).ping()
        except NoServer:
            return
        time.sleep(0.1)
    pytest.fail(f"{url} still answers")
