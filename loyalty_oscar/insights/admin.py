"""The pages of figures: what stands in the place of a list of books in the admin, and beside it, does it pay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import charts
from loyalty_oscar.kernel.periods import end_of_month, local_day
from loyalty_oscar.kernel.rounding import half_up
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.admin import STYLES, BehindFront, ReadOnly
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.drawing import drawn
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth

from . import aim_tables, checkup_tables, pays, queries, tables
from .aim_tables import measures_of, progress_of, way_chart
from .buying import Buying
from .elements import DAYS, counted_on, elements_of
from .forms import AimForm, CheckupForm, FiguresForm, PaysForm
from .models import Aim, Book
from .monthly import months_of, paid_in_a_year
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
        return self._page(request, "figures", self.opts.verbose_name_plural, _figures)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that say whether the program pays, and what to do about each of its parts."""
        view = self.admin_site.admin_view
        return [
            path("pays/", view(self.pays_view), name="loyalty_insights_book_pays"),
            path("checkup/", view(self.checkup_view), name="loyalty_insights_book_checkup"),
            *super().get_urls(),
        ]

    def pays_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show whether a program pays, or one table of that as a file (`csv`)."""
        return self._page(request, "pays", pgettext("loyalty", "Does it pay"), _pays)

    def checkup_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show what to do about each part of a program, or that as a file (`csv`)."""
        return self._page(request, "checkup", pgettext("loyalty", "Yearly check-up"), _checkup)

    def _page(
        self, request: HttpRequest, page: str, title: Any, told: Callable[..., dict[str, Any]]
    ) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        units = list(Unit.objects.select_related("program").order_by("-program__is_default", "program__name", "pk"))
        asked = request.GET.get("program", "")
        unit = next((one for one in units if one.program.code == asked), units[0] if units else None)
        context = {
            **self.admin_site.each_context(request),
            "title": capfirst(title),
            "opts": self.opts,
            "media": self.media,
            "unit": unit,
        }
        if unit:
            context |= told(unit, units, request.GET, clock.now())
        if name := request.GET.get("csv"):
            return _file(name, context)
        return TemplateResponse(request, f"loyalty/admin/{page}.html", context)


@admin.register(Aim)
class AimAdmin(BehindFront, TellsChanges, admin.ModelAdmin):
    """Goals of programs: set, changed and deleted by staff; where they stand is on the page of whether it pays."""

    form = AimForm
    fields = ("program", "figure", "length", "window", "starts_on", "begins", "ends_on", "reaches")
    list_display = ("figure", "program", "starts_on", "from_value", "ends_on", "to_value")
    list_filter = ("program",)
    list_select_related = ("program",)

    class Media:
        css = STYLES

    def get_fields(self, request: HttpRequest, obj: Aim | None = None) -> tuple[str, ...]:
        only_read = ("program", "figure", "length", "window", "starts_on", "from_value", "ends_on", "to_value")
        return self.fields if self._may_save(request, obj) else only_read

    def get_readonly_fields(self, request: HttpRequest, obj: Aim | None = None) -> tuple[str, ...]:
        return () if self._may_save(request, obj) else ("from_value", "to_value")

    def _may_save(self, request: HttpRequest, aim: Aim | None) -> bool:
        return self.has_change_permission(request, aim) if aim else self.has_add_permission(request)

    @admin.display(description=pgettext_lazy("loyalty", "start value"), ordering="start")
    def from_value(self, aim: Aim) -> str:
        return aim_tables.in_words(aim=aim, value=aim.start)

    @admin.display(description=pgettext_lazy("loyalty", "target"), ordering="target")
    def to_value(self, aim: Aim) -> str:
        return aim_tables.in_words(aim=aim, value=aim.target)


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


def _pays(unit: Unit, units: Sequence[Unit], data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return what stands on the page of whether a program pays; of a period that makes no sense, the form alone."""
    today = local_day(at=at, zone=unit.program.time_zone)
    form = PaysForm(data, unit=unit, units=units, today=today, used=queries.used_of_100(unit=unit))
    if not form.is_valid():
        return {"form": form}
    last, cut = form.last, form.cut
    found = months_of(program=unit.program, cut=cut)
    first, used = cut.span(month=last).first, Fraction(form.cleaned_data["used"], 100)
    flows = queries.months(unit=unit, first=first, last=end_of_month(day=last))
    aims = list(Aim.objects.filter(program=unit.program_id).order_by("ends_on", "pk"))
    on_way = progress_of(aims=aims, figures=measures_of(unit=unit, aims=aims)) if aims else []
    counted = elements_of(unit=unit)
    day = counted_on(rows=counted)
    shown = [
        pays.forward(unit=unit, flows=flows),
        pays.cohorts(unit=unit, found=found),
        checkup_tables.parts(unit=unit, rows=counted),
        aim_tables.overview(unit=unit, found=on_way, today=today),
    ]
    ways = [(aim_tables.on_the_way(unit=unit, one=one), one) for one in on_way]
    if last in found.buying:
        buying = found.buying[last]
        shown += [
            pays.figures(
                unit=unit, buying=buying, window=cut.window, members=found.members.get(last, 0), flows=flows, used=used
            ),
            pays.stays(unit=unit, buying=found.buying),
        ]
    return {
        "form": form,
        "files": {"sales": lambda: pays.sales(unit=unit, month=last, used=used)},
        "tables": {table.name: table for table in (*shown, *(table for table, _one in ways)) if table.rows},
        "ways": [(table, way_chart(one=one)) for table, one in ways if table.rows],
        "year": _days_of(day) if day else (),
        "address": form_address(form),
        "month": words.month(last),
        "has_value": queries.value_of(unit=unit) is not None,
        "charts": _stay_charts(found.buying) if len(found.buying) > 1 else {},
    }


def _checkup(unit: Unit, units: Sequence[Unit], data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return what stands on the page of the yearly check-up; of a program that is not there, the form alone."""
    rows = elements_of(unit=unit)
    day = counted_on(rows=rows) or local_day(at=at, zone=unit.program.time_zone)
    year = day - timedelta(days=DAYS), day - timedelta(days=1)
    form = CheckupForm(data, unit=unit, units=units, period=year)
    if not form.is_valid():
        return {"form": form}
    table = checkup_tables.checkup(unit=unit, rows=rows, paid=paid_in_a_year(program=unit.program))
    return {
        "form": form,
        "tables": {table.name: table} if rows else {},
        "address": form_address(form),
        "year": _days_of(day),
    }


def _days_of(day: date) -> tuple[str, str]:
    """Return the first and the last day, in words, of the year that was over on a day."""
    return words.day(day - timedelta(days=DAYS), zone="UTC"), words.day(day - timedelta(days=1), zone="UTC")


def form_address(form: FiguresForm | PaysForm | CheckupForm) -> str:
    """Return what narrows the figures, as the part of an address that links of the page begin with."""
    data = form.cleaned_data
    said = {name: data[name] for name in form.fields if data[name] not in (None, "")}
    return "".join(f"{name}={value}&" for name, value in said.items())


def _file(name: str, context: Mapping[str, Any]) -> HttpResponseBase:
    table: FiguresTable | None = context.get("tables", {}).get(name)
    lines = table.lines if table else context.get("files", {}).get(name)
    if lines is None:
        raise Http404
    first, last = context["form"].period
    return as_csv(rows=lines(), name=f"{context['unit'].program.code}-{name}-{first}-{last}")


def _charts(unit: Unit, months: Sequence[FlowMonth]) -> dict[str, Any]:
    groups = [[max(0, sign * month.flows.get(flow, 0)) for flow, sign in DRAWN] for month in months]
    firsts = [month.first for month in months]
    series = [
        pgettext("loyalty", "Given"),
        pgettext("loyalty", "Used"),
        pgettext("loyalty", "Run out"),
    ]
    told = {"first": words.month(firsts[0]), "last": words.month(firsts[-1])}
    shown = {
        "number": lambda value: words.number(unit=unit, points=value),
        "below": [words.month(first, short=True) for first in firsts],
    }
    bars = drawn(
        chart=charts.bars(groups=groups),
        name="bars",
        title=pgettext("loyalty", "Given, used and run out by month"),
        about=pgettext("loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number.")
        % told,
        **shown,
    )
    line = drawn(
        chart=charts.line(values=[month.end.points for month in months]),
        name="line",
        title=pgettext("loyalty", "Owed at the end of each month"),
        about=pgettext("loyalty", "A line from %(first)s to %(last)s; the table below has every number.") % told,
        **shown,
    )
    return {"bars": {**bars, "series": list(enumerate(series))}, "line": line}


def _stay_charts(buying: Mapping[date, Buying]) -> dict[str, Any]:
    months = sorted(buying)
    shares = [(buying[month].retention, buying[month].kept_share) for month in months]
    groups = [[half_up(exact=100 * (share or Fraction(0))) for share in pair] for pair in shares]
    told = {"first": words.month(months[0]), "last": words.month(months[-1])}
    below = [words.month(first, short=True) for first in months]
    stays = drawn(
        chart=charts.bars(groups=groups),
        name="stays",
        title=pgettext("loyalty", "Retention as in the articles, and those kept"),
        about=pgettext("loyalty", "Bars for each month from %(first)s to %(last)s; the table below has every number.")
        % told,
        number=lambda percent: tables.share(Fraction(percent, 100), places=0),
        below=below,
    )
    customers = drawn(
        chart=charts.line(values=[buying[month].end for month in months]),
        name="customers",
        title=pgettext("loyalty", "Customers at the end of each month"),
        about=pgettext("loyalty", "A line from %(first)s to %(last)s; the table below has every number.") % told,
        number=money.number,
        below=below,
    )
    series = [pgettext("loyalty", "Retention, as in the articles"), pgettext("loyalty", "Kept")]
    return {"stays": {**stays, "series": list(enumerate(series))}, "customers": customers}
