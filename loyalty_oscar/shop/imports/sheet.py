"""A file as rows of cells: encoding, columns, lengths."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.utils.translation import pgettext

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program.csv_files import FORMULAS


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What a file may have: columns that `must` be there, `one_of` some, and others that `may`."""

    must: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read, in the order in which a person expects them."""
        return (*self.one_of, *self.must, *self.may)


#: Of balances that are brought along.
BALANCES = Columns(one_of=("email", "user"), must=("points",), may=("expires", "reference"))


class BadFile(LoyaltyError):
    """A file that cannot be imported; `errors` says why, row by row."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(errors[0])
        self.errors = errors


def name_of(*, content: bytes) -> str:
    """Return 16 characters that stand for a file in every key of its entries: the same file counts once."""
    return hashlib.sha256(content).hexdigest()[:16]


def cells(*, content: bytes, columns: Columns = BALANCES) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row that is not empty, with its line number; the first line names the columns."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        said = pgettext("loyalty", "row %(row)d: this is not UTF-8; save the file as “CSV UTF-8”")
        raise BadFile([said % {"row": line}]) from error
    if "\0" in text:
        raise BadFile([pgettext("loyalty", "this is no text file; save the sheet as “CSV UTF-8”")])
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        said = pgettext("loyalty", "row %(row)d: %(error)s")
        raise BadFile([said % {"row": reader.line_num, "error": error}]) from error
    names = [name.lower() for name in lines[0][1]] if lines else []
    if wrong := _wrong_columns(names, columns):
        raise BadFile(wrong)
    if len(lines) < 2:
        raise BadFile([pgettext("loyalty", "there is no row under the names of the columns")])
    for number, row in lines[1:]:
        if not any(row):
            continue
        if len(row) != len(names):
            said = pgettext("loyalty", "row %(row)d: %(cells)d cells, but there are %(columns)d columns")
            raise BadFile([said % {"row": number, "cells": len(row), "columns": len(names)}])
        yield number, dict(zip(names, row, strict=True))


def _wrong_columns(names: Collection[str], columns: Columns) -> list[str]:
    unknown = pgettext("loyalty", "row 1: there is no column “%(name)s” to read; there are: %(names)s")
    found = [
        unknown % {"name": name[:40], "names": ", ".join(columns.all)} for name in names if name not in columns.all
    ]
    twice = pgettext("loyalty", "row 1: the column “%(name)s” comes twice")
    found += [twice % {"name": name[:40]} for name, times in Counter(names).items() if times > 1]
    missing = pgettext("loyalty", "row 1: the column %(name)s is missing")
    found += [missing % {"name": name} for name in columns.must if name not in names]
    if columns.one_of and len(set(columns.one_of) & set(names)) != 1:
        found.append(pgettext("loyalty", "row 1: one column says who it is: email or user"))
    return found


def is_formula(cell: str) -> bool:
    """Return whether a cell is what a spreadsheet would work out: nobody types it as a value."""
    return cell.startswith(FORMULAS)
