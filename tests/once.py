"""
Shops that many tests begin with: made once in a run, and written as rows in each test after the first.

What makes them goes through our own operations, with forty queries for a club, and thousands of tests begin with it.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

from django.conf import UserSettingsHolder, settings
from django.core import mail
from django.db import connection, transaction
from django.utils import translation
from pytest import MonkeyPatch

from loyalty_oscar import testing
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import forget_cache
from tests.emptying import FILLED

WRITES = re.compile(r'(?:INSERT (?:OR IGNORE )?INTO|UPDATE|DELETE FROM) "(\w+)"')
#: What stands in every database that was migrated.
MIGRATED = {*FILLED, "auth_group", "django_migrations"}
READS = ("SELECT", "SAVEPOINT", "RELEASE")
#: A setting for which a shop is told apart, and not told anew.
ADDRESSES = {"ROOT_URLCONF"}
PLAIN = (str, int, bool, type(None), Decimal, date, datetime, timedelta)


@dataclass(frozen=True)
class Told:
    """What a function wrote into empty tables, what waits for a commit, the letters that left, and what it returned."""

    tables: list[str]
    rows: list[tuple[str, list[tuple[Any, ...]]]]
    callbacks: list[tuple[Any, ...]]
    letters: list[Any]
    result: Any

    def again(self) -> Any:
        """Write it once more; returns a copy of what was returned."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                every = (connection.ops.compose_sql(sql, row) for sql, rows in self.rows for row in rows)
                cursor.execute("; ".join(every))
            else:
                for sql, rows in self.rows:
                    cursor.executemany(sql, rows)
        for _savepoints, call, is_robust in self.callbacks:
            transaction.on_commit(call, robust=is_robust)
        forget_cache()
        if self.letters:
            mail.outbox = deepcopy(self.letters)
        return deepcopy(self.result)


_told: dict[Any, Told] = {}
#: What the test that runs has patched in the code; `tests/conftest.py` puts it here.
patches = MonkeyPatch()


def once(tell: Callable[..., Any]) -> Callable[..., Any]:
    """
    Let a function that makes a shop in an empty database do so once for the same arguments, clock, language and
    addresses.

    It is called each time where the difference could matter: where a test commits, patches the code, has settings of
    its own, or wrote anything that the function would meet in its tables.
    """

    @wraps(tell)
    def told(*args: Any, **kwargs: Any) -> Any:
        is_another = own_settings() - ADDRESSES or patches._setattr or patches._setitem
        if is_another or not connection.in_atomic_block or not is_plain([args, kwargs]):
            return tell(*args, **kwargs)
        moment = clock._moved.get() or clock.now().date()
        here = moment, translation.get_language(), settings.ROOT_URLCONF
        key = (tell.__module__, tell.__qualname__, repr((args, kwargs)), *here)
        if key not in _told:
            return first(key, lambda: tell(*args, **kwargs))
        if mail.outbox or not_empty(_told[key].tables):
            return tell(*args, **kwargs)
        return _told[key].again()

    return told


def first(key: Any, tell: Callable[[], Any]) -> Any:
    """Call the function, and remember what it wrote if all of that can be told again."""
    if mail.outbox or not_empty(sorted({*connection.introspection.django_table_names()} - MIGRATED)):
        return tell()
    tables, others, before = {}, [], len(connection.run_on_commit)

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        text = str(sql).lstrip()
        if WRITES.match(text):
            tables.update(dict.fromkeys(WRITES.findall(text)))
        elif not text.startswith(READS):
            others.append(text)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        result = tell()
    if not others and not MIGRATED.intersection(tables):
        rows, waiting = [rows_of(table) for table in tables], connection.run_on_commit[before:]
        _told[key] = Told(list(tables), rows, waiting, deepcopy(mail.outbox), deepcopy(result))
    return result


def own_settings() -> set[str]:
    """The settings that are other than those of the shop in which the tests run."""
    names, holder = set(), settings._wrapped
    while isinstance(holder, UserSettingsHolder):
        names |= holder._deleted | {name for name in vars(holder) if name.isupper()}
        holder = holder.default_settings
    return names


def is_plain(value: Any) -> bool:
    """Whether a value is told apart from all others by its `repr`."""
    if isinstance(value, dict):
        return all(map(is_plain, (*value, *value.values())))
    return all(map(is_plain, value)) if isinstance(value, (list, tuple)) else isinstance(value, PLAIN)


def not_empty(tables: list[str]) -> bool:
    """Whether anything stands in any of these tables."""
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f'SELECT 1 WHERE EXISTS (SELECT 1 FROM "{table}")' for table in tables))
        return cursor.fetchone() is not None


def rows_of(table: str) -> tuple[str, list[tuple[Any, ...]]]:
    """All rows of a table, and the statement that writes one of them."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        names = ", ".join(f'"{column.name if hasattr(column, "name") else column[0]}"' for column in cursor.description)
        marks = ", ".join(["%s"] * len(cursor.description))
        return f'INSERT INTO "{table}" ({names}) VALUES ({marks})', cursor.fetchall()


#: The program in one line that the tests of a store may use.
a_program = once(testing.a_program)
