"""The database that every run copies: made once for a state of the migrations, and never out of date."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from loyalty_oscar.ledger import triggers
from tests import template


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where nothing is kept yet."""
    monkeypatch.setattr(template, "FOLDER", tmp_path / "migrated")
    return tmp_path / "migrated"


@pytest.fixture
def migration(tmp_path, monkeypatch):
    """The first migration of an app that lives for one test."""
    path = tmp_path / "shelves_of_a_test" / "migrations" / "0001_initial.py"
    path.parent.mkdir(parents=True)
    path.write_text("first = 1")
    (path.parents[1] / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return path


def written(path):
    path.write_text("made")


class TestTheFingerprint:
    def test_is_the_same_while_nothing_changes(self, migration):
        apps = ["shelves_of_a_test", "django.contrib.auth"]
        assert template.fingerprint(apps) == template.fingerprint(apps)

    def test_is_another_when_a_migration_is_rewritten(self, migration):
        before = template.fingerprint(["shelves_of_a_test"])
        migration.write_text("first = 2")
        assert template.fingerprint(["shelves_of_a_test"]) != before

    def test_is_another_when_a_migration_is_added(self, migration):
        before = template.fingerprint(["shelves_of_a_test"])
        migration.with_name("0002_more.py").touch()
        assert template.fingerprint(["shelves_of_a_test"]) != before

    def test_is_another_when_an_app_leaves(self, migration):
        with_it, without = ["shelves_of_a_test", "oscar.config.Shop"], ["oscar.config.Shop"]
        assert template.fingerprint(with_it) != template.fingerprint(without)

    def test_is_another_in_another_environment(self, monkeypatch):
        before = template.fingerprint(["oscar.config.Shop"])
        monkeypatch.setattr(template, "distributions", list)
        assert template.fingerprint(["oscar.config.Shop"]) != before


class TestWhatIsKept:
    def test_is_made_once_however_many_ask_at_the_same_time(self):
        made = []

        def make(path):
            made.append(path)
            written(path)

        with ThreadPoolExecutor(max_workers=4) as pool:
            paths = set(pool.map(lambda _n: template.kept("loyalty_a.sqlite3", make), range(4)))
        assert [path.read_text() for path in paths] == ["made"]
        assert len(made) == 1

    def test_is_whole_or_not_there(self, folder):
        def break_off(path):
            path.write_text("half of it")
            raise RuntimeError("no more disk")

        with pytest.raises(RuntimeError, match="no more disk"):
            template.kept("loyalty_a.sqlite3", break_off)
        assert not (folder / "loyalty_a.sqlite3").exists()
        assert template.kept("loyalty_a.sqlite3", written).read_text() == "made"

    def test_are_the_last_few_of_each_kind(self, folder):
        template.kept("loyalty_a.postgres", lambda path: path.mkdir())
        for name in "abcdef":
            template.kept(f"loyalty_{name}.sqlite3", written)
        assert sorted(path.name for path in folder.glob("loyalty_*")) == [
            "loyalty_a.postgres",
            *(f"loyalty_{name}.sqlite3" for name in "cdef"),
        ]


class TestTheDatabaseOfThisRun:
    @pytest.mark.django_db
    def test_began_as_a_copy_that_has_every_migration_and_trigger(self):
        name = f"loyalty_migrated_{template.fingerprint(settings.INSTALLED_APPS)}"
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                assert cursor.fetchone()
        else:
            assert (template.ROOT / ".migrated" / f"{name}.sqlite3").exists()
        applied = MigrationRecorder(connection).applied_migrations()
        assert {("loyalty_ledger", "0001_initial"), ("order", "0001_initial")} <= set(applied)
        assert triggers.are_laid()
