"""The account page: what is ready, what is coming, what runs out, and the newest lines of the statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.urls import reverse_lazy
from django.utils.cache import patch_cache_control
from django.utils.translation import npgettext, pgettext
from django.views.generic import TemplateView
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.queries import closed_account_of_user, coming, expiring, latest_claws
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member, State
from loyalty_oscar.program.queries import phase_at
from loyalty_oscar.program.worth import worth

from ...notices import seen
from .. import statement
from ..newcomers import welcome_of
from ..reasons import said_of
from ..visit import takes_part

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
#: So many lines of the statement stand on the account page.
NEWEST = 5
#: What runs out within so many days is said with warmth.
SOON_DAYS = 14


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A number of the page with its worth."""

    value: int
    points: str
    worth: str


class MembersPage(LoginRequiredMixin, WithProgram, PageTitleMixin, TemplateView):
    """A page about the visitor's own points."""

    login_url = reverse_lazy("customer:login")
    active_tab = "loyalty"

    def find_unit(self, request: Any) -> Any:
        """Where no program serves the site any more, the statement of a closed one stays readable."""
        unit, self.account = super().find_unit(request), request.loyalty.account
        if unit is None:
            self.account = closed_account_of_user(user_id=request.user.pk)
            unit = self.account and self.account.unit
        return unit

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        told = {"account": self.account, "css": conf.CSS, "word": words.title(unit=self.unit)}
        return super().get_context_data(**told, **kwargs)

    def day(self, value: Any, *, year: bool = True) -> str:
        return words.day(value, zone=self.program.time_zone, year=year)

    @property
    def has_lines(self) -> bool:
        """Whether anything was ever counted for this member."""
        return self.account is not None and bool(self.account.seq)

    @property
    def writer(self) -> statement.StatementWriter:
        """Who puts the lines of this member into words."""
        return statement.StatementWriter(account=self.account, unit=self.unit, user=self.request.user)

    def row(self, line: statement.Line) -> dict[str, Any]:
        """Return a line of the statement as its template shows it."""
        return {
            "line": line,
            "day": self.day(line.day, year=False),
            "state_word": line.state_word,
            "number": self.signed(line.points) if line.points else "",
            "after": "" if line.after is None else words.number(unit=self.unit, points=line.after),
            "ask": self.ask(line.points),
        }

    def aside(self) -> list[dict[str, Any]]:
        """Return the line of what is set aside for a basket, if anything is: what is ready is what it leaves."""
        account = self.account
        if not account.reserved:
            return []
        return [
            {
                "line": {"text": pgettext("loyalty", "Set aside for your basket"), "state": "used"},
                "state_word": pgettext("loyalty", "Set aside"),
                "day": pgettext("loyalty", "Now"),
                "number": self.signed(-account.reserved),
                "after": words.number(unit=self.unit, points=account.available),
            }
        ]

    def signed(self, points: int) -> str:
        """Return "+230" or "−7" in the visitor's format."""
        return words.number(unit=self.unit, points=points, signed=True)

    def ask(self, points: int) -> str:
        """Return the question that opens the why of a line."""
        if not points:
            return pgettext("loyalty", "Why?")
        number = words.short(unit=self.unit, points=abs(points))
        return pgettext("loyalty", "Why %(number)s?") % {"number": number}


class AccountView(MembersPage):
    """What do I have, what is coming, what goes?"""

    template_name = "loyalty/overview.html"

    def get_page_title(self) -> str:
        return self.program.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        account, at = self.account, clock.now()
        is_in = account is not None or takes_part(visit=self.request.loyalty)
        found = super().get_context_data(takes_part=is_in, **kwargs)
        found["ready"], found["pending"] = (
            self.card(account and account.available),
            self.card(account and account.pending),
        )
        found["phase"] = self.phase(at)
        found["is_elsewhere"] = account is None and self.request.loyalty.member is None and self.is_merged()
        found["frozen"] = words.why(Because("points_frozen")) if self.request.loyalty.is_frozen else ""
        if is_in and not found["phase"]:
            found["welcome"] = welcome_of(request=self.request, unit=self.unit, at=at)
        if not self.has_lines:
            return found
        seen(member=account.member, at=at)
        return {
            **found,
            "coming": self.coming(account),
            "expiring": self.expiring(account, at),
            "debt": self.debt(account),
            **self.newest(at),
        }

    def is_merged(self) -> bool:
        """Return whether what this login had is with another one now; asked for who has nothing here."""
        rows = Member.objects.filter(program=self.program, user_id=self.request.user.pk)
        return rows.filter(merged_into__isnull=False).exists()

    def newest(self, at: Any) -> dict[str, Any]:
        """Return the newest lines, and how many there are."""
        lines, count = self.writer.newest(most=NEWEST)
        rows = [{**self.row(line), "day": self.short_day(line.since, at)} for line in lines]
        all_of = npgettext("loyalty", "All %(count)s line", "All %(count)s lines", count)
        return {
            "rows": [*self.aside(), *rows],
            "all_lines": all_of % {"count": money.number(count)} if count > len(rows) else "",
        }

    def short_day(self, moment: datetime, at: datetime) -> str:
        """Return a day in words, with its year where that is not the present one."""
        zone = self.program.time_zone
        is_now = local_day(at=moment, zone=zone).year == local_day(at=at, zone=zone).year
        return self.day(moment, year=not is_now)

    def card(self, points: int | None) -> Card:
        points = points or 0
        return Card(
            value=points,
            points=words.points(unit=self.unit, points=points),
            worth=worth(unit=self.unit, points=points),
        )

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
                "number": words.short(unit=self.unit, points=row.points),
                "day": self.day(row.at) if row.at else "",
                "order": numbers.get(row.source),
                "text": said.get(place, words.why(row.because)) if place in reasons else "",
            }
            for place, row in enumerate(rows)
        ]

    def expiring(self, account: Account, at: Any) -> dict[str, Any] | None:
        """Return what runs out next, and all dates with what never runs out, which add up to what is ready."""
        rows = expiring(account_id=account.pk, at=at)
        if not rows:
            return None
        zone = self.program.time_zone
        days = [periods.last_day(expires_at=row.expires_at, zone=zone) for row in rows]
        left = (days[0] - local_day(at=at, zone=zone)).days
        for_good = account.available - sum(row.points for row in rows)
        dates = [(self.day(day), row.points) for row, day in zip(rows, days, strict=True)]
        if for_good > 0:
            dates.append((pgettext("loyalty", "Never runs out"), for_good))
        return {
            "card": self.card(rows[0].points),
            "day": self.day(days[0]),
            "soon": in_days(left) if left <= SOON_DAYS else "",
            "dates": [(day, self.card(points).points) for day, points in dates] if len(dates) > 1 else [],
            "all": self.card(account.available).points,
        }

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
            "made_up_number": words.short(unit=self.unit, points=total - account.debt),
            "number": words.short(unit=self.unit, points=account.debt),
            "story": [{"day": self.day(entry.effective_at), "why": words.why(entry.because)} for entry in story],
            "left": words.points(unit=self.unit, points=max(0, account.pending - account.debt)),
            "covers": account.pending >= account.debt,
        }


def in_days(days: int) -> str:
    """Return "In 2 days" in words; 0 is today."""
    if days < 1:
        return pgettext("loyalty", "Today")
    text = npgettext("loyalty", "In %(days)s day", "In %(days)s days", days)
    return pgettext("loyalty", "Tomorrow") if days == 1 else text % {"days": money.number(days)}
