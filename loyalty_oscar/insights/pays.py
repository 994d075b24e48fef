"""The tables of the page "Does it pay": who stays, what cohorts are worth, what is owed, what of a sale is revenue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel.periods import add_months, end_of_month, local_day, start_of_day
from loyalty_oscar.kernel.rounding import half_up, to_major
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.ledger.models import Counter, Lot
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program import money
from loyalty_oscar.program.models import Unit

from .buying import Buying, months_since
from .ifrs import split
from .monthly import Months
from .queries import FlowMonth, value_of
from .tables import BARE, FLOWS, Column, FiguresTable, Sort, sums_of

#: What a cohort has spent is told after so many months.
AGES = (0, 1, 2, 3, 6, 9, 12)
#: Orders whose points are asked for at a time.
TOGETHER = 500
#: What points did, in the order of the sentence, and whether it is always told.
FORWARD = {
    Flow.GIVEN: True,
    Flow.IMPORTED: False,
    Flow.BY_HAND: False,
    Flow.BETWEEN: False,
    Flow.USED: True,
    Flow.OUT: True,
    Flow.BACK: True,
}


def spent_in(*, flows: Sequence[FlowMonth], value: Fraction | None) -> int | None:
    """Return what was used in some months, by what a point buys today (minor units); None where nobody said that."""
    points = -sum(month.flows.get(Flow.USED, 0) for month in flows)
    return None if value is None else half_up(exact=points * value)


def give_back(*, spent: int | None, members: int) -> Fraction | None:
    """Return what was used as a part of what members paid (minor units); None where either is not known."""
    return None if spent is None or not members else Fraction(spent, members)


def figures(
    *, unit: Unit, buying: Buying, window: int, members: int, flows: Sequence[FlowMonth], used: Fraction
) -> FiguresTable:  # fmt: skip
    """
    Return every figure of a period, each with what it means.

    Who bought in `window` days is a customer; `members` is what members paid (minor units), `used` the part of what
    they have that is expected to be used.
    """
    spent = spent_in(flows=flows, value=value_of(unit=unit))
    back = give_back(spent=spent, members=members)
    owed = flows[-1].end.points if flows else 0
    told = {"days": window}
    n, share, minor = Sort.NUMBER, Sort.SHARE, Sort.MONEY
    rows: list[tuple[str, Sort, Any, str]] = [
        (
            pgettext("loyalty", "Customers at the start"), n, buying.start,
            pgettext("loyalty", "Who had a paid order in the %(days)d days before the first day.") % told,
        ),
        (
            pgettext("loyalty", "Acquired"), n, buying.acquired,
            pgettext("loyalty", "Whose first order of all lies in the period."),
        ),
        (
            pgettext("loyalty", "Customers at the end"), n, buying.end,
            pgettext("loyalty", "Who had a paid order in the %(days)d days before the end.") % told,
        ),
        (
            pgettext("loyalty", "Retention, as in the articles"), share, buying.retention,
            pgettext("loyalty", "Customers at the end without those acquired, of those at the start."),
        ),
        (
            pgettext("loyalty", "Kept"), share, buying.kept_share,
            pgettext("loyalty", "The part of the customers at the start who are customers at the end, too."),
        ),
        (
            pgettext("loyalty", "Won back"), share, buying.won_back_share,
            pgettext("loyalty", "Who had bought before, was no customer at the start, and is one at the end."),
        ),
        (
            pgettext("loyalty", "Repeat rate"), share, buying.repeat_rate,
            pgettext("loyalty", "The part of those who bought in the period who did so twice or more."),
        ),
        (
            pgettext("loyalty", "Turnover"), minor, buying.turnover,
            pgettext("loyalty", "What was paid for what was kept, in the program’s currency, by everybody."),
        ),
        (
            pgettext("loyalty", "Share of existing customers"), share, buying.existing_share,
            pgettext("loyalty", "The part of the turnover that those brought who were not acquired in the period."),
        ),
        (
            pgettext("loyalty", "Turnover of members"), minor, members,
            pgettext("loyalty", "The part of it that members paid."),
        ),
        (
            pgettext("loyalty", "Cost of what was used"), minor, "" if spent is None else spent,
            pgettext("loyalty", "What was used in the period, rewards included, by what it buys today."),
        ),
        (
            pgettext("loyalty", "Give-back rate"), share, back,
            pgettext("loyalty", "Cost of what was used, of the turnover of members."),
        ),
        (
            pgettext("loyalty", "Owed at the end"), Sort.POINTS, owed,
            pgettext("loyalty", "What members have: ready, set aside and on the way. Not yet a cost."),
        ),
        (
            pgettext("loyalty", "Expected to be used of it"), Sort.POINTS, int(owed * used),
            pgettext("loyalty", "By the part of 100 given that you chose above."),
        ),
    ]  # fmt: skip
    return FiguresTable(
        name="figures",
        title=pgettext("loyalty", "Figures of the period"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Figure"), Sort.TEXT),
            Column(pgettext("loyalty", "Value"), Sort.ANY),
            Column(pgettext("loyalty", "What it means"), Sort.TEXT),
        ],
        rows=[[label, (sort, value), meaning] for label, sort, value, meaning in rows],
    )


def stays(*, unit: Unit, buying: Mapping[date, Buying]) -> FiguresTable:
    """Return who stays, for the periods that end with each month."""
    return FiguresTable(
        name="stays",
        title=pgettext("loyalty", "Who stays, by the last month of the period"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Final month"), Sort.MONTH),
            Column(pgettext("loyalty", "At the start"), Sort.NUMBER),
            Column(pgettext("loyalty", "Acquired"), Sort.NUMBER),
            Column(pgettext("loyalty", "At the end"), Sort.NUMBER),
            Column(pgettext("loyalty", "Kept"), Sort.NUMBER),
            Column(pgettext("loyalty", "Won back"), Sort.NUMBER),
            Column(pgettext("loyalty", "Retention"), Sort.SHARE),
            Column(pgettext("loyalty", "Part kept"), Sort.SHARE),
            Column(pgettext("loyalty", "Bought"), Sort.NUMBER),
            Column(pgettext("loyalty", "Twice or more"), Sort.NUMBER),
            Column(pgettext("loyalty", "Repeat rate"), Sort.SHARE),
            Column(pgettext("loyalty", "Turnover"), Sort.MONEY),
            Column(pgettext("loyalty", "Existing customers"), Sort.SHARE),
        ],
        rows=[
            [
                (month, end_of_month(day=month)),
                *(one.start, one.acquired, one.end, one.kept, one.won_back, one.retention, one.kept_share),
                *(one.buyers, one.repeaters, one.repeat_rate, one.turnover, one.existing_share),
            ]
            for month, one in sorted(buying.items())
        ],
    )


def cohorts(*, unit: Unit, found: Months) -> FiguresTable:
    """
    Return by month of the first order what a customer has spent on average after so many months, and to date. Nothing
    is said of a month that is not counted whole.
    """
    rows = []
    for month in sorted({month for month, _age in found.cohorts}):
        size = found.cohorts[month, 0].buyers
        whole = months_since(first=month, day=found.last) if found.last else -1
        spent = {age: cell.turnover for (first, age), cell in found.cohorts.items() if first == month}
        upto = [sum(paid for past, paid in spent.items() if past <= age) for age in AGES]
        total = sum(spent.values())
        each = [half_up(exact=Fraction(paid, size)) for paid in (*upto, total)]
        told = [one if age <= whole else "" for age, one in zip(AGES, each, strict=False)]
        rows.append([(month, end_of_month(day=month)), size, *told, each[-1], total])
    return FiguresTable(
        name="cohorts",
        title=pgettext("loyalty", "What a customer has spent, by the month of the first order"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "First order in"), Sort.MONTH),
            Column(pgettext("loyalty", "Customers"), Sort.NUMBER),
            Column(pgettext("loyalty", "In that month"), Sort.MONEY),
            *(
                Column(npgettext("loyalty", "%(n)d month later", "%(n)d months later", age) % {"n": age}, Sort.MONEY)
                for age in AGES[1:]
            ),
            Column(pgettext("loyalty", "To date"), Sort.MONEY),
            Column(pgettext("loyalty", "Together"), Sort.MONEY),
        ],
        rows=rows,
    )


def forward(*, unit: Unit, flows: Sequence[FlowMonth]) -> FiguresTable:
    """Return how what is owed, less what members have to make up, went from the start of each month to its end."""
    columns = {flow: (str(label), sign) for flow, label, sign, _always in FLOWS}
    told = [flow for flow, always in FORWARD.items() if always or any(month.flows.get(flow) for month in flows)]
    rows = [
        [
            (month.first, month.last),
            month.end.net - sum(month.flows.values()),
            *(columns[flow][1] * month.flows.get(flow, 0) for flow in told),
            month.end.net,
            month.end.net,
        ]
        for month in flows
    ]
    return FiguresTable(
        name="forward",
        title=pgettext("loyalty", "What is owed, from month to month"),
        unit=unit,
        columns=[
            Column(pgettext("loyalty", "Month"), Sort.MONTH),
            Column(pgettext("loyalty", "Opening")),
            *(Column(columns[flow][0]) for flow in told),
            Column(pgettext("loyalty", "Closing")),
            Column(pgettext("loyalty", "Worth today"), Sort.WORTH),
        ],
        rows=rows,
        sums=[pgettext("loyalty", "In all"), "", *sums_of(rows, 2, 1 + len(told)), "", ""],
    )


def sales(*, unit: Unit, month: date, used: Fraction) -> Iterator[list[Any]]:
    """
    Yield the lines of a file, heads first: what of each order of a month is revenue, and what is owed with its points.

    Orders in the program's currency, by what is left of them and of their points now. Some hundred are read at a time.
    """
    currency = unit.program.currency
    yield [
        pgettext("loyalty", "Order"),
        pgettext("loyalty", "Day"),
        pgettext("loyalty", "Paid (%(currency)s)") % {"currency": currency},
        pgettext("loyalty", "Points"),
        pgettext("loyalty", "Revenue (%(currency)s)") % {"currency": currency},
        pgettext("loyalty", "Deferred (%(currency)s)") % {"currency": currency},
    ]
    exponent, value = money.exponent(currency=currency), value_of(unit=unit) or Fraction(0)
    rows = _orders(unit, month).iterator(chunk_size=TOGETHER)
    while orders := list(islice(rows, TOGETHER)):
        points = _points(unit, [order.order_id for order in orders])
        for order in orders:
            brought = points.get(order.order_id, 0)
            parts = split(paid=order.paid_minor, points=brought, worth=value, used=used)
            day = local_day(at=order.placed_at, zone=unit.program.time_zone)
            minor = (order.paid_minor, parts.revenue, parts.deferred)
            paid, revenue, deferred = (to_major(minor=one, exponent=exponent) for one in minor)
            yield [order.order_id, f"{day}", paid, BARE[Sort.POINTS](unit, brought), revenue, deferred]


def _orders(unit: Unit, month: date) -> QuerySet[Receipt]:
    """Return the receipts of a month that were paid and kept, in the program's currency, by when they were placed."""
    zone = unit.program.time_zone
    since, until = (start_of_day(day=day, zone=zone) for day in (month, add_months(day=month, months=1)))
    kept = Receipt.objects.filter(
        program=unit.program_id, is_gone=False, paid_minor__gt=0, currency=unit.program.currency
    )  # fmt: skip
    return kept.filter(placed_at__gte=since, placed_at__lt=until).order_by("placed_at", "order_id")


def _points(unit: Unit, order_ids: Sequence[int]) -> dict[int, int]:
    """Return what each of these orders brought, less what was taken back, before its member was merged and since."""
    sources = {f"order:{pk}": pk for pk in order_ids}
    lots = Lot.objects.filter(source__in=sources, account__unit=unit)
    # One that goes on for a merged member, or has what came back unused, brought nothing; it may be taken back.
    brought = Case(When(entry__counter=Counter.ISSUANCE, came_from__isnull=True, then=F("granted")), default=0)
    gone = Coalesce(Sum("moves__points", filter=Q(moves__entry__counter=Counter.ISSUANCE)), 0)
    found: dict[int, int] = {}
    for source, points in lots.annotate(stays=brought - gone).values_list("source", "stays"):
        found[sources[source]] = found.get(sources[source], 0) + points
    return found
