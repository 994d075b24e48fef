"""Tables of figures, each once: a page shows them in words, a file has them as bare numbers. Those of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import end_of_month
from loyalty_oscar.kernel.rounding import half_up, to_major
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import amount, rate_of, worth

from .queries import Due, FlowMonth, GivenRow, Outstanding


class Sort(StrEnum):
    """
    What the cells of a column are. In a `MONTH` stand its first and last day, in a `DAY` one, in a `WORTH` the points,
    in `MONEY` minor units of the program's currency, in a `SHARE` a fraction (None: not enough data), in `ANY` a sort
    of its own and what that has.
    """

    TEXT = "text"
    MONTH = "month"
    DAY = "day"
    NUMBER = "number"
    POINTS = "points"
    WORTH = "worth"
    MONEY = "money"
    SHARE = "share"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what stands above it, what its cells are, and of which `unit`, where not of that of its table."""

    label: str
    sort: Sort = Sort.POINTS
    unit: Unit | None = None

    @property
    def is_number(self) -> bool:
        """Whether its cells are numbers."""
        return self.sort not in (Sort.TEXT, Sort.MONTH, Sort.DAY)


@dataclass(frozen=True, kw_only=True, slots=True)
class FiguresTable:
    """Rows of cells, and the sums below them where there are any. `name` is that of its file."""

    name: str
    title: str
    unit: Unit
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    sums: Sequence[Any] = ()

    @property
    def told(self) -> list[int]:
        """The places of the columns that tell something: what money is worth stands beside it already."""
        return [
            place
            for place, column in enumerate(self.columns)
            if column.sort != Sort.WORTH or not self._unit_of(column).is_money
        ]

    def shown(self) -> list[list[tuple[str, bool]]]:
        """Return the rows in words, each cell with whether it is a number."""
        return [self._in_words(row) for row in self.rows]

    def shown_sums(self) -> list[tuple[str, bool]]:
        """Return the sums in words."""
        return self._in_words(self.sums) if self.rows else []

    def heads(self) -> list[tuple[str, bool]]:
        """Return what stands above the columns, each with whether it stands above numbers."""
        return [(self.columns[place].label, self.columns[place].is_number) for place in self.told]

    def lines(self) -> Iterator[list[Any]]:
        """Yield the lines of its file: heads with their currency, then the rows with bare numbers; no sums."""
        columns = [(self.columns[place], place) for place in self.told]
        yield [self._bare_head(column) for column, _place in columns]
        for row in self.rows:
            yield [BARE[column.sort](self._unit_of(column), row[place]) for column, place in columns]

    def _bare_head(self, column: Column) -> str:
        unit = self._unit_of(column)
        rate = rate_of(unit=unit) if column.sort == Sort.WORTH else None
        counted_in = {
            Sort.WORTH: rate.currency if rate else "",
            Sort.POINTS: unit.program.currency if unit.is_money else "",
            Sort.MONEY: unit.program.currency,
            Sort.SHARE: "%",
        }.get(column.sort)
        return f"{column.label} ({counted_in})" if counted_in else column.label

    def _unit_of(self, column: Column) -> Unit:
        return column.unit or self.unit

    def _in_words(self, row: Sequence[Any]) -> list[tuple[str, bool]]:
        columns = ((self.columns[place], row[place]) for place in self.told)
        return [(SHOWN[column.sort](self._unit_of(column), cell), column.is_number) for column, cell in columns]


def _month(unit: Unit, days: tuple[date, date] | str) -> str:
    if isinstance(days, str):
        return days
    first, last = days
    is_whole = first.day == 1 and last == end_of_month(day=first)
    return words.month(first) if is_whole else _days(first, last)


def _days(first: date, last: date) -> str:
    told = {"first": words.day(first, zone="UTC", year=False), "last": words.day(last, zone="UTC")}
    return pgettext("loyalty", "%(first)s to %(last)s") % told if first != last else told["last"]


def _bare_points(unit: Unit, points: Any) -> int | Decimal | str:
    if not unit.is_money or points == "":
        return points
    return to_major(minor=points, exponent=money.exponent(currency=unit.program.currency))


def _bare_worth(unit: Unit, points: Any) -> Decimal | str:
    found = None if points == "" else amount(unit=unit, points=points)
    return "" if found is None else found


def _bare_money(unit: Unit, minor: Any) -> Decimal | str:
    return "" if minor == "" else to_major(minor=minor, exponent=money.exponent(currency=unit.program.currency))


def share(part: Fraction | None, *, places: int = 2) -> str:
    """Return a share as a percentage in words; None is not enough data."""
    if part is None:
        return pgettext("loyalty", "Not enough data")
    told = money.number(_percent(part), places=places)
    return pgettext("loyalty", "%(number)s\u00a0%%") % {"number": told}


def _percent(part: Fraction) -> Decimal:
    return to_major(minor=half_up(exact=part * 10_000), exponent=2)


def _unless_empty(show: Callable[[Unit, Any], str]) -> Callable[[Unit, Any], str]:
    return lambda unit, cell: "" if cell == "" else show(unit, cell)


SHOWN: Mapping[Sort, Callable[[Unit, Any], str]] = {
    Sort.TEXT: lambda unit, cell: str(cell),
    Sort.MONTH: _month,
    Sort.DAY: _unless_empty(lambda unit, cell: words.day(cell, zone="UTC")),
    Sort.NUMBER: _unless_empty(lambda unit, cell: money.number(cell)),
    Sort.POINTS: _unless_empty(lambda unit, cell: words.number(unit=unit, points=cell)),
    Sort.WORTH: _unless_empty(lambda unit, cell: worth(unit=unit, points=cell)),
    Sort.MONEY: _unless_empty(lambda unit, cell: money.in_words(minor=cell, currency=unit.program.currency)),
    Sort.SHARE: _unless_empty(lambda unit, cell: share(cell)),
    Sort.ANY: lambda unit, cell: SHOWN[cell[0]](unit, cell[1]),
}
BARE: Mapping[Sort, Callable[[Unit, Any], Any]] = {
    Sort.TEXT: lambda unit, cell: cell,
    Sort.MONTH: lambda unit, cell: cell if isinstance(cell, str) else f"{cell[0]:%Y-%m}",
    Sort.DAY: lambda unit, cell: f"{cell}",
    Sort.NUMBER: lambda unit, cell: cell,
    Sort.POINTS: _bare_points,
    Sort.WORTH: _bare_worth,
    Sort.MONEY: _bare_money,
    Sort.SHARE: lambda unit, cell: "" if cell in ("", None) else _percent(cell),
    Sort.ANY: lambda unit, cell: BARE[cell[0]](unit, cell[1]),
}
#: The columns of what points did: the flow, its label, whether it is shown the other way round, and whether always.
FLOWS = (
    (Flow.GIVEN, pgettext_lazy("loyalty", "Given"), 1, True),
    (Flow.IMPORTED, pgettext_lazy("loyalty", "Imported"), 1, False),
    (Flow.USED, pgettext_lazy("loyalty", "Used"), -1, True),
    (Flow.BACK, pgettext_lazy("loyalty", "Taken back"), -1, True),
    (Flow.OUT, pgettext_lazy("loyalty", "Run out"), -1, True),
    (Flow.BY_HAND, pgettext_lazy("loyalty", "By hand"), 1, True),
    (Flow.BETWEEN, pgettext_lazy("loyalty", "Between members"), 1, False),
)


def sums_of(rows: Sequence[Sequence[Any]], first: int, last: int) -> list[int]:
    """Return the sums of the columns from one to another, both included."""
    return [sum(row[number] for row in rows) for number in range(first, last + 1)]


def by_month(*, unit: Unit, months: Sequence[FlowMonth]) -> FiguresTable:
    """Return what points did, month by month, and what was owed at the end of each."""
    flows = [row for row in FLOWS if row[3] or any(month.flows.get(row[0]) for month in months)]
    owes = any(month.end.debt for month in months)
    rows = [
        [
            (month.first, month.last),
            *(sign * month.flows.get(flow, 0) for flow, _label, sign, _always in flows),
            month.end.points,
            month.end.points,
            *([month.end.debt] if owes else []),
        ]
        for month in months
    ]
    sums = sums_of(rows, 1, len(flows))
    end: list[Any] = ["", "", *([""] if owes else [])]
    return FiguresTable(
        name="months",
        title=pgettext("loyalty", "By month"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Month"), Sort.MONTH),
            *(Column(str(label)) for _flow, label, _sign, _always in flows),
            Column(pgettext("loyalty", "Owed at the end")),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
            *([Column(pgettext("loyalty", "To make up"))] if owes else []),
        ],
        rows=rows,
        sums=[pgettext("loyalty", "In all"), *sums, *end],
    )


def by_giver(*, unit: Unit, rows: Iterable[GivenRow]) -> FiguresTable:
    """Return what gave points, thing by thing."""
    cells = [[row.title, row.name, row.times, row.plus, row.minus, row.net, row.net, row.members] for row in rows]
    sums = sums_of(cells, 2, 6)
    return FiguresTable(
        name="givers",
        title=pgettext("loyalty", "By source"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Kind"), Sort.TEXT),
            Column(pgettext("loyalty", "What"), Sort.TEXT),
            Column(pgettext("loyalty", "Times"), Sort.NUMBER),
            Column(pgettext("loyalty", "Given")),
            Column(pgettext("loyalty", "Taken back")),
            Column(pgettext("loyalty", "Stays")),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
            Column(pgettext("loyalty", "Members"), Sort.NUMBER),
        ],
        rows=cells,
        sums=[pgettext("loyalty", "In all"), "", *sums, ""],
    )


def owed(*, unit: Unit, stock: Outstanding) -> FiguresTable:
    """Return what the shop owes, in parts, and what members owe."""
    parts = [
        (pgettext("loyalty", "Ready"), stock.available),
        (pgettext("loyalty", "Set aside for baskets"), stock.reserved),
        (pgettext("loyalty", "On the way"), stock.pending),
        (pgettext("loyalty", "Owed together"), stock.points),
        (pgettext("loyalty", "Members have to make up"), stock.debt),
    ]
    return FiguresTable(
        name="owed",
        title=pgettext("loyalty", "Owed"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "What"), Sort.TEXT),
            Column(words.title(unit=unit)),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
        ],
        rows=[[label, points, points] for label, points in parts],
    )


def due(*, unit: Unit, rows: Iterable[Due]) -> FiguresTable:
    """Return what members have now, by the month in which it runs out."""
    never = pgettext("loyalty", "No date yet, or never")
    cells = [
        [
            (row.first, end_of_month(day=row.first)) if row.first else never,
            row.ready,
            row.ready,
            row.pending,
            row.pending,
        ]
        for row in rows
    ]
    sums = sums_of(cells, 1, 4)
    return FiguresTable(
        name="due",
        title=pgettext("loyalty", "Owed now, by the month in which it runs out"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Runs out in"), Sort.MONTH),
            Column(pgettext("loyalty", "Ready")),
            Column(pgettext("loyalty", "Ready: worth today"), Sort.WORTH),
            Column(pgettext("loyalty", "On the way")),
            Column(pgettext("loyalty", "On the way: worth today"), Sort.WORTH),
        ],
        rows=cells,
        sums=[pgettext("loyalty", "In all"), *sums],
    )
