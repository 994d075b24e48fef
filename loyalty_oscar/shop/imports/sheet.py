"""A file as rows of cells: encoding, columns, lengths."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator

from loyalty_oscar.kernel.errors import LoyaltyError

WHO = ("email", "user")
COLUMNS = (*WHO, "points", "expires", "reference")


class BadFile(LoyaltyError):
    """A file that cannot be imported; `errors` says why, row by row."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(errors[0])
        self.errors = errors


def name_of(*, content: bytes) -> str:
    """Return 16 characters that stand for a file in every key of its entries: the same file counts once."""
    return hashlib.sha256(content).hexdigest()[:16]


def cells(*, content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row that is not empty, with its line number; the first line names the columns."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadFile([f"row {line}: this is not UTF-8; save the file as “CSV UTF-8”"]) from error
    if "\0" in text:
        raise BadFile(["this is no text file; save the sheet as “CSV UTF-8”"])
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise BadFile([f"row {reader.line_num}: {error}"]) from error
    columns = [name.lower() for name in lines[0][1]] if lines else []
    if wrong := _wrong_columns(columns):
        raise BadFile(wrong)
    if len(lines) < 2:
        raise BadFile(["there is no row under the names of the columns"])
    for number, row in lines[1:]:
        if not any(row):
            continue
        if len(row) != len(columns):
            raise BadFile([f"row {number}: {len(row)} cells, but there are {len(columns)} columns"])
        yield number, dict(zip(columns, row, strict=True))


def _wrong_columns(columns: list[str]) -> list[str]:
    found = [f"row 1: there is no column {name!r} to read; there are: {', '.join(COLUMNS)}"
             for name in columns if name not in COLUMNS]  # fmt: skip
    found += [f"row 1: the column {name!r} comes twice" for name, times in Counter(columns).items() if times > 1]
    if "points" not in columns:
        found.append("row 1: the column points is missing")
    if len(set(WHO) & set(columns)) != 1:
        found.append("row 1: one column says who it is: email or user")
    return found
