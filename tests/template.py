"""
A database that is migrated already, so that a run of the tests begins with a copy of it and not with Oscar's history.

It is made once for a state of the migrations, in `.migrated/`, and named by a fingerprint of everything it is made
from. Every run still asks `migrate` for what is missing, so that a copy can't be behind; the first migrate of an empty
database is what `tests/projects` does. `python -m tests.template NAME` migrates the database of that name.
"""

import fcntl
import gc
import hashlib
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests import services

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".migrated"
#: How seldom garbage is sought: a migrate makes hundreds of classes at each step, and nearly all of them stay.
SELDOM = (500_000, 20, 100)
#: So many states of the migrations are kept of each kind: for some branches and environments of one checkout.
KEPT = 4


def fingerprint(apps: Iterable[str]) -> str:
    """What a migrated database depends on: the migrations of `apps`, the tests' settings, and what is installed."""
    found = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for line in sorted({f"{each.name} {each.version}" for each in distributions()}):
        found.update(line.encode())
    found.update((ROOT / "tests" / "settings.py").read_bytes())
    for package in sorted({Path(find_spec(app.partition(".")[0]).origin).parent for app in apps}):
        for path in sorted(package.rglob("migrations/*.py")):
            found.update(str(path.relative_to(package.parent)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def use(connection: Any, apps: Iterable[str]) -> None:
    """Let the test database of a connection begin as a copy of the template for these apps."""
    creation, name = connection.creation, f"loyalty_migrated_{fingerprint(apps)}"
    if connection.vendor == "postgresql":
        make_on_server(connection.settings_dict, name)
        connection.settings_dict["TEST"]["TEMPLATE"] = name
    elif connection.vendor == "sqlite":
        template, plain = kept(f"{name}.sqlite3", make_file), creation._create_test_db

        def create(*args: Any, **kwargs: Any) -> str:
            test_name = plain(*args, **kwargs)
            connection.close()
            connection.settings_dict["NAME"] = test_name
            connection.ensure_connection()  # Closing it leaves a database in memory open, so the copy stays.
            with closing(sqlite3.connect(template)) as source:
                source.backup(connection.connection)
            return test_name

        creation._create_test_db = create


def cluster(apps: Iterable[str]) -> Path:
    """The files of a PostgreSQL server that has the template for these apps; nobody may start one in this place."""
    name = f"loyalty_migrated_{fingerprint(apps)}"

    def make(path: Path) -> None:
        with services.postgres() as url:
            at = services.database(url)
            make_on_server(at, name, url=url)
            server = services.started[int(at["PORT"])]
            server.stop()  # Only what a server wrote at its end is whole.
            shutil.copytree(server.folder / "data", path)

    return kept(f"{name}.postgres", make)


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The path of that name in the folder, made now if it is not there; who comes second waits for the first."""
    path = FOLDER / name
    with locked(path.suffix):
        if not path.exists():
            half = path.with_name(f"half-{name}")
            remove(half)
            make(half)
            half.rename(path)
        path.touch()
        others = sorted(FOLDER.glob(f"loyalty_*{path.suffix}"), key=lambda other: other.stat().st_mtime)
        for old in others[:-KEPT]:
            remove(old)
    return path


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@contextmanager
def locked(kind: str) -> Iterator[None]:
    """One process of this checkout at a time for each kind of database; a process that dies lets go."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"lock{kind}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_file(path: Path) -> None:
    """Migrate an SQLite database from nothing."""
    migrate(str(path), LOYALTY_TEST_DB="sqlite")


def make_on_server(at: dict[str, Any], name: str, *, url: str = "") -> None:
    """Migrate a PostgreSQL database of that name from nothing, where it isn't there; who comes second waits."""
    import psycopg

    keys = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    address = {key: at[name] for name, key in keys.items() if at.get(name)}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(hashtext('loyalty_migrated'))")
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(f'DROP DATABASE IF EXISTS "half_{name}"')
            server.execute(f'CREATE DATABASE "half_{name}"')
            migrate(f"half_{name}", **({"LOYALTY_TEST_DB": url} if url else {}))
            server.execute(f'ALTER DATABASE "half_{name}" RENAME TO "{name}"')


def migrate(name: str, **environment: str) -> None:
    """Migrate the database of that name in a process of its own; RuntimeError with its last words if it fails."""
    there = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | environment
    command = [sys.executable, "-W", "ignore", "-m", "tests.template", name]
    process = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"the template was not migrated:\n{process.stdout[-1000:]}\n{process.stderr[-4000:]}")


def main(name: str) -> None:
    import django
    from django.core.management import call_command
    from django.db import connection

    gc.set_threshold(*SELDOM)
    django.setup()
    connection.settings_dict["NAME"] = name
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)


if __name__ == "__main__":
    main(sys.argv[1])
