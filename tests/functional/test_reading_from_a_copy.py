"""A shop reads from a copy of its database that lags behind: what decides a write never reads there."""

import sys
from pathlib import Path

import pytest
from django.db import connections
from django.db.models.sql.compiler import SQLCompiler

import loyalty_oscar
from tests.everything import everything
from tests.house.test_write_paths import is_writing

pytestmark = pytest.mark.django_db
PACKAGE = Path(loyalty_oscar.__file__).parent
#: Whose tables are copied: ours, and of Oscar's what points follow.
COPIED = ("loyalty_", "order")


class Copy:
    """A router that sends every read to the copy for which no database was named."""

    def db_for_read(self, model, **hints):
        return "copy" if model._meta.app_label.startswith(COPIED) else None

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


def rooms(frame):
    """The files of the package through which a call came, the innermost first."""
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            yield path.relative_to(PACKAGE), frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back


@pytest.fixture
def read_there(settings, monkeypatch):
    """Where a write path read from the copy, which is the database itself here under another name."""
    found, run = set(), SQLCompiler.execute_sql

    def noted(self, *args, **kwargs):
        if self.using == "copy":
            way = list(rooms(sys._getframe(1)))
            if any(is_writing(path) for path, _line, _name in way):
                path, line, name = way[0]
                found.add(f"{path}:{line} {name} reads {self.query.model.__name__}")
        return run(self, *args, **kwargs)

    monkeypatch.setattr(SQLCompiler, "execute_sql", noted)
    monkeypatch.setattr(connections._connections, "copy", connections["default"], raising=False)
    settings.DATABASE_ROUTERS = [Copy()]
    return found


class TestAWritePath:
    def test_reads_nothing_from_the_copy_whatever_somebody_goes_through(self, read_there):
        seen = everything.__wrapped__()  # Lived anew: what happens meanwhile is looked at.
        assert len(seen.letters) > 10
        assert sorted(read_there) == []
