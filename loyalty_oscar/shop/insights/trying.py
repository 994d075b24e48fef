"""The page on which a program is tried on the shop's own orders, and the way to it from the program's own page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.insights.laws import can_try
from loyalty_oscar.insights.models import Trial
from loyalty_oscar.insights.trial_tables import SideBySide, TrialResult, found_of, side_by_side
from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.admin import STYLES, looked_at, may_look
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.forms import NOT_OFFERED
from loyalty_oscar.program.hooks import program_pages
from loyalty_oscar.program.models import Program, Unit

from .trials import ask, drafts

NAME = "loyalty_program_program_try"
#: How far back one may look.
MONTHS = (3, 6, 12, 24)


def months_in_words(*, months: int) -> str:
    """Return "12 months"."""
    return npgettext("loyalty", "%(months)d month", "%(months)d months", months) % {"months": months}


class TryForm(forms.Form):
    """How far back to look, and which other draft is to stand beside the program."""

    months = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "Orders of the last"),
        coerce=int,
        initial=12,
        error_messages={
            "invalid_choice": NOT_OFFERED,
            "required": pgettext_lazy("loyalty", "Choose how far back to look."),
        },
    )

    against = forms.ModelChoiceField(
        label=pgettext_lazy("loyalty", "Side by side with"),
        queryset=Program.objects.none(),
        required=False,
        empty_label=pgettext_lazy("loyalty", "No other draft"),
        error_messages={"invalid_choice": NOT_OFFERED},
    )

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        months: Any = self.fields["months"]
        months.choices = [(number, months_in_words(months=number)) for number in MONTHS]
        against: Any = self.fields["against"]
        against.queryset = drafts(program=program)


@program_pages.register("try")
def pages(*, admin_site: AdminSite) -> Iterator[URLPattern]:
    """Add the page of a program's trial."""
    view = admin_site.admin_view(partial(try_it, admin_site=admin_site))
    yield path("<path:object_id>/try/", view, name=NAME)


@contributions.register("admin:program", "trial", order=5)
def way_there(*, subject: Program, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return the button that leads to the trial of a program."""
    if not can_try() or subject.unit_or_none is None or not may_look(user=request.user):
        return None
    return "loyalty/admin/trial_way.html", {"url": reverse(f"admin:{NAME}", args=[subject.pk])}


def try_it(request: HttpRequest, object_id: str, *, admin_site: AdminSite) -> HttpResponseBase:
    """Show the trial of a program, or one table of it as a file (`csv`); on a POST have it tried anew."""
    program = looked_at(request=request, key=object_id)
    if not can_try():
        raise Http404
    may = request.user.has_perm("loyalty_program.change_program")
    trial = Trial.objects.select_related("program", "against", "beside").filter(program=program).first()
    first = {"against": trial.against_id} if trial else {}
    form = TryForm(request.POST if request.method == "POST" else None, initial=first, program=program)
    if request.method == "POST":
        if not may:
            raise PermissionDenied
        if form.is_valid():
            ask(program=program, actor=actors.staff(request.user), at=clock.now(), **form.cleaned_data)
            return redirect(f"admin:{NAME}", program.pk)
    found = _found(trial) if trial and trial.finished_at else []
    together = side_by_side(found=found) if len(found) > 1 else None
    if name := request.GET.get("csv"):
        return _file(name, found, together)
    context = {
        **admin_site.each_context(request),
        "title": pgettext("loyalty", "Try it on your orders"),
        "opts": Program._meta,
        "original": program,
        "form": form if may else None,
        "trial": trial,
        "period": _period(trial) if trial else {},
        "found": found,
        "together": together,
        "media": forms.Media(css=STYLES),
    }
    return TemplateResponse(request, "loyalty/admin/trial.html", context)


def _found(trial: Trial) -> list[TrialResult]:
    units = Unit.objects.select_related("program").in_bulk([one.pk for one in trial.programs], field_name="program_id")
    return [found_of(trial=trial, unit=units[one.pk]) for one in trial.programs if one.pk in units]


def _period(trial: Trial) -> dict[str, str]:
    zone = trial.program.time_zone
    return {"first": words.day(trial.since, zone=zone), "last": words.moment(trial.until, zone=zone)}


def _file(name: str, found: list[TrialResult], together: SideBySide | None) -> HttpResponseBase:
    tables = [table for one in (*found, *([together] if together else ())) for table in one.tables()]
    table = next((table for table in tables if table.name == name), None)
    if table is None:
        raise Http404
    return as_csv(rows=table.lines(), name=f"trial-{name}")
