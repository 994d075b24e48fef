"""Goals of a program: the figure of each month from the roll-ups, the way to the target, as tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import charts
from loyalty_oscar.kernel.periods import add_months, end_of_month
from loyalty_oscar.kernel.rounding import half_up
from loyalty_oscar.program import money, words
from loyalty_oscar.program.drawing import drawn
from loyalty_oscar.program.models import Unit

from .aims import AimedWay, AimStand
from .models import Aim
from .monthly import MonthCut, Months, months_by_cut
from .pays import give_back, spent_in
from .queries import FlowMonth, months, value_of
from .tables import Column, FiguresTable, Sort, share

#: A share of an aim is in so many parts.
PARTS = 10_000
STANDS = {
    AimStand.REACHED: pgettext_lazy("loyalty", "Reached"),
    AimStand.AHEAD: pgettext_lazy("loyalty", "Ahead"),
    AimStand.BEHIND: pgettext_lazy("loyalty", "Behind"),
    AimStand.TOO_LITTLE: pgettext_lazy("loyalty", "Not enough data"),
}
SHARES = {
    Aim.Figure.RETENTION: "retention",
    Aim.Figure.KEPT: "kept_share",
    Aim.Figure.REPEAT: "repeat_rate",
    Aim.Figure.EXISTING: "existing_share",
}


def cut_of(*, aim: Aim) -> MonthCut:
    """Return how buying is looked at for a goal."""
    return MonthCut(length=aim.length, window=aim.window)


def way_of(*, aim: Aim) -> AimedWay:
    """Return the way of a goal."""
    return AimedWay(starts_on=aim.starts_on, start=aim.start, ends_on=aim.ends_on, target=aim.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class AimFigures:
    """What goals are measured by: months by how buying is looked at, what points did, and what one buys."""

    by_cut: Mapping[MonthCut, Months]
    flows: Sequence[FlowMonth]
    value: Fraction | None


def measures_of(*, unit: Unit, aims: Sequence[Aim]) -> AimFigures:
    """Return what these goals of a unit's program are measured by. One query, three more for give-back rates."""
    by_cut = months_by_cut(program=unit.program, cuts={cut_of(aim=aim) for aim in aims})
    back = [cut_of(aim=aim) for aim in aims if aim.figure == Aim.Figure.GIVE_BACK]
    ends = [(cut, month) for cut in back for month in by_cut[cut].members]
    if not ends:
        return AimFigures(by_cut=by_cut, flows=(), value=None)
    first = min(cut.span(month=month).first for cut, month in ends)
    last = end_of_month(day=max(month for _cut, month in ends))
    return AimFigures(by_cut=by_cut, flows=months(unit=unit, first=first, last=last), value=value_of(unit=unit))


def figure_by_month(*, aim: Aim, figures: AimFigures) -> dict[date, int]:
    """
    Return the figure of a goal at the end of each month (its first day), of those in which there is one.

    A share is in hundredths of a percent.
    """
    found, cut = figures.by_cut[cut_of(aim=aim)], cut_of(aim=aim)
    if aim.figure == Aim.Figure.MEMBERS:
        return dict(found.joined)
    if aim.figure == Aim.Figure.CUSTOMERS:
        return {month: buying.end for month, buying in found.buying.items()}
    if aim.figure == Aim.Figure.GIVE_BACK:
        shares: Mapping[date, Fraction | None] = {
            month: give_back(
                spent=spent_in(
                    flows=[flow for flow in figures.flows if cut.span(month=month).first <= flow.first <= month],
                    value=figures.value,
                ),
                members=members,
            )
            for month, members in found.members.items()
        }
    else:
        shares = {month: getattr(buying, SHARES[Aim.Figure(aim.figure)]) for month, buying in found.buying.items()}
    return {month: half_up(exact=part * PARTS) for month, part in shares.items() if part is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class AimProgress:
    """How a goal stands: `by_month` is its figure since it began (by first days), the last of which counts."""

    aim: Aim
    by_month: Mapping[date, int]

    @property
    def last(self) -> date | None:
        """The last month that is known."""
        return max(self.by_month, default=None)

    @property
    def progress(self) -> AimStand:
        """Where it stands."""
        if self.last is None:
            return AimStand.TOO_LITTLE
        return way_of(aim=self.aim).progress(on=add_months(day=self.last, months=1), value=self.by_month[self.last])

    def due(self, month: date) -> int:
        """Return what the figure should be at the end of a month."""
        return half_up(exact=way_of(aim=self.aim).due(on=add_months(day=month, months=1)))


def progress_of(*, aims: Sequence[Aim], figures: AimFigures) -> list[AimProgress]:
    """Return how goals stand."""
    return [
        AimProgress(
            aim=aim,
            by_month={
                month: value
                for month, value in sorted(figure_by_month(aim=aim, figures=figures).items())
                if add_months(day=month, months=1) >= aim.starts_on
            },
        )
        for aim in aims
    ]


def in_words(*, aim: Aim, value: int) -> str:
    """Return a value of a goal's figure in words."""
    return share(Fraction(value, PARTS)) if aim.is_share else money.number(value)


def _cell(aim: Aim, value: int) -> tuple[Sort, Any]:
    return (Sort.SHARE, Fraction(value, PARTS)) if aim.is_share else (Sort.NUMBER, value)


def overview(*, unit: Unit, found: Sequence[AimProgress], today: date) -> FiguresTable:
    """Return all goals of a program with where each stands, or from when on it counts."""
    rows = []
    for one in found:
        aim, last = one.aim, one.last
        is_cut = aim.figure != Aim.Figure.MEMBERS
        now: list[Any] = ["", (Sort.TEXT, ""), (Sort.TEXT, "")]
        if last:
            now = [(last, end_of_month(day=last)), _cell(aim, one.by_month[last]), _cell(aim, one.due(last))]
        rows.append(
            [
                aim.get_figure_display(),
                *((aim.length, aim.window) if is_cut else ("", "")),
                *(aim.starts_on, _cell(aim, aim.start), aim.ends_on, _cell(aim, aim.target), *now),
                str(STANDS[one.progress]) if aim.starts_on <= today else _ahead(unit, aim),
            ]
        )
    return FiguresTable(
        name="goals",
        title=pgettext("loyalty", "Goals of the program"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Figure"), Sort.TEXT),
            Column(pgettext("loyalty", "Months"), Sort.NUMBER),
            Column(pgettext("loyalty", "Days of a customer"), Sort.NUMBER),
            Column(pgettext("loyalty", "First day"), Sort.DAY),
            Column(pgettext("loyalty", "Start value"), Sort.ANY),
            Column(pgettext("loyalty", "Last day"), Sort.DAY),
            Column(pgettext("loyalty", "Target"), Sort.ANY),
            Column(pgettext("loyalty", "Final month"), Sort.MONTH),
            Column(pgettext("loyalty", "Value"), Sort.ANY),
            Column(pgettext("loyalty", "Should be"), Sort.ANY),
            Column(pgettext("loyalty", "How it stands"), Sort.TEXT),
        ],
        rows=rows,
    )


def _ahead(unit: Unit, aim: Aim) -> str:
    text = pgettext("loyalty", "It begins on %(day)s.")
    return text % {"day": words.day(aim.starts_on, zone=unit.program.time_zone)}


def on_the_way(*, unit: Unit, one: AimProgress) -> FiguresTable:
    """Return a goal's figure month by month, beside what it should be."""
    return FiguresTable(
        name=f"goal-{one.aim.pk}",
        title=one.aim.get_figure_display(),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Month"), Sort.MONTH),
            Column(pgettext("loyalty", "Value"), Sort.ANY),
            Column(pgettext("loyalty", "Should be"), Sort.ANY),
        ],
        rows=[
            [(month, end_of_month(day=month)), _cell(one.aim, value), _cell(one.aim, one.due(month))]
            for month, value in one.by_month.items()
        ],
    )


def way_chart(*, one: AimProgress) -> dict[str, Any]:
    """Return the chart of a goal: bars of its figure, beside what it should be."""
    aim, known = one.aim, list(one.by_month)
    told = {"first": words.month(known[0]), "last": words.month(known[-1])}
    found = drawn(
        chart=charts.bars(groups=[[value, one.due(month)] for month, value in one.by_month.items()]),
        name=f"goal-{aim.pk}",
        title=aim.get_figure_display(),
        about=pgettext("loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number.")
        % told,
        number=lambda value: in_words(aim=aim, value=value),
        below=[words.month(month, short=True) for month in known],
    )
    series = [pgettext("loyalty", "Value"), pgettext("loyalty", "Should be")]
    return {**found, "series": list(enumerate(series))}
