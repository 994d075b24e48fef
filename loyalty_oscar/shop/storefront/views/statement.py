"""The whole statement on a page of its own: by month, with a filter that stands in the address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import money

from .. import statement
from .account import MembersPage


class StatementForm(forms.Form):
    """What of the statement is shown. The choices stand in the address; a wrong one is said, and everything shown."""

    kind = forms.ChoiceField(label=pgettext_lazy("loyalty", "Show"), required=False)

    def __init__(self, data: Any, *, months: Sequence[date]) -> None:
        super().__init__(data)
        everything = [("", pgettext("loyalty", "Everything"))]
        self.fields["kind"].choices = [*everything, *statement.STATES.items()]
        newest = [("", pgettext("loyalty", "Newest month"))]
        choices = [(f"{month:%Y-%m}", in_words(month)) for month in months]
        self.fields["from"] = forms.ChoiceField(
            label=pgettext("loyalty", "Starting with"), required=False, choices=[*newest, *choices]
        )
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"
            field.error_messages["invalid_choice"] = pgettext("loyalty", "There is no such choice. Pick one below.")

    @property
    def start(self) -> date | None:
        """The month to start with, or None for the newest."""
        chosen = self.cleaned_data.get("from")
        return date.fromisoformat(f"{chosen}-01") if chosen else None


def in_words(month: date) -> str:
    """Return "May 2026"."""
    return format_skeleton("yMMMM", month, locale=money.locale())


class StatementView(MembersPage):
    """What became of my points?"""

    template_name = "loyalty/statement.html"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Statement")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = super().get_context_data(**kwargs)
        return {**found, **self.statement(self.account)} if self.has_lines else found

    def statement(self, account: Account) -> dict[str, Any]:
        zone = ZoneInfo(self.program.time_zone)
        known = statement.months(account=account, kind="", zone=zone)
        form = StatementForm(self.request.GET, months=[month for month, _lines in known])
        right = form.is_valid()
        kind, start = (form.cleaned_data["kind"], form.start) if right else ("", None)
        if kind:
            known = statement.months(account=account, kind=kind, zone=zone)
        shown, following = statement.window(known=known, start=start)
        months = self.writer.page(shown=shown, start=start, kind=kind)
        return {
            "form": form,
            "kind": kind,
            "aside": self.aside() if not kind and not start else [],
            "months": [self.month(month) for month in months],
            "next_month": following and {"value": f"{following:%Y-%m}", "words": in_words(following)},
        }

    def month(self, month: statement.StatementMonth) -> dict[str, Any]:
        one = pgettext("loyalty", "%(number)s %(state)s")
        sums = [
            one % {"number": self.signed(points), "state": str(statement.STATES[state]).lower()}
            for state, points in month.sums
        ]
        return {
            "title": in_words(month.first) if month.first else pgettext("loyalty", "After delivery"),
            "sums": ", ".join(sums),
            "rows": [self.row(line) for line in month.lines],
        }
