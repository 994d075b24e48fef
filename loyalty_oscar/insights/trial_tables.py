"""What a trial found, as tables and charts: each program for itself, so that two stand beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel import charts
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program import money, words
from loyalty_oscar.program.drawing import drawn
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth

from .laws import price_of
from .models import Trial
from .queries import value_of
from .tables import Column, FiguresTable, Sort, share
from .trial import TrialMonth, UseWay, forecast, months_of, orders_to_reward


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """
    What a trial found of one program: a sentence on which orders it was `tried`, and `sentences` on what came of it.
    """

    unit: Unit
    tried: str
    sentences: Sequence[str]
    summary: FiguresTable
    months: Sequence[FiguresTable]
    charts: Mapping[str, Any]
    otherwise: Sequence[str]
    is_changed: bool
    share: int
    by_way: Mapping[UseWay, Sequence[TrialMonth]]
    reached: tuple[int, int]

    @property
    def by_share(self) -> Sequence[TrialMonth]:
        """Its months, if members use the usual share."""
        return self.by_way[UseWay.SHARE]

    def costs(self) -> list[tuple[str, str]]:
        """Return the ways in which some is used, each with the worth of that and its share of turnover, in words."""
        titles = _titles(self.share)
        return [(titles[way], self._cost(months)) for way, months in self.by_way.items() if way != UseWay.NONE]

    def _cost(self, months: Sequence[TrialMonth]) -> str:
        used, paid = (sum(getattr(month, name) for month in months) for name in ("used", "paid_minor"))
        cost = worth(unit=self.unit, points=used) or words.points(unit=self.unit, points=used)
        part = _share(self.unit, used, paid)
        if part == "":
            return cost
        text = pgettext("loyalty", "%(cost)s, which is %(share)s of turnover")
        return text % {"cost": cost, "share": share(part)}

    def tables(self) -> list[FiguresTable]:
        """Return all of its tables."""
        return [self.summary, *self.months]


def found_of(*, trial: Trial, unit: Unit) -> TrialResult:
    """Return what a trial that is done found of a program, in the days of the one tried; `unit` is as it is now."""
    key, zone = str(unit.program_id), trial.program.time_zone
    sums = trial.sums.get(key, {})
    first = local_day(at=trial.since, zone=zone)
    last = local_day(at=trial.until - timedelta(microseconds=1), zone=zone)
    by_way = {way: months_of(sums=sums, way=way, first=first, last=last) for way in UseWay}
    titles = _titles(trial.share)
    return TrialResult(
        unit=unit,
        tried=_tried(unit, by_way[UseWay.SHARE]),
        sentences=_sentences(unit, trial, by_way[UseWay.SHARE], last),
        summary=_summary(unit, by_way, titles),
        months=[_by_month(unit, way, months, titles[way]) for way, months in by_way.items()],
        charts=_charts(unit, by_way[UseWay.SHARE], titles[UseWay.SHARE]) if len(by_way[UseWay.SHARE]) > 1 else {},
        otherwise=trial.otherwise.get(key, ()),
        is_changed=trial.versions.get(key) != unit.program.version,
        share=trial.share,
        by_way=by_way,
        reached=orders_to_reward(sums=sums),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """What a trial found of several programs, figure by figure, if members use the usual share."""

    whole: FiguresTable
    months: FiguresTable
    charts: Sequence[Mapping[str, Any]]

    def tables(self) -> list[FiguresTable]:
        """Return all of its tables."""
        return [self.whole, self.months]


def side_by_side(*, found: Sequence[TrialResult]) -> SideBySide:
    """Return the results of one trial beside each other; drawn where all programs are of one currency."""
    title = _titles(found[0].share)[UseWay.SHARE]
    return SideBySide(whole=_whole(found, title), months=_months_of_all(found, title), charts=_charts_of_all(found))


def _whole(found: Sequence[TrialResult], title: str) -> FiguresTable:
    columns = [Column(one.unit.program.name, Sort.ANY, one.unit) for one in found]
    figures = [_figures(one) for one in found]
    return FiguresTable(
        name="side-by-side",
        title=pgettext("loyalty", "Side by side: %(way)s") % {"way": title},
        unit=found[0].unit,
        columns=[Column(pgettext("loyalty", "Figure"), Sort.TEXT), *columns],
        rows=[[label, *(one[label] for one in figures)] for label in figures[0]],
    )


def _figures(one: TrialResult) -> dict[str, tuple[Sort, Any]]:
    """Return the figures of a program by what they are called."""
    unit, months = one.unit, one.by_share
    given, used, members, paid = (
        sum(getattr(m, name) for m in months) for name in ("given", "used", "members", "paid_minor")
    )
    owed, (reached, order) = months[-1].owed, one.reached
    return {
        pgettext("loyalty", "Turnover"): (Sort.MONEY, paid),
        pgettext("loyalty", "New members"): (Sort.NUMBER, members),
        pgettext("loyalty", "Given"): (Sort.POINTS, given),
        pgettext("loyalty", "Given: worth"): (Sort.MONEY, _cost(unit, given)),
        pgettext("loyalty", "Used"): (Sort.POINTS, used),
        pgettext("loyalty", "Cost: worth of what is used"): (Sort.MONEY, _cost(unit, used)),
        pgettext("loyalty", "Cost: share of turnover"): (Sort.SHARE, _share(unit, used, paid)),
        pgettext("loyalty", "Members who come to the first reward"): (Sort.NUMBER, reached),
        pgettext("loyalty", "Orders until half of them have it"): (Sort.NUMBER, order if reached else ""),
        pgettext("loyalty", "Owed at the end"): (Sort.POINTS, owed),
        pgettext("loyalty", "Owed at the end: worth"): (Sort.MONEY, _cost(unit, owed)),
    }


def _months_of_all(found: Sequence[TrialResult], title: str) -> FiguresTable:
    labels: list[tuple[str, Sort, Callable[[Unit, TrialMonth], Any]]] = [
        (pgettext("loyalty", "Given"), Sort.POINTS, lambda unit, m: m.given),
        (pgettext("loyalty", "Given: worth"), Sort.MONEY, lambda unit, m: _cost(unit, m.given)),
        (
            pgettext("loyalty", "Cost: share of turnover"),
            Sort.SHARE,
            lambda unit, m: _share(unit, m.used, m.paid_minor),
        ),
        (pgettext("loyalty", "New members"), Sort.NUMBER, lambda unit, m: m.members),
        (pgettext("loyalty", "Owed at the end"), Sort.POINTS, lambda unit, m: m.owed),
        (pgettext("loyalty", "Owed at the end: worth"), Sort.MONEY, lambda unit, m: _cost(unit, m.owed)),
    ]
    heads = [Column(_of_program(one.unit, label), sort, one.unit) for label, sort, _count in labels for one in found]
    rows = [
        [(months[0].first, months[0].last)]
        + [count(one.unit, month) for _label, _sort, count in labels for one, month in zip(found, months, strict=True)]
        for months in zip(*(one.by_share for one in found), strict=True)
    ]
    return FiguresTable(
        name="side-by-side-months",
        title=pgettext("loyalty", "Side by side, by month: %(way)s") % {"way": title},
        unit=found[0].unit,
        columns=[Column(pgettext("loyalty", "Month"), Sort.MONTH), *heads],
        rows=rows,
    )


def _of_program(unit: Unit, figure: str) -> str:
    return pgettext("loyalty", "%(program)s: %(figure)s") % {"program": unit.program.name, "figure": figure}


def _charts_of_all(found: Sequence[TrialResult]) -> list[Mapping[str, Any]]:
    """Return bars of what is given and of what is owed, in money; none where programs count in several currencies."""
    currencies = {one.unit.program.currency for one in found}
    months = found[0].by_share
    if len(currencies) > 1 or len(months) < 2 or any(_cost(one.unit, 1) == "" for one in found):
        return []
    [currency] = currencies
    told = {"first": words.month(months[0].first), "last": words.month(months[-1].first)}
    about = pgettext("loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number.")
    return [
        {
            **drawn(
                chart=charts.bars(
                    groups=[
                        [_cost(one.unit, getattr(month, name)) for one, month in zip(found, each, strict=True)]
                        for each in zip(*(one.by_share for one in found), strict=True)
                    ]
                ),
                name=f"{name}-side-by-side",
                title=title,
                about=about % told,
                number=lambda minor: money.in_words(minor=minor, currency=currency),
                below=[words.month(month.first, short=True) for month in months],
            ),
            "series": list(enumerate(one.unit.program.name for one in found)),
        }
        for name, title in (
            ("given", pgettext("loyalty", "Worth of what is given in each month")),
            ("owed", pgettext("loyalty", "Worth of what is owed at the end of each month")),
        )
    ]


def _titles(share: int) -> dict[UseWay, str]:
    return {
        UseWay.ALL: pgettext("loyalty", "Everybody uses all at once"),
        UseWay.SHARE: pgettext("loyalty", "Members use %(percent)s %%") % {"percent": money.number(share)},
        UseWay.NONE: pgettext("loyalty", "Nobody uses anything"),
    }


def _tried(unit: Unit, months: Sequence[TrialMonth]) -> str:
    orders = sum(month.orders for month in months)
    paid = money.in_words(minor=sum(month.paid_minor for month in months), currency=unit.program.currency)
    text = npgettext(
        "loyalty",
        "%(orders)s order was tried, for which %(paid)s stay paid.",
        "%(orders)s orders were tried, for which %(paid)s stay paid.",
        orders,
    )
    return text % {"orders": money.number(orders), "paid": paid}


def _sentences(unit: Unit, trial: Trial, months: Sequence[TrialMonth], last: date) -> list[str]:
    sums, share = trial.sums.get(str(unit.program_id), {}), trial.share
    members = sum(month.members for month in months)
    text = npgettext("loyalty", "%(members)s customer gets something.", "%(members)s customers get something.", members)
    said = [text % {"members": money.number(members)}]
    reached, order = orders_to_reward(sums=sums)
    if price := price_of(unit=unit, at=trial.until):
        told = {"price": words.points(unit=unit, points=price), "members": money.number(reached), "order": order}
        text = pgettext("loyalty", "Nobody comes to %(price)s, the first reward.")
        if reached:
            text = npgettext(
                "loyalty",
                "%(members)s customer comes to %(price)s, the first reward, with order number %(order)d.",
                "%(members)s customers come to %(price)s, the first reward; half of them by order number %(order)d.",
                reached,
            )
        said.append(text % told)
    coming = forecast(sums=sums, way=UseWay.SHARE, share=share, last=last)
    if coming is not None:
        text = pgettext(
            "loyalty",
            "In six months %(points)s will be owed, if all goes on as in the last three and %(share)s %% are used.",
        )
        said.append(text % {"points": words.points(unit=unit, points=coming), "share": money.number(share)})
    return said


def _summary(unit: Unit, by_way: Mapping[UseWay, Sequence[TrialMonth]], titles: Mapping[UseWay, str]) -> FiguresTable:
    rows = []
    for way, months in by_way.items():
        given, back, used, out = (sum(getattr(m, name) for m in months) for name in ("given", "back", "used", "out"))
        paid, owed = sum(month.paid_minor for month in months), months[-1].owed
        rows.append([titles[way], given, back, used, used, _share(unit, used, paid), out, owed, owed])
    return FiguresTable(
        name=f"{unit.program.code}-ways",
        title=unit.program.name,
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "How it is used"), Sort.TEXT),
            Column(pgettext("loyalty", "Given")),
            Column(pgettext("loyalty", "Taken back")),
            Column(pgettext("loyalty", "Used")),
            Column(pgettext("loyalty", "Cost: worth of what is used"), Sort.WORTH),
            Column(pgettext("loyalty", "Cost: share of turnover"), Sort.SHARE),
            Column(pgettext("loyalty", "Run out")),
            Column(pgettext("loyalty", "Owed at the end")),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
        ],
        rows=rows,
    )


def _cost(unit: Unit, points: int) -> int | str:
    """Return what points are worth (minor units of the program's currency); empty where nothing says it in that."""
    value = value_of(unit=unit)
    return "" if value is None else int(points * value)


def _share(unit: Unit, points: int, paid_minor: int) -> Fraction | str:
    """Return what points are worth as a share of turnover; empty where nothing says it in the program's currency."""
    cost = _cost(unit, points)
    return Fraction(cost) / paid_minor if isinstance(cost, int) and paid_minor else ""


def _by_month(unit: Unit, way: UseWay, months: Sequence[TrialMonth], title: str) -> FiguresTable:
    names = ("orders", "paid_minor", "members", "given", "back", "used", "out")
    rows = [[(m.first, m.last), *(getattr(m, name) for name in names), m.owed, m.owed, m.debt] for m in months]
    sums = [sum(getattr(month, name) for month in months) for name in names]
    return FiguresTable(
        name=f"{unit.program.code}-{way}",
        title=pgettext("loyalty", "%(program)s: %(way)s") % {"program": unit.program.name, "way": title},
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Month"), Sort.MONTH),
            Column(pgettext("loyalty", "Orders"), Sort.NUMBER),
            Column(pgettext("loyalty", "Turnover"), Sort.MONEY),
            Column(pgettext("loyalty", "New members"), Sort.NUMBER),
            Column(pgettext("loyalty", "Given")),
            Column(pgettext("loyalty", "Taken back")),
            Column(pgettext("loyalty", "Used")),
            Column(pgettext("loyalty", "Run out")),
            Column(pgettext("loyalty", "Owed at the end")),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
            Column(pgettext("loyalty", "To make up")),
        ],
        rows=rows,
        sums=[pgettext("loyalty", "In all"), *sums, "", "", ""],
    )


def _charts(unit: Unit, months: Sequence[TrialMonth], title: str) -> dict[str, Any]:
    firsts = [month.first for month in months]
    told = {"first": words.month(firsts[0]), "last": words.month(firsts[-1])}
    shown: dict[str, Any] = {
        "number": lambda value: words.number(unit=unit, points=value),
        "below": [words.month(first, short=True) for first in firsts],
    }
    code = unit.program.code
    bars = drawn(
        chart=charts.bars(groups=[[month.given, month.used, month.out] for month in months]),
        name=f"bars-{code}",
        title=pgettext("loyalty", "%(program)s: %(way)s") % {"program": unit.program.name, "way": title},
        about=pgettext("loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number.")
        % told,
        **shown,
    )
    line = drawn(
        chart=charts.line(values=[month.owed for month in months]),
        name=f"line-{code}",
        title=pgettext("loyalty", "Owed at the end of each month"),
        about=pgettext("loyalty", "A line from %(first)s to %(last)s; the table below has every number.") % told,
        **shown,
    )
    series = [pgettext("loyalty", "Given"), pgettext("loyalty", "Used"), pgettext("loyalty", "Run out")]
    return {"bars": {**bars, "series": list(enumerate(series))}, "line": line}
