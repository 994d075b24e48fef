"""Which month of the calendar of campaigns, in the address of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.periods import add_months
from loyalty_oscar.program import words
from loyalty_oscar.program.forms import offer_choices
from loyalty_oscar.program.models import Program

#: Months of before that can be looked at, and those ahead: as far as days are counted.
BACK, AHEAD = 18, 2


class CalendarForm(forms.Form):
    """A month of a program; what is left open is this month of the first one."""

    program = forms.ChoiceField(label=pgettext_lazy("loyalty", "Program"))
    month = forms.ChoiceField(label=pgettext_lazy("loyalty", "Month"))

    def __init__(self, data: Mapping[str, Any], *, programs: Sequence[Program], program: Program, today: date) -> None:
        usual = {"program": program.code, "month": f"{today:%Y-%m}"}
        super().__init__(usual | {name: value for name, value in data.items() if name in usual and value})
        this = today.replace(day=1)
        self.months = [add_months(day=this, months=step) for step in range(AHEAD, -BACK - 1, -1)]
        months = [(f"{month:%Y-%m}", words.month(month)) for month in self.months]
        offer_choices(form=self, choices={"program": [(one.code, one.name) for one in programs], "month": months})

    def has(self, month: date) -> bool:
        """Return whether a month (its first day) can be asked for."""
        return month in self.months

    @property
    def first(self) -> date:
        """The first day of the month that was asked for."""
        return date.fromisoformat(f"{self.cleaned_data['month']}-01")
