"""The account page: what is ready, what is coming, what runs out, and the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.urls import reverse_lazy
from django.utils.cache import patch_cache_control
from django.utils.translation import pgettext, pgettext_lazy
from django.views.generic import TemplateView
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.queries import closed_account_of_user, coming, expiring, latest_claws
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.models import State
from loyalty_oscar.program.queries import phase_at
from loyalty_oscar.program.worth import worth

from ...notices import seen
from .. import statement
from ..reasons import said_of
from ..visit import takes_part

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")


class WithProgram:
    """A page that is there only where a program serves the site."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.unit = self.find_unit(request)
        if self.unit is None:
            raise Http404("no program serves this site")
        self.program = self.unit.program
        response = super().dispatch(request, *args, **kwargs)
        if request.user.is_authenticated:
            # It tells of one person, and stays on no shared machine and in no cache on the way.
            patch_cache_control(response, private=True, no_store=True)
        return response

    def find_unit(self, request: Any) -> Any:
        """Return the kind of points that the page speaks of, or None."""
        return request.loyalty.unit

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(unit=self.unit, program=self.program, **kwargs)


class StatementForm(forms.Form):
    """What of the statement is shown. The choices stand in the address; a wrong one is said, and everything shown."""

    kind = forms.ChoiceField(label=pgettext_lazy("loyalty", "Show"), required=False)

    def __init__(self, data: Any, *, months: Sequence[date]) -> None:
        super().__init__(data)
        everything = [("", pgettext("loyalty", "Everything"))]
        self.fields["kind"].choices = [*everything, *statement.STATES.items()]
        newest = [("", pgettext("loyalty", "the newest month"))]
        choices = [(f"{month:%Y-%m}", in_words(month)) for month in months]
        self.fields["from"] = forms.ChoiceField(
            label=pgettext("loyalty", "from"), required=False, choices=[*newest, *choices]
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A number of the page with its worth."""

    value: int
    points: str
    worth: str


class AccountView(LoginRequiredMixin, WithProgram, PageTitleMixin, TemplateView):
    """What do I have, what is coming, what goes?"""

    template_name = "loyalty/overview.html"
    login_url = reverse_lazy("customer:login")
    active_tab = "loyalty"

    def find_unit(self, request: Any) -> Any:
        """Where no program serves the site any more, the statement of a closed one stays readable."""
        unit, self.account = super().find_unit(request), request.loyalty.account
        if unit is None:
            self.account = closed_account_of_user(user_id=request.user.pk)
            unit = self.account and self.account.unit
        return unit

    def get_page_title(self) -> str:
        return self.program.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        account, at = self.account, clock.now()
        is_in = account is not None or takes_part(visit=self.request.loyalty)
        found = super().get_context_data(takes_part=is_in, account=account, **kwargs)
        found["ready"], found["pending"] = (
            self.card(account and account.available),
            self.card(account and account.pending),
        )
        found["phase"] = self.phase(at)
        if account is None or not account.seq:
            return found
        seen(member=account.member, at=at)
        return {
            **found,
            "coming": self.coming(account),
            "expiring": self.expiring(account, at),
            "debt": self.debt(account),
            **self.statement(account),
        }

    def card(self, points: int | None) -> Card:
        points = points or 0
        return Card(
            value=points,
            points=words.points(unit=self.unit, points=points),
            worth=worth(unit=self.unit, points=points),
        )

    def day(self, value: Any, *, year: bool = True) -> str:
        return words.day(value, zone=self.program.time_zone, year=year)

    def phase(self, at: Any) -> dict[str, Any] | None:
        """Say it where the program pauses or ends."""
        if self.program.state == State.LIVE:
            return None
        phase = phase_at(phases=self.program.phases.all(), at=at)
        ends = {
            "earning": phase and phase.earning_ends_at and self.day(phase.earning_ends_at),
            "spending": phase and phase.spending_ends_at and self.day(phase.spending_ends_at),
        }
        still = self.request.loyalty.is_earning
        return {"state": self.program.state, "still": still, **{name: day or "" for name, day in ends.items()}}

    def coming(self, account: Account) -> list[dict[str, Any]]:
        rows = coming(account_id=account.pk)
        ids = [pk for row in rows if (pk := number_of(name=row.source, kind="order"))]
        orders = get_model("order", "Order").objects.filter(pk__in=ids, user_id=self.request.user.pk)
        numbers = {f"order:{order.pk}": order.number for order in orders}
        reasons = {place: row.because for place, row in enumerate(rows) if row.source not in numbers}
        said = said_of(reasons=reasons, briefly=True)
        return [
            {
                "number": words.number(unit=self.unit, points=row.points),
                "day": self.day(row.at) if row.at else "",
                "order": numbers.get(row.source),
                "text": said.get(place, words.why(row.because)) if place in reasons else "",
            }
            for place, row in enumerate(rows)
        ]

    def expiring(self, account: Account, at: Any) -> list[dict[str, Any]]:
        rows = expiring(account_id=account.pk, at=at)
        days = [periods.last_day(expires_at=row.expires_at, zone=self.program.time_zone) for row in rows]
        return [{"card": self.card(row.points), "day": self.day(day)} for row, day in zip(rows, days, strict=True)]

    def debt(self, account: Account) -> dict[str, Any] | None:
        """Tell the story of points to make up: what went back, how much of it is covered, how much is left."""
        if not account.debt:
            return None
        story, owed = [], 0
        for entry in latest_claws(account_id=account.pk)[:20]:
            story.append(entry)
            owed += entry.d_debt
            if owed >= account.debt:
                break
        total = max(sum(-entry.net for entry in story), account.debt)
        return {
            "value": account.debt,
            "points": words.points(unit=self.unit, points=account.debt),
            "total": total,
            "total_points": words.points(unit=self.unit, points=total),
            "made_up": total - account.debt,
            "made_up_number": words.number(unit=self.unit, points=total - account.debt),
            "number": words.number(unit=self.unit, points=account.debt),
            "story": [{"day": self.day(entry.effective_at), "why": words.why(entry.because)} for entry in story],
            "left": words.points(unit=self.unit, points=max(0, account.pending - account.debt)),
            "covers": account.pending >= account.debt,
        }

    def statement(self, account: Account) -> dict[str, Any]:
        zone = ZoneInfo(self.program.time_zone)
        known = statement.months(account=account, kind="", zone=zone)
        form = StatementForm(self.request.GET, months=[month for month, _lines in known])
        right = form.is_valid()
        kind, start = (form.cleaned_data["kind"], form.start) if right else ("", None)
        if kind:
            known = statement.months(account=account, kind=kind, zone=zone)
        shown, following = statement.window(known=known, start=start)
        teller = statement.StatementWriter(account=account, unit=self.unit, user=self.request.user)
        months = teller.page(shown=shown, start=start, kind=kind)
        return {
            "form": form,
            "kind": kind,
            "months": [self.month(month) for month in months],
            "next_month": following and {"value": f"{following:%Y-%m}", "words": in_words(following)},
            "word": words.title(unit=self.unit),
        }

    def month(self, month: statement.Month) -> dict[str, Any]:
        one = pgettext("loyalty", "%(number)s %(state)s")
        sums = [
            one % {"number": self.signed(points), "state": str(statement.STATES[state]).lower()}
            for state, points in month.sums
        ]
        return {
            "title": in_words(month.first) if month.first else pgettext("loyalty", "After delivery"),
            "sums": ", ".join(sums),
            "lines": [
                {
                    "line": line,
                    "day": self.day(line.when, year=False) if line.when else "",
                    "number": self.signed(line.points) if line.points else "",
                    "after": "" if line.after is None else words.number(unit=self.unit, points=line.after),
                    "ask": self.ask(line.points),
                }
                for line in month.lines
            ],
        }

    def signed(self, points: int) -> str:
        """Return "+230" or "−7" in the visitor's format."""
        return words.number(unit=self.unit, points=points, signed=True)

    def ask(self, points: int) -> str:
        """Return the question that opens the why of a line."""
        if not points:
            return pgettext("loyalty", "Why?")
        number = words.number(unit=self.unit, points=abs(points))
        return pgettext("loyalty", "Why %(number)s?") % {"number": number}
