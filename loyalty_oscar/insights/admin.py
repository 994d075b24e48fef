"""The page of figures: what stands in the place of a list of books in the admin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import pgettext

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.admin import STYLES, BehindFront, ReadOnly
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth

from . import queries, rules, tables
from .drawing import drawn
from .forms import FiguresForm
from .models import Book
from .queries import FlowMonth
from .tables import FiguresTable

#: The bars of a month, with how each flow is shown.
DRAWN = ((Flow.GIVEN, 1), (Flow.USED, -1), (Flow.OUT, -1))


@admin.register(Book)
class BookAdmin(BehindFront, ReadOnly, admin.ModelAdmin):
    """Figures are looked at; nobody writes them."""

    fields = ("unit",)

    class Media:
        css = STYLES

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Show the figures of a program in a period, or one table of them as a file (`csv`)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        units = list(Unit.objects.select_related("program").order_by("-program__is_default", "program__name", "pk"))
        asked = request.GET.get("program", "")
        unit = next((one for one in units if one.program.code == asked), units[0] if units else None)
        context = {
            **self.admin_site.each_context(request),
            "title": capfirst(self.opts.verbose_name_plural),
            "opts": self.opts,
            "media": self.media,
            "unit": unit,
        }
        if unit:
            context |= _figures(unit, units, request.GET, clock.now())
        if name := request.GET.get("csv"):
            return _file(name, context)
        return TemplateResponse(request, "loyalty/admin/figures.html", context)


def _figures(unit: Unit, units: Sequence[Unit], data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return what stands on the page of a unit; of a period that makes no sense, the form alone with what is wrong."""
    zone = unit.program.time_zone
    book = queries.book_of(unit=unit)
    givers = queries.givers_there(unit=unit)
    form = FiguresForm(data, unit=unit, units=units, givers=givers, today=local_day(at=at, zone=zone))
    found = {
        "form": form,
        "counted": words.moment(book.upto_at, zone=zone) if book and book.upto_at else "",
        "is_empty": not queries.has_days(unit=unit),
    }
    if found["is_empty"] or not form.is_valid():
        return found
    first, last = form.period
    months = queries.months(unit=unit, first=first, last=last)
    end = queries.stock_on(unit=unit, day=last)
    due = queries.due(unit=unit)
    rows = queries.given(unit=unit, first=first, last=last, giver=form.cleaned_data["giver"])
    shown = [
        tables.by_month(unit=unit, months=months),
        tables.by_giver(unit=unit, rows=rows),
        tables.owed(unit=unit, stock=end),
        tables.due(unit=unit, rows=due),
    ]
    return found | {
        "tables": {table.name: table for table in shown},
        "address": form_address(form),
        "last": words.day(last, zone="UTC"),
        "hundred": words.points(unit=unit, points=100),
        "hundred_worth": worth(unit=unit, points=100),
        "charts": _charts(unit, months) if len(months) > 1 else {},
    }


def form_address(form: FiguresForm) -> str:
    """Return what narrows the figures, as the part of an address that links of the page begin with."""
    data = form.cleaned_data
    said = {name: data[name] for name in ("program", "first", "last", "giver") if data[name]}
    return "".join(f"{name}={value}&" for name, value in said.items())


def _file(name: str, context: Mapping[str, Any]) -> HttpResponseBase:
    found: FiguresTable | None = context.get("tables", {}).get(name)
    if found is None:
        raise Http404
    first, last = context["form"].period
    return as_csv(rows=found.lines(), name=f"{context['unit'].program.code}-{name}-{first}-{last}")


def _charts(unit: Unit, months: Sequence[FlowMonth]) -> dict[str, Any]:
    groups = [[max(0, sign * month.flows.get(flow, 0)) for flow, sign in DRAWN] for month in months]
    firsts = [month.first for month in months]
    series = [
        pgettext("loyalty", "Given"),
        pgettext("loyalty", "Used"),
        pgettext("loyalty", "Run out"),
    ]
    bars, line = rules.bars(groups=groups), rules.line(values=[month.end.points for month in months])
    told = {"first": words.month(firsts[0]), "last": words.month(firsts[-1])}
    return {
        "bars": {
            **drawn(unit=unit, chart=bars, firsts=firsts),
            "name": "bars",
            "title": pgettext("loyalty", "Given, used and run out by month"),
            "about": pgettext(
                "loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number."
            )
            % told,
            "series": list(enumerate(series)),
        },
        "line": {
            **drawn(unit=unit, chart=line, firsts=firsts),
            "name": "line",
            "title": pgettext("loyalty", "Owed at the end of each month"),
            "about": pgettext("loyalty", "A line from %(first)s to %(last)s; the table below has every number.") % told,
            "path": " ".join(f"{point.x},{point.y}" for point in line.points),
        },
    }
