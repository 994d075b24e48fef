"""
After a test that commits: what it left behind is deleted, where Django would truncate every table there is.

Truncating 145 tables, and then making content types and permissions anew, costs more than many a test. Only what
pytest-django runs is emptied like this; a `TransactionTestCase` that a host wrote flushes as Django does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connection
from django.db.models import Count, Max
from django.test import TransactionTestCase

#: What `migrate` itself fills, so that no test begins without it.
FILLED = {model._meta.db_table for model in (ContentType, Permission, Site)}


def filled() -> list[Any]:
    """What stands in the tables that `migrate` fills."""
    found = [model.objects.aggregate(Count("pk"), Max("pk")) for model in (ContentType, Permission)]
    return [*found, *Site.objects.order_by("pk").values_list("pk", "domain", "name")]


def empty() -> None:
    """Delete every row but those that `migrate` makes. Needs a PostgreSQL whose role may switch triggers off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND pg_relation_size(oid) > 0 AND relname <> 'django_migrations'"
        )
        names = sorted({name for (name,) in cursor.fetchall()} - FILLED)
        deletions = " ".join(f'DELETE FROM "{name}";' for name in names)
        # As a replica it asks no foreign key and no trigger, so that no order of the tables matters.
        cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {deletions} COMMIT")


def is_possible() -> bool:
    """Whether the tests' database can be emptied like this."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return cursor.fetchone()[0]


@contextmanager
def instead_of_flushing() -> Iterator[None]:
    """Empty after each test of pytest-django's that commits, unless it changed what `migrate` fills."""
    plain, known = TransactionTestCase._fixture_teardown, filled()

    def teardown(self: TransactionTestCase) -> None:
        nonlocal known
        if type(self).__module__ == "pytest_django.fixtures" and not self.available_apps and filled() == known:
            empty()
        else:
            plain(self)
            known = filled()

    with pytest.MonkeyPatch.context() as patch:
        if is_possible():
            patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield
