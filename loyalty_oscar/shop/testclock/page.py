"""The page on which the clock of a draft is turned, and the way to it from the page of the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import localize_input
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.admin import STYLES, looked_at, may_look
from loyalty_oscar.program.hooks import program_pages
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.zones import DayField

from ..upkeep.setup import coin
from .play import MOST_MONTHS, MadeUp, Played, last_day, play

NAME = "loyalty_program_program_test_clock"
#: Whom the page begins with, and on which days from now each orders: it has room for so many test members.
EXAMPLES = {1: ("Ann", (1, 31, 61, 91)), 2: ("Ben", (1,)), 3: ("Cora", ())}
#: What each of these orders costs (coins), and in how many days the last of them has a birthday.
COSTS, BIRTHDAY = 50, 45
#: So many orders each may have.
MOST_ORDERS = 50


class PickedDayField(DayField):
    """A day, picked or typed."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    default_error_messages = {
        "required": pgettext_lazy("loyalty", "Say to which day the clock is to be turned."),
        "invalid": pgettext_lazy("loyalty", "There is no such day. Type it as 2027-01-31."),
    }


class ClockForm(forms.Form):
    """To which day the clock is turned, and who the test members are."""

    until = PickedDayField(label=pgettext_lazy("loyalty", "To this day"))
    letters = forms.BooleanField(label=pgettext_lazy("loyalty", "They allow letters"), required=False, initial=True)

    def __init__(self, *args: Any, program: Program, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.program, self.at = program, at
        self.today = periods.local_day(at=at, zone=program.time_zone)
        self.last = last_day(program=program, at=at)
        self.fields["until"].initial = periods.add_months(day=self.today, months=6)
        for number, (name, days) in EXAMPLES.items():
            self.fields |= self._fields_of(number, name, days)

    def _fields_of(self, number: int, name: str, days: Sequence[int]) -> dict[str, forms.Field]:
        birthday = self.today + timedelta(days=BIRTHDAY) if number == len(EXAMPLES) else None
        return {
            f"name_{number}": forms.CharField(
                label=pgettext("loyalty", "First name"), max_length=30, required=False, initial=name
            ),
            f"birthday_{number}": PickedDayField(
                label=pgettext("loyalty", "Birthday"), required=False, initial=birthday
            ),
            f"orders_{number}": forms.CharField(
                label=pgettext("loyalty", "Orders: a day and an amount on each line"),
                required=False, initial="\n".join(map(self._example, days)), max_length=2000,
                widget=forms.Textarea(attrs={"rows": 5, "cols": 24}),
            ),
        }  # fmt: skip

    def _example(self, days: int) -> str:
        """Return the line of an order so many days from now, for an amount that buys something."""
        currency = self.program.currency
        cost = to_major(minor=COSTS * coin(currency=currency), exponent=money.exponent(currency=currency))
        return f"{self.today + timedelta(days=days)} {localize_input(cost)}"

    def members(self) -> Iterator[tuple[forms.BoundField, ...]]:
        """Yield the fields of each test member."""
        for number in EXAMPLES:
            yield tuple(self[f"{name}_{number}"] for name in ("name", "birthday", "orders"))

    def clean_until(self) -> date:
        """Refuse days that are over, and those too far away."""
        until: date = self.cleaned_data["until"]
        if not self.today <= until <= self.last:
            raise self._out_of_reach()
        return until

    def clean(self) -> dict[str, Any]:
        """Read the orders of each test member; there is one at least."""
        found = super().clean() or {}
        for number in EXAMPLES:
            try:
                found[f"orders_{number}"] = self._orders(found.get(f"orders_{number}", ""))
            except ValidationError as error:
                self.add_error(f"orders_{number}", error)
            if found.get(f"orders_{number}") and not found.get(f"name_{number}"):
                self.add_error(f"name_{number}", pgettext("loyalty", "Say who orders this."))
        if not self.errors and not any(found[f"name_{number}"] for number in EXAMPLES):
            self.add_error("name_1", pgettext("loyalty", "Name one test member at least."))
        return found

    def _orders(self, text: str) -> list[tuple[date, Decimal]]:
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) > MOST_ORDERS:
            text = pgettext("loyalty", "At most %(number)d orders for each member, please.")
            raise ValidationError(text % {"number": MOST_ORDERS})
        return [self._order(number, line) for number, line in lines]

    def _order(self, number: int, line: str) -> tuple[date, Decimal]:
        told, _space, amount = line.partition(" ")
        places = money.exponent(currency=self.program.currency)
        try:
            day = forms.DateField().clean(told)
            cost = NumberField(
                localize=True, min_value=Decimal(1).scaleb(-places), max_digits=10, decimal_places=places
            ).clean(amount.strip())
        except ValidationError as error:
            text = pgettext("loyalty", "In line %(number)d there is no day with an amount: “%(example)s” is one.")
            raise ValidationError(text % {"number": number, "example": self._example(1)}) from error
        if not self.today <= day <= self.last:
            raise self._out_of_reach()
        return day, cost

    def _out_of_reach(self) -> ValidationError:
        text = pgettext("loyalty", "Choose a day from %(first)s to %(last)s.")
        return ValidationError(text % {"first": self._day(self.today), "last": self._day(self.last)})

    def _day(self, day: date) -> str:
        return words.day(day, zone=self.program.time_zone)

    def people(self) -> list[MadeUp]:
        """Return the test members who have a name."""
        found = self.cleaned_data
        return [
            MadeUp(
                name=found[f"name_{number}"],
                birthday=(born.day, born.month) if (born := found[f"birthday_{number}"]) else None,
                orders=found[f"orders_{number}"],
                allows_letters=found["letters"],
            )
            for number in EXAMPLES
            if found[f"name_{number}"]
        ]


@program_pages.register("test-clock")
def pages(*, admin_site: AdminSite) -> Iterator[URLPattern]:
    """Add the page of a program's test clock."""
    view = admin_site.admin_view(partial(turn, admin_site=admin_site))
    yield path("<path:object_id>/test-clock/", view, name=NAME)


@contributions.register("admin:program", "test-clock", order=6)
def way_there(*, subject: Program, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return the button that leads to the clock of a draft."""
    if subject.state != State.DRAFT or subject.unit_or_none is None or not may_look(user=request.user):
        return None
    return "loyalty/admin/test_clock_way.html", {"url": reverse(f"admin:{NAME}", args=[subject.pk])}


def turn(request: HttpRequest, object_id: str, *, admin_site: AdminSite) -> HttpResponseBase:
    """Show the clock of a draft; on a POST play what happens until a day, or `next` until something does."""
    program = looked_at(request=request, key=object_id)
    at, may, is_told = clock.now(), request.user.has_perm("loyalty_program.change_program"), request.method == "POST"
    if is_told and not may:
        raise PermissionDenied
    is_draft, played, failed = program.state == State.DRAFT, None, ""
    form = ClockForm(request.POST if is_told else None, program=program, at=at)
    if is_draft and form.is_valid():
        played, failed = _played(program, form, at, "next" in request.POST)
    if played:
        # What is shown from here on is where the clock stands now.
        form.data = form.data.copy()
        form.data["until"] = played.reached.isoformat()
    context = {
        **admin_site.each_context(request),
        "title": pgettext("loyalty", "Turn the clock"),
        "opts": Program._meta,
        "original": program,
        "form": form if may and is_draft else None,
        "is_draft": is_draft,
        "most": npgettext("loyalty", "%(months)d month", "%(months)d months", MOST_MONTHS) % {"months": MOST_MONTHS},
        "played": played,
        "days": _days(program, played) if played else [],
        "reached": words.day(played.reached, zone=program.time_zone) if played else "",
        "failed": failed,
        "media": forms.Media(css=STYLES),
    }
    status = 409 if is_told and not is_draft else 200
    return TemplateResponse(request, "loyalty/admin/test_clock.html", context, status=status)


def _played(program: Program, form: ClockForm, at: datetime, is_next: bool) -> tuple[Played | None, str]:
    """Play; returns what came of it, or why nothing did. `is_next` goes on from the day in the form."""
    shown = form.cleaned_data["until"]
    until, after = (form.last, shown) if is_next else (shown, None)
    try:
        return play(program=program, people=form.people(), until=until, at=at, after=after), ""
    except LoyaltyError as error:
        return None, str(error)
    except DatabaseError as error:
        text = pgettext("loyalty", "The clock can’t be turned: %(why)s.")
        return None, text % {"why": in_short(error)}


def _days(program: Program, played: Played) -> list[dict[str, Any]]:
    zone = program.time_zone
    return [
        {
            "day": words.day(one.day, zone=zone, weekday=True),
            "lines": one.lines,
            "has": one.has,
            "mails": [(said, words.moment(said.at, zone=zone)) for said in one.mails],
        }
        for one in played.days
    ]
