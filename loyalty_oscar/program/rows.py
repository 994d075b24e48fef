"""
One way to write many rows, for all who do: welcomes, sweeps, imports, maturing, expiry.

On PostgreSQL a column travels as one array, so that a thousand rows are as many parameters as one; elsewhere Django
inserts plainly. Constraints, triggers and keys are the table's own and refuse what they always do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.db import connections, transaction
from django.db.models import AutoField, Field, Model

from .db import write_db

#: Rows of one statement.
TOGETHER = 1000


def write_rows(*, rows: Iterable[Model], over: Sequence[str] = (), unique: str = "id", skip: bool = False) -> None:
    """
    Insert rows of one table, in their order, and give them their primary keys; a conflict rolls all of it back.

    With `over`, rows that are there already, found by `unique`, have these columns written over; with `skip` they are
    left alone. Both leave primary keys as they are. No signals are sent, as with `bulk_create`.
    """
    found = list(rows)
    if not found:
        return
    db, model = write_db(), type(found[0])
    connection = connections[db]
    if connection.vendor != "postgresql":
        target = [unique] if connection.features.supports_update_conflicts_with_target else None
        how = {"update_conflicts": True, "update_fields": over, "unique_fields": target} if over else {}
        model._base_manager.using(db).bulk_create(found, ignore_conflicts=skip, batch_size=TOGETHER, **how)
        return
    with transaction.atomic(using=db, savepoint=False), connection.cursor() as cursor:
        for is_numbered in (True, False):
            some = [row for row in found if (row.pk is not None) == is_numbered]
            for start in range(0, len(some), TOGETHER):
                _insert(cursor, some[start : start + TOGETHER], is_numbered, tuple(over), unique, skip)
    for row in found:
        row._state.db, row._state.adding = db, False


def _insert(
    cursor: Any, rows: Sequence[Model], is_numbered: bool, over: tuple[str, ...], unique: str, skip: bool
) -> None:
    model = type(rows[0])
    fields = [field for field in model._meta.concrete_fields if is_numbered or not isinstance(field, AutoField)]
    cursor.execute(
        _statement(model, write_db(), is_numbered, over, unique, skip), [_array(field, rows) for field in fields]
    )
    if not (is_numbered or over or skip):
        for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = pk


@lru_cache(maxsize=200)
def _statement(model: type[Model], db: str, is_numbered: bool, over: tuple[str, ...], unique: str, skip: bool) -> str:
    meta, connection = model._meta, connections[db]
    quote = connection.ops.quote_name
    fields = [field for field in meta.concrete_fields if is_numbered or not isinstance(field, AutoField)]
    columns = ", ".join(quote(field.column) for field in fields)
    arrays = ", ".join(f"%s::{_type(field, connection)}[]" for field in fields)
    sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) SELECT * FROM unnest({arrays})"
    if over:
        written = [quote(meta.get_field(name).column) for name in over]
        target = quote(meta.get_field(unique).column)
        return f"{sql} ON CONFLICT ({target}) DO UPDATE SET {', '.join(f'{one} = EXCLUDED.{one}' for one in written)}"
    if skip:
        return f"{sql} ON CONFLICT DO NOTHING"
    return sql if is_numbered else f"{sql} RETURNING {quote(meta.pk.column)}"


def _type(field: Field[Any, Any], connection: Any) -> str:
    # A cast to varchar(60) would cut a longer text short; the column refuses it.
    name = str(_last(field).rel_db_type(connection) or "text")
    return "text" if name.startswith(("varchar", "char")) else name


def _last(field: Any) -> Any:
    """Return the field whose values a column holds: for a foreign key, what it refers to."""
    while field.remote_field:
        field = field.target_field
    return field


def _array(field: Any, rows: Sequence[Model]) -> str:
    """Return a column of these rows as PostgreSQL writes an array."""
    if field.remote_field:
        values = [_key_of(field, row) for row in rows]
    elif type(field).pre_save is Field.pre_save:
        values = list(map(attrgetter(field.attname), rows))
    else:
        values = [field.pre_save(row, True) for row in rows]
    text = _text_of(_last(field))
    return "{" + ",".join("NULL" if value is None else text(value) for value in values) + "}"


def _key_of(field: Any, row: Model) -> Any:
    key = getattr(row, field.attname)
    if key is None and field.is_cached(row):
        # It was put there before it had a primary key of its own.
        other = field.get_cached_value(row)
        key = other and getattr(other, field.target_field.attname)
        if other and key is None:
            raise ValueError(f"{other!r} is not saved yet, so no row can refer to it")
        setattr(row, field.attname, key)
    return key


def _text_of(field: Any) -> Callable[[Any], str]:
    """Return how a value of this field stands in an array."""
    kind = field.get_internal_type()
    if "Integer" in kind or "AutoField" in kind:
        return lambda value: str(int(value))
    if kind == "BooleanField":
        return lambda value: "t" if value else "f"
    if kind in ("CharField", "TextField", "SlugField"):
        return lambda value: _quoted(value if isinstance(value, str) else str(value))
    if kind == "BinaryField":
        return lambda value: rf'"\\x{bytes(value).hex()}"'
    if kind == "JSONField":
        return lambda value: _quoted(json.dumps(value, cls=field.encoder))
    return lambda value: _quoted(str(field.get_prep_value(value)))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
