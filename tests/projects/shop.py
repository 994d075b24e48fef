"""A shop on a database of its own, and how it is run: every process is one that a store would start."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.conf import settings

ROOT = Path(__file__).parents[2]


def in_memory(**more: str) -> dict[str, str]:
    """The environment of a process that runs in the full shop, with an empty database in its memory."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    told = {"DJANGO_SETTINGS_MODULE": "tests.projects.full.settings", "PROJECT_DATABASE": json.dumps(database)}
    return os.environ | told | {"PROJECT_MEDIA": "media", **more}


@dataclass(frozen=True, kw_only=True)
class Sqlite:
    """Databases that are files in one folder."""

    folder: Path

    def settings(self, name: str) -> dict:
        """Django's settings of a database; these files are thrown away, so nothing waits for a disk."""
        path = self.folder / f"{name}.sqlite3"
        options = {"init_command": "PRAGMA synchronous = OFF"}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": options}

    def create(self, name: str) -> None:
        Path(self.settings(name)["NAME"]).touch()

    def copy(self, name: str, to: str) -> None:
        shutil.copyfile(self.settings(name)["NAME"], self.settings(to)["NAME"])

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """Databases on the server of this test run; their names begin with what no other run has."""

    prefix: str
    made: list[str] = field(default_factory=list)

    def settings(self, name: str) -> dict:
        """Django's settings of a database."""
        keep = ("ENGINE", "USER", "PASSWORD", "HOST", "PORT")
        return {k: v for k, v in settings.DATABASES["default"].items() if k in keep} | {"NAME": self.prefix + name}

    def create(self, name: str, *, template: str = "template1") -> None:
        self.made.append(self.prefix + name)
        self._execute(f'CREATE DATABASE "{self.prefix}{name}" TEMPLATE "{template}"')

    def copy(self, name: str, to: str) -> None:
        self.create(to, template=self.prefix + name)

    def drop(self) -> None:
        for name in self.made:
            self._execute(f'DROP DATABASE IF EXISTS "{name}"')

    def _execute(self, sql: str) -> None:
        import psycopg

        there = settings.DATABASES["default"]
        names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        address = {name: there[key] for key, name in names.items() if there.get(key)}
        with psycopg.connect(**address, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One of the projects on one of its databases."""

    project: str
    server: Sqlite | Postgres
    database: str
    media: Path

    def on(self, database: str) -> "Shop":
        """The same shop on a copy of its database, so that the next step leaves this one as it is."""
        self.server.copy(self.database, database)
        return replace(self, database=database)

    def do(self, *steps: str, loyalty: bool = True, without: str = "") -> dict[str, dict]:
        """
        Do steps in one process, with our apps, or `without` some of them; answers with what each found, by its name.

        Raises RuntimeError with the last words of a process that fails. A command that exits with an error is no
        failure of the process: its code stands in what it found.
        """
        return self.live({"": steps}, loyalty=loyalty, without=without)[""]

    def live(
        self, stages: Mapping[str, Sequence[str]], *, loyalty: bool = True, without: str = ""
    ) -> dict[str, dict[str, dict]]:
        """Do the steps of all these stages in one process; answers with what each step found, by stage and name."""
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": f"tests.projects.{self.project}.settings",
            "LOYALTY_INSTALLED": str(int(loyalty)),
            "LOYALTY_WITHOUT": without,
            "PROJECT_DATABASE": json.dumps(self.server.settings(self.database)),
            "PROJECT_MEDIA": str(self.media),
        }
        steps = [step for each in stages.values() for step in each]
        command = [sys.executable, "-m", "tests.projects.run", *steps]
        process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"{self.project}: {' '.join(steps)}\n{process.stdout[-2000:]}\n{process.stderr[-4000:]}")
        found = [json.loads(line) for line in process.stdout.splitlines()]
        assert len(found) == len(steps)
        return {stage: {step: found.pop(0) for step in each} for stage, each in stages.items()}
