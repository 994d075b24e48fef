"""What figures are narrowed by, in the addresses of their pages: program, period, who gave, who is a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import add_months, end_of_month
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit

from .monthly import KEPT, LENGTHS, WINDOWS, MonthCut

#: Months that the page begins with, this one included.
MONTHS = 12
UNKNOWN_DAY = pgettext_lazy("loyalty", "Write a day as year, month and day, for example 2026-05-31.")
UNKNOWN = pgettext_lazy("loyalty", "There is nothing of that name. Choose from the list.")


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(
        label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget, error_messages={"invalid": UNKNOWN_DAY}
    )


class FiguresForm(forms.Form):
    """The period, both days included, of one program; what is left open is the last twelve months of the first one."""

    program = forms.ChoiceField(label=pgettext_lazy("loyalty", "Program"), required=False)
    first = _day(pgettext_lazy("loyalty", "From"))
    last = _day(pgettext_lazy("loyalty", "To"))
    giver = forms.ChoiceField(label=pgettext_lazy("loyalty", "By source"), required=False)

    def __init__(
        self, data: Mapping[str, Any], *, unit: Unit, units: Sequence[Unit], givers: Mapping[str, str], today: date
    ) -> None:
        self.unit, self.today = unit, today
        usual = {"first": add_months(day=today.replace(day=1), months=1 - MONTHS), "last": today}
        sent = {"program": unit.program.code, **{name: f"{day}" for name, day in usual.items()}}
        super().__init__(sent | {name: value for name, value in data.items() if name in self.base_fields and value})
        programs: Any = self.fields["program"]
        programs.choices = [(one.program.code, one.program.name) for one in units]
        if len(units) == 1:
            programs.widget = forms.HiddenInput()
        there: Any = self.fields["giver"]
        there.choices = [("", pgettext("loyalty", "All")), *givers.items()]
        for field in (programs, there):
            field.error_messages["invalid_choice"] = UNKNOWN

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins, or that has not come."""
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and last < first:
            self.add_error("last", pgettext("loyalty", "The last day comes before the first."))
        elif first and first > self.today:
            self.add_error("first", pgettext("loyalty", "This day has not come yet."))
        return data

    @property
    def period(self) -> tuple[date, date]:
        """The first and the last day that were asked for; no later one than today."""
        return self.cleaned_data["first"], min(self.cleaned_data["last"], self.today)


class PaysForm(forms.Form):
    """A period of whole months of one program, how customers are counted, and how many points will be used."""

    program = forms.ChoiceField(label=pgettext_lazy("loyalty", "Program"))
    month = forms.ChoiceField(label=pgettext_lazy("loyalty", "Final month"))
    length = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Over"), coerce=int)
    window = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "A customer has bought in the last"), coerce=int)
    used = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Of 100 given, so many will be used"), min_value=0, max_value=100
    )

    def __init__(self, data: Mapping[str, Any], *, unit: Unit, units: Sequence[Unit], today: date, used: int) -> None:
        over = [add_months(day=today.replace(day=1), months=-back) for back in range(1, KEPT + 1)]
        usual = {"program": unit.program.code, "month": f"{over[0]:%Y-%m}", "length": 3, "window": 365, "used": used}
        super().__init__(usual | {name: value for name, value in data.items() if name in usual and value})
        choices: Mapping[str, list[tuple[Any, str]]] = {
            "program": [(one.program.code, one.program.name) for one in units],
            "month": [(f"{month:%Y-%m}", words.month(month)) for month in over],
            "length": [(n, npgettext("loyalty", "%(n)d month", "%(n)d months", n) % {"n": n}) for n in LENGTHS],
            "window": [(n, npgettext("loyalty", "%(n)d day", "%(n)d days", n) % {"n": n}) for n in WINDOWS],
        }
        for name, told in choices.items():
            field: Any = self.fields[name]
            field.choices = told
            field.error_messages["invalid_choice"] = UNKNOWN
        if len(units) == 1:
            self.fields["program"].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        """Refuse days that are fewer than those of the period: who was won early in it would be lost at its end."""
        data = super().clean() or {}
        if {"length", "window"} <= data.keys() and not self.cut.fits:
            self.add_error("window", pgettext("loyalty", "Choose at least as many days as the period has."))
        return data

    @property
    def cut(self) -> MonthCut:
        """How buying is looked at."""
        return MonthCut(length=self.cleaned_data["length"], window=self.cleaned_data["window"])

    @property
    def last(self) -> date:
        """The first day of the last month."""
        return date.fromisoformat(f"{self.cleaned_data['month']}-01")

    @property
    def period(self) -> tuple[date, date]:
        """The first and the last day of the period."""
        return self.cut.span(month=self.last).first, end_of_month(day=self.last)
