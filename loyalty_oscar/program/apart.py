"""
Tables apart: for the length of a block this connection has tables of its own in place of the shop's, and nobody else
sees them.

They are temporary tables of the same names, which a database finds before the real ones. The block ends in a rollback,
so nothing that is written in it is ever there, nothing runs after its commit, and no row of the shop is locked by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connections
from django.db.models import Model

from loyalty_oscar.kernel.errors import NotAllowed

from .db import rolled_back, write_db
from .queries import remembering_apart

#: What SQLite would look for in the tables that stand apart, where other tables are not.
REFERENCE = re.compile(r' REFERENCES "[^"]+" \("[^"]+"\)(?: DEFERRABLE INITIALLY DEFERRED)?')


@contextmanager
def apart(*, empty: Iterable[type[Model]], copied: Iterable[type[Model]]) -> Iterator[None]:
    """
    Work with tables apart within the block: the `empty` ones without a row, the `copied` ones with all of theirs.

    All others are the shop's own; leave them as they are. Raises `NotAllowed` where the database can't do it.
    """
    connection = connections[write_db()]
    if connection.vendor not in MAKERS:
        raise NotAllowed(f"{connection.display_name} has no tables apart; PostgreSQL and SQLite have")
    make = MAKERS[connection.vendor]
    with rolled_back(), remembering_apart():
        make(connection, list(empty), list(copied))
        yield


def _in_postgresql(connection: Any, empty: list[type[Model]], copied: list[type[Model]]) -> None:
    quote, statements = connection.ops.quote_name, []
    for model in (*empty, *copied):
        # Made under another name first: its own is that of the real one, from which the rows come.
        table, made = quote(model._meta.db_table), quote(f"{model._meta.db_table[:50]} apart")
        statements.append(f"CREATE TEMPORARY TABLE {made} (LIKE {table} INCLUDING ALL) ON COMMIT DROP")
        if model in copied:
            statements.append(f"INSERT INTO {made} SELECT * FROM {table}")
        statements.append(f"ALTER TABLE {made} RENAME TO {table}")
    statements += connection.ops.sequence_reset_sql(no_style(), copied)
    with connection.cursor() as cursor:
        cursor.execute(";\n".join(statement.rstrip(";") for statement in statements))


def _in_sqlite(connection: Any, empty: list[type[Model]], copied: list[type[Model]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, type, sql FROM main.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        told = cursor.fetchall()
        tables = {name: sql for name, sort, sql in told if sort == "table"}
        for model in (*empty, *copied):
            table = model._meta.db_table
            cursor.execute(REFERENCE.sub("", tables[table]).replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
            if model in copied:
                cursor.execute(f'INSERT INTO temp."{table}" SELECT * FROM main."{table}"')
        apart = {model._meta.db_table for model in (*empty, *copied)}
        for table, sort, sql in told:
            if sort == "index" and table in apart:
                cursor.execute(re.sub(r'INDEX "', 'INDEX temp."', sql, count=1))


MAKERS: Mapping[str, Callable[[Any, list[type[Model]], list[type[Model]]], None]] = {
    "postgresql": _in_postgresql,
    "sqlite": _in_sqlite,
}
