"""Tables as CSV files that spreadsheets open: one way to write them, in which no text becomes a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import StreamingHttpResponse

#: A spreadsheet takes a text that begins with one of these, the wide ones in Japan, for a formula; people choose names.
FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
NUMBERS = (int, Decimal)


class _Line:
    """A file that keeps nothing: what is written is what `writerow` answers."""

    def write(self, text: str) -> str:
        return text


def as_csv(*, rows: Iterable[Sequence[Any]], name: str) -> StreamingHttpResponse:
    """
    Return rows, the heads of the columns first, as a file of a name, row by row as they come.

    Numbers (`int`, `Decimal`) stand as they are, without groups; every other cell is a text.
    """
    answer = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    for number, row in enumerate(rows):
        line = writer.writerow([_safe(cell) for cell in row])
        # By this mark spreadsheets know that letters beyond English are UTF-8.
        yield line if number else f"\ufeff{line}"


def _safe(cell: Any) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULAS) and not isinstance(cell, NUMBERS) else text
