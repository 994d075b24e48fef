"""
What figures are narrowed by, in the addresses of their pages (program, period, who gave, who is a customer); and the
goals of a program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import add_months, end_of_month
from loyalty_oscar.program import words
from loyalty_oscar.program.forms import chosen, offer_choices, offer_program
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.zones import DayField

from .aim_tables import PARTS, cut_of, figure_by_month, measures_of
from .models import Aim
from .monthly import KEPT, LENGTHS, WINDOWS, MonthCut

#: Months that the page begins with, this one included.
MONTHS = 12
#: No share and no number is typed higher.
MOST_TYPED = 1_000_000_000
#: What is stored as it is typed.
STORED = ("program", "figure", "length", "window", "starts_on", "ends_on")
DAYS = {"starts_on": DayField, "ends_on": DayField}
#: What stands for one percent.
PERCENT = PARTS // 100
UNKNOWN_DAY = pgettext_lazy("loyalty", "Write a day as year, month and day, for example 2026-05-31.")


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(
        label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget, error_messages={"invalid": UNKNOWN_DAY}
    )


def _programs(units: Sequence[Unit]) -> list[tuple[str, str]]:
    return [(unit.program.code, unit.program.name) for unit in units]


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
        sources = [("", pgettext("loyalty", "All")), *givers.items()]
        offer_choices(form=self, choices={"program": _programs(units), "giver": sources})

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


def _cut_choices() -> dict[str, list[tuple[Any, str]]]:
    """Return how buying may be looked at: over so many months, who bought in so many days."""
    return {
        "length": [(n, npgettext("loyalty", "%(n)d month", "%(n)d months", n) % {"n": n}) for n in LENGTHS],
        "window": [(n, npgettext("loyalty", "%(n)d day", "%(n)d days", n) % {"n": n}) for n in WINDOWS],
    }


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
        months = [(f"{month:%Y-%m}", words.month(month)) for month in over]
        offer_choices(form=self, choices={"program": _programs(units), "month": months, **_cut_choices()})

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


class CheckupForm(forms.Form):
    """The program whose parts are looked at, and the year that was counted."""

    program = forms.ChoiceField(label=pgettext_lazy("loyalty", "Program"))

    def __init__(
        self, data: Mapping[str, Any], *, unit: Unit, units: Sequence[Unit], period: tuple[date, date]
    ) -> None:
        super().__init__({"program": data.get("program") or unit.program.code})
        self.period = period
        offer_choices(form=self, choices={"program": _programs(units)})


def _value(label: Any, **options: Any) -> NumberField:
    return NumberField(label=label, min_value=0, max_value=MOST_TYPED, decimal_places=2, **options)


class AimForm(forms.ModelForm):
    """A goal; shares are typed in percent."""

    begins = _value(
        pgettext_lazy("loyalty", "Start value"),
        required=False,
        help_text=pgettext_lazy(
            "loyalty", "Shares in percent. Empty: what was counted for the last month that was over on that day."
        ),
    )
    reaches = _value(pgettext_lazy("loyalty", "Target"), help_text=pgettext_lazy("loyalty", "Shares in percent."))
    length = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Over"), coerce=int, initial=3)
    window = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "A customer has bought in the last"), coerce=int, initial=365
    )

    class Meta:
        model = Aim
        fields = STORED
        field_classes = DAYS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_program(form=self)
        for name, choices in _cut_choices().items():
            if name in self.fields:
                field: Any = self.fields[name]
                field.choices = choices
        if self.instance.pk:
            for name, value in (("begins", self.instance.start), ("reaches", self.instance.target)):
                self.initial[name] = Decimal(value) / PERCENT if self.instance.is_share else Decimal(value)

    def clean(self) -> dict[str, Any]:
        """Refuse a way that leads nowhere, and say at which field; fill in the start where it was counted."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or chosen(form=self, name="program") is None:
            return found
        aim = Aim(**{name: found.get(name, getattr(self.instance, name, None)) for name in STORED})
        if not cut_of(aim=aim).fits:
            self.add_error("window", pgettext("loyalty", "Choose at least as many days as the period has."))
        if aim.ends_on <= aim.starts_on:
            self.add_error("ends_on", pgettext("loyalty", "The last day must come after the first."))
        for name in ("begins", "reaches"):
            value = found.get(name)
            if value is not None and not aim.is_share and value != int(value):
                self.add_error(name, pgettext("loyalty", "Write a whole number."))
        if self.errors:
            return found
        start = self._stored(aim, found["begins"]) if found.get("begins") is not None else self._counted(aim)
        target = self._stored(aim, found["reaches"])
        if start is None:
            text = pgettext("loyalty", "For that day nothing is counted. Write the value, or choose another day.")
            self.add_error("begins", text)
        elif start == target:
            self.add_error("reaches", pgettext("loyalty", "That is the start value. Write another target."))
        else:
            self.instance.start, self.instance.target = start, target
        return found

    def _stored(self, aim: Aim, value: Decimal) -> int:
        return int(value * PERCENT if aim.is_share else value)

    def _counted(self, aim: Aim) -> int | None:
        """Return the figure of the last month that is over when the day begins, if that month is counted."""
        unit = aim.program.unit_or_none
        if unit is None:
            return None
        found = figure_by_month(aim=aim, figures=measures_of(unit=unit, aims=[aim]))
        ends = {add_months(day=month, months=1): value for month, value in found.items()}
        return ends.get(aim.starts_on.replace(day=1))
