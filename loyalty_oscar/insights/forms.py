"""What the figures are narrowed by, in the address of the page: program, period, and who gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import add_months
from loyalty_oscar.program.models import Unit

#: Months that the page begins with, this one included.
MONTHS = 12
UNKNOWN_DAY = pgettext_lazy("loyalty", "Write a day as year, month and day, for example 2026-05-31.")


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
        unknown = pgettext_lazy("loyalty", "There is nothing of that name. Choose from the list.")
        for field in (programs, there):
            field.error_messages["invalid_choice"] = unknown

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
