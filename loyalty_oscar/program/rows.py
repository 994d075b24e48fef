"""
One way to write many rows, for all who do: welcomes, sweeps, imports, maturing, expiry.

On PostgreSQL a column travels as one array, or as one value where all rows have the same, so that a thousand rows are
as many parameters as one; elsewhere Django inserts plainly. Constraints, triggers and keys are the table's own and
refuse what they always do.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction
from django.db.models import AutoField, BooleanField, Field, Model, Q, QuerySet
from django.db.models.expressions import RawSQL

from .db import write_db

#: Rows of one statement.
TOGETHER = 1000
#: Stands where a statement that is kept has a place for a key of this type.
NO_KEYS: Mapping[type, Any] = {int: -7_316_845_201, str: "no key: -7316845201"}
Row = TypeVar("Row", bound=Model)
#: Columns of one table, each by its attribute (`account_id`), with a value for each row.
Columns = Mapping[str, Sequence[Any]]


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
    features = connections[db].features
    if not _takes_arrays():
        objects, target = model._base_manager.using(db), [unique]
        if over and features.supports_update_conflicts_with_target:
            objects.bulk_create(found, TOGETHER, update_conflicts=True, update_fields=over, unique_fields=target)
        elif over:
            objects.bulk_create(found, TOGETHER, update_conflicts=True, update_fields=over)
        else:
            objects.bulk_create(found, TOGETHER, ignore_conflicts=skip)
        return
    with transaction.atomic(using=db, savepoint=False):
        for is_numbered in (True, False):
            some = [row for row in found if (row.pk is not None) == is_numbered]
            names = _names(model, db, is_numbered)
            for start in range(0, len(some), TOGETHER):
                part = some[start : start + TOGETHER]
                keys = _insert(model, _columns_of(model, db, names, part), tuple(over), unique, skip)
                for row, key in zip(part, keys, strict=False):
                    row.pk = key
    for row in found:
        row._state.db, row._state.adding = db, False


def write_columns(*, model: type[Model], columns: Columns) -> list[Any]:
    """
    Insert rows that are given as columns, and return their primary keys: `write_rows` without an object a row.

    What is not given has its field's default.
    """
    db, number = write_db(), len(next(iter(columns.values())))
    if not _takes_arrays():
        rows = rows_of(model=model, columns=columns)
        write_rows(rows=rows)
        return [row.pk for row in rows]
    known = _columns(model, db)
    whole = {
        name: columns.get(name) or [known[name].field.get_default() for _ in range(number)]
        for name in _names(model, db, False)
    }
    keys: list[Any] = []
    with transaction.atomic(using=db, savepoint=False):
        for start in range(0, number, TOGETHER):
            keys += _insert(model, {name: whole[name][start : start + TOGETHER] for name in whole}, (), "id", False)
    return keys


def rows_of(*, model: type[Row], columns: Columns) -> list[Row]:
    """Return objects for rows that are given as columns."""
    return [model(**dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]


def write_fields(*, rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Save these fields of rows that are there, one statement a thousand; no signals are sent."""
    db = write_db()
    if rows and not _takes_arrays():
        if len(rows) == 1:
            rows[0].save(using=db, update_fields=fields)
        else:
            write_rows(rows=rows, over=fields)
        return
    for start in range(0, len(rows), TOGETHER):
        part = rows[start : start + TOGETHER]
        model, meta = type(part[0]), part[0]._meta
        found: list[Any] = [meta.pk, *map(meta.get_field, fields)]
        names = [field.attname for field in found]
        columns = _columns_of(model, db, names, part)
        sent, values = _sent(model, db, columns)
        with connections[db].cursor() as cursor:
            cursor.execute(_update(model, db, tuple(columns), sent), values)
            if cursor.rowcount != len(part):
                raise DatabaseError(f"{len(part)} rows of {meta.label} were to be saved, {cursor.rowcount} were")


def find_row(*, model: type[Row], is_locked: bool = False, **values: Any) -> Row | None:
    """
    Return the row with these values of a unique key, locked if it is to be, or None.

    The statement is put together once: for a row that every award reads, that took longer than asking.
    """
    db = write_db()
    sql = _question(model, db, tuple(values), is_locked)
    return next(iter(model._base_manager.using(db).raw(sql, list(values.values()))), None)


@lru_cache(maxsize=200)
def _question(model: type[Model], db: str, names: tuple[str, ...], is_locked: bool) -> str:
    rows = model._base_manager.using(db).filter(**dict.fromkeys(names, 0))
    compiler = (rows.select_for_update() if is_locked else rows).query.get_compiler(db)
    return str(compiler.as_sql()[0])


def find_rows(*, rows: QuerySet[Any], column: str, keys: Sequence[Any]) -> list[Any]:
    """
    Return those of `rows`, a queryset that its caller keeps, whose column has one of these keys.

    For a single key, as where one order was placed, the statement is put together once and kept with the queryset: that
    took three times as long as asking.
    """
    # A database may write keys of other types, such as UUIDs, in a way of its own.
    no_key = NO_KEYS.get(type(keys[0])) if len(keys) == 1 else None
    kept = _kept(rows, column, no_key) if no_key else None
    if kept is None:
        return list(rows.filter(**{f"{column}__in": list(keys)}))
    found = rows.all()
    # The queryset makes of the answer what it always does.
    found.query.get_compiler = partial(_filled, kept, keys[0], rows.db)  # type: ignore[method-assign]
    return list(found)


@lru_cache(maxsize=100)
def _kept(rows: QuerySet[Any], column: str, no_key: Any) -> tuple[Any, str, tuple[Any, ...], int] | None:
    """Return a statement with a place for one key: compiler, SQL, parameters and which of them it is; None without."""
    try:
        compiler = rows.filter(**{f"{column}__in": [no_key]}).query.get_compiler(rows.db)
    except (ValidationError, ValueError):
        return None  # A text that stands for a key of another type, such as a UUID.
    sql, parameters = compiler.as_sql()
    places = [place for place, value in enumerate(parameters) if value == no_key]
    return (compiler, str(sql), tuple(parameters), places[0]) if len(places) == 1 else None


def _filled(kept: tuple[Any, str, tuple[Any, ...], int], key: Any, db: str, *_args: Any, **_kwargs: Any) -> Any:
    """Return the compiler of a statement that is kept, with a key in its place and this thread's connection."""
    compiler, sql, parameters, place = kept
    found = copy.copy(compiler)
    found.connection = connections[db]
    found.as_sql = lambda *_args, **_kwargs: (sql, (*parameters[:place], key, *parameters[place + 1 :]))
    return found


def among(*, model: type[Model], **columns: Sequence[Any]) -> Any:
    """
    Return the condition that a row has one of these tuples of values in its columns, for `filter`.

    Where no arrays can travel, each of them among its values: the caller looks at the pairs.
    """
    if not _takes_arrays():
        return Q(**{f"{name}__in": list(values) for name, values in columns.items()})
    db = write_db()
    table = connections[db].ops.quote_name(model._meta.db_table)
    found = [(_columns(model, db)[name], list(values)) for name, values in columns.items()]
    names = ", ".join(f"{table}.{column.name}" for column, _values in found)
    arrays = ", ".join(f"%s::{column.type}[]" for column, _values in found)
    sql = f"({names}) IN (SELECT * FROM unnest({arrays}))"
    return RawSQL(sql, [column.array(values) for column, values in found], output_field=BooleanField())


def _takes_arrays() -> bool:
    return connections[write_db()].vendor == "postgresql"


class _Column:
    """How the values of one column are found and written."""

    def __init__(self, field: Any, connection: Any) -> None:
        last = field
        while last.remote_field:
            # A foreign key holds values of the field that it refers to.
            last = last.target_field
        kind = last.get_internal_type()
        type_ = str(last.rel_db_type(connection) or "text")
        self.field = field
        self.name = connection.ops.quote_name(field.column)
        # A cast to varchar(60) would cut a longer text short; the column refuses it.
        self.type = "text" if type_.startswith(("varchar", "char")) else type_
        self.is_json, self.is_bare = kind == "JSONField", kind in BARE
        self.text = _encoded(last) if self.is_json else WRITTEN.get(kind) or _prepared(last)

    def values(self, rows: Sequence[Model]) -> list[Any]:
        """Return what these rows have in this column."""
        if self.field.remote_field:
            return [_key_of(self.field, row) for row in rows]
        if type(self.field).pre_save is Field.pre_save:
            return list(map(attrgetter(self.field.attname), rows))
        return [self.field.pre_save(row, True) for row in rows]

    def are_one(self, values: Sequence[Any]) -> bool:
        """Return whether one value stands for all. In JSON 1 and true are two things, though they are equal here."""
        return len(values) == 1 or (not self.is_json and values.count(values[0]) == len(values))

    def single(self, value: Any) -> str | None:
        """Return one value as PostgreSQL reads it."""
        return None if value is None else self.text(value)

    def array(self, values: Sequence[Any]) -> str:
        """Return values as PostgreSQL reads an array."""
        text = self.text
        if self.is_bare:
            return "{" + ",".join(["NULL" if value is None else text(value) for value in values]) + "}"
        return "{" + ",".join(["NULL" if value is None else _quoted(text(value)) for value in values]) + "}"


@lru_cache(maxsize=200)
def _columns(model: type[Model], db: str) -> dict[str, _Column]:
    return {field.attname: _Column(field, connections[db]) for field in model._meta.concrete_fields}


@lru_cache(maxsize=200)
def _names(model: type[Model], db: str, is_numbered: bool) -> tuple[str, ...]:
    """Return the columns that an INSERT names."""
    known = _columns(model, db)
    return tuple(name for name in known if is_numbered or not isinstance(known[name].field, AutoField))


def _columns_of(model: type[Model], db: str, names: Iterable[str], rows: Sequence[Model]) -> dict[str, list[Any]]:
    known = _columns(model, db)
    return {name: known[name].values(rows) for name in names}


def _insert(model: type[Model], columns: Columns, over: tuple[str, ...], unique: str, skip: bool) -> list[Any]:
    """Insert some rows; returns the primary keys that the database gave them."""
    db = write_db()
    sent, values = _sent(model, db, columns)
    with connections[db].cursor() as cursor:
        cursor.execute(_insertion(model, db, tuple(columns), sent, over, unique, skip), values)
        return [key for (key,) in cursor.fetchall()] if cursor.description else []


def _sent(model: type[Model], db: str, columns: Columns) -> tuple[tuple[bool, ...], list[Any]]:
    """Return which of these columns travel as arrays, and the parameters: first the single values, then the arrays."""
    known = _columns(model, db)
    singles: list[Any] = []
    arrays: list[Any] = []
    sent: list[bool] = []
    for name, values in columns.items():
        # The first column says how many rows there are.
        is_array = not sent or not known[name].are_one(values)
        sent.append(is_array)
        if is_array:
            arrays.append(known[name].array(values))
        else:
            singles.append(known[name].single(values[0]))
    return tuple(sent), [*singles, *arrays]


@lru_cache(maxsize=500)
def _insertion(
    model: type[Model], db: str, names: tuple[str, ...], sent: tuple[bool, ...], over: tuple[str, ...], unique: str,
    skip: bool,
) -> str:  # fmt: skip
    quote, meta, known = connections[db].ops.quote_name, model._meta, _columns(model, db)
    each, source = _source([known[name] for name in names], sent)
    columns = ", ".join(known[name].name for name in names)
    sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) SELECT {', '.join(each)} FROM {source}"
    if over:
        found: list[Any] = [meta.get_field(name) for name in (unique, *over)]
        target, *written = [quote(field.column) for field in found]
        return f"{sql} ON CONFLICT ({target}) DO UPDATE SET {', '.join(f'{one} = EXCLUDED.{one}' for one in written)}"
    if skip:
        return f"{sql} ON CONFLICT DO NOTHING"
    key = meta.pk.attname
    return sql if key in names else f"{sql} RETURNING {known[key].name}"


@lru_cache(maxsize=500)
def _update(model: type[Model], db: str, names: tuple[str, ...], sent: tuple[bool, ...]) -> str:
    columns = [_columns(model, db)[name] for name in names]
    (key, *each), source = _source(columns, sent)
    written = ", ".join(f"{column.name} = {value}" for column, value in zip(columns[1:], each, strict=True))
    table = connections[db].ops.quote_name(model._meta.db_table)
    return f"UPDATE {table} SET {written} FROM {source} WHERE {table}.{columns[0].name} = {key}"


def _source(columns: Sequence[_Column], sent: Sequence[bool]) -> tuple[list[str], str]:
    """Return what stands for each column in a statement, and the source of the rows; `sent` says which are arrays."""
    each = [
        f"sent.{column.name}" if is_array else f"%s::{column.type}"
        for column, is_array in zip(columns, sent, strict=True)
    ]
    arrays = [column for column, is_array in zip(columns, sent, strict=True) if is_array]
    types, names = ", ".join(f"%s::{one.type}[]" for one in arrays), ", ".join(one.name for one in arrays)
    return each, f"unnest({types}) AS sent({names})"


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


def _encoded(field: Any) -> Callable[[Any], str]:
    encode: Callable[[Any], str] = (field.encoder or json.JSONEncoder)().encode
    return encode


def _prepared(field: Any) -> Callable[[Any], str]:
    return lambda value: str(field.get_prep_value(value))


def _number(value: Any) -> str:
    return str(int(value))


def _flag(value: Any) -> str:
    return "t" if value else "f"


def _binary(value: Any) -> str:
    return rf"\x{bytes(value).hex()}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


INTEGERS = (
    *("SmallIntegerField", "IntegerField", "BigIntegerField", "SmallAutoField", "AutoField", "BigAutoField"),
    *("PositiveSmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"),
)
#: How values of a kind of field are written, those first that need no quotes in an array. Others as Django prepares.
BARE: dict[str, Callable[[Any], str]] = {**dict.fromkeys(INTEGERS, _number), "BooleanField": _flag}
WRITTEN: dict[str, Callable[[Any], str]] = {
    **BARE,
    "BinaryField": _binary,
    "CharField": str,
    "TextField": str,
    "SlugField": str,
}
