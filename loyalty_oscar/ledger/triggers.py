"""
Entry and LotMove are append-only, and the database says so.

The triggers are laid after every migrate (SQLite drops them when a table is remade), again and again
without harm. An empty table may be truncated, so that a host's `TransactionTestCase` can flush;
`loyalty_oscar.testing.allow_purge` opens the guard where rows exist.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connections, transaction

from .models import Entry, LotMove

logger = logging.getLogger("loyalty_oscar")
MESSAGE = "loyalty: this table is append-only; reverse an entry instead"

POSTGRES = """
CREATE OR REPLACE FUNCTION loyalty_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE filled boolean := true;
BEGIN
  IF current_setting('loyalty.allow_purge', true) = 'on' THEN
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I.%I)', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO filled;
    IF NOT filled THEN RETURN NULL; END IF;
  END IF;
  RAISE EXCEPTION '{message}';
END $$;
"""
POSTGRES_TABLE = """
DROP TRIGGER IF EXISTS {table}_rows ON {table};
CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION loyalty_append_only();
DROP TRIGGER IF EXISTS {table}_truncate ON {table};
CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION loyalty_append_only();
"""


def statements(*, vendor: str) -> list[str]:
    """Return the SQL that lays the triggers on one kind of database; nothing for kinds not covered yet."""
    tables = [Entry._meta.db_table, LotMove._meta.db_table]
    if vendor == "postgresql":
        return [POSTGRES.format(message=MESSAGE), *(POSTGRES_TABLE.format(table=table) for table in tables)]
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            for table in tables
            for verb in ("UPDATE", "DELETE")
        ]
    return []


def removal(*, vendor: str) -> list[str]:
    """Return the SQL that takes the triggers away again."""
    tables = [Entry._meta.db_table, LotMove._meta.db_table]
    if vendor == "postgresql":
        return ["DROP FUNCTION IF EXISTS loyalty_append_only() CASCADE"]
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {table}_{verb}" for table in tables for verb in ("update", "delete")]
    return []


def lay(*, using: str = "default", **kwargs: Any) -> None:
    """Lay the triggers (after migrate). Without the right to do so it is logged, and the doctor says so."""
    connection = connections[using]
    if Entry._meta.db_table not in connection.introspection.table_names():
        return
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in statements(vendor=connection.vendor):
                cursor.execute(statement)
    except DatabaseError as error:
        logger.warning("the ledger's append-only triggers could not be laid: %s", error)


def are_laid(*, using: str = "default") -> bool:
    """Return whether the database refuses changes of the ledger's rows."""
    connection = connections[using]
    names = {
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'loyalty_ledger_%%' AND NOT tgisinternal",
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'loyalty_ledger_%%'",
    }
    if connection.vendor not in names:
        return False
    with connection.cursor() as cursor:
        cursor.execute(names[connection.vendor])
        return cursor.fetchone()[0] >= 4
