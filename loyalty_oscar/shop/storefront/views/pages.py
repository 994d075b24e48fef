"""The other pages: how it works, joining, and the badge on its own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.template import Context
from django.urls import reverse, reverse_lazy
from django.utils.translation import get_language, npgettext, pgettext, pgettext_lazy
from django.views.generic import FormView, TemplateView, View
from oscar.core.loading import get_class

from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.languages import in_language
from loyalty_oscar.program.models import Program, State, TermsVersion
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.worth import worth

from ..newcomers import COOKIE, NEW_FOR
from ..visit import takes_part
from .account import WithProgram

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")


def terms_in_force(*, program: Program, at: Any) -> TermsVersion | None:
    """Return the newest terms in force, in the visitor's language where there is a text in it."""
    rows = list(program.terms.filter(starts_at__lte=at))
    newest = {row.language: row for row in rows if row.version == rows[0].version}
    return in_language(texts=newest, language=get_language() or "")


class HowItWorksView(WithProgram, PageTitleMixin, TemplateView):
    """What are the rules? Generated from those in force; open to everybody."""

    template_name = "loyalty/how_it_works.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "How the %(program)s works") % {"program": self.program.name}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        terms = terms_in_force(program=self.program, at=clock.now())
        return super().get_context_data(
            facts=facts(unit=self.unit),
            is_earning=self.request.loyalty.is_earning,
            terms=terms,
            terms_from=terms and words.day(terms.starts_at, zone=self.program.time_zone),
            **kwargs,
        )


def facts(*, unit: Any) -> list[str]:
    """Return what a program promises beside its rules: when points are ready, what they buy, when they run out."""
    program, hundred = unit.program, words.points(unit=unit, points=100)
    ready = npgettext(
        "loyalty",
        "On the way as soon as you order, ready %(days)d day after delivery, when the return period is over.",
        "On the way as soon as you order, ready %(days)d days after delivery, when the return period is over.",
        program.hold_days,
    )
    at_once = pgettext("loyalty", "On the way as soon as you order, ready on delivery.")
    found = [ready % {"days": program.hold_days} if program.hold_days else at_once]
    if value := worth(unit=unit, points=100):
        found.append(
            pgettext("loyalty", "You get %(amount)s off for %(points)s.") % {"points": hundred, "amount": value}
        )
    found.append(_expiry(program))
    found.append(pgettext("loyalty", "If you return something, we take back only what that item earned."))
    if program.debt_policy == Program.Debt.DEBT:
        text = pgettext("loyalty", "If you have used it already, your next orders make up for it. No money is charged.")
        found.append(text)
    return found


def _expiry(program: Program) -> str:
    months = program.expiry_months
    if program.expiry == Program.Expiry.NEVER:
        return pgettext("loyalty", "What you collect never runs out.")
    if program.expiry == Program.Expiry.FIXED:
        return pgettext("loyalty", "What you collect runs out once a year; your account page says when.")
    if program.expiry == Program.Expiry.INACTIVITY:
        text = npgettext(
            "loyalty",
            "It runs out at the end of the month, %(months)d month after your last order.",
            "It runs out at the end of the month, %(months)d months after your last order.",
            months,
        )
    else:
        text = npgettext(
            "loyalty",
            "It runs out at the end of the month, %(months)d month after it was ready.",
            "It runs out at the end of the month, %(months)d months after it was ready.",
            months,
        )
    return text % {"months": months}


class JoinForm(forms.Form):
    """Consent to the terms."""

    accept = forms.BooleanField(
        label=pgettext_lazy("loyalty", "I accept these terms"),
        error_messages={"required": pgettext_lazy("loyalty", "Tick the box to join, or leave this page to stay out.")},
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )


class JoinView(LoginRequiredMixin, WithProgram, PageTitleMixin, FormView):
    """Joining a program that people join by choice, with its terms."""

    template_name = "loyalty/join.html"
    form_class = JoinForm
    login_url = reverse_lazy("customer:login")
    success_url = reverse_lazy("loyalty:overview")
    active_tab = "loyalty"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        visit = request.loyalty
        if visit.unit and request.user.is_authenticated:
            open_now = visit.unit.program.state == State.LIVE
            if takes_part(visit=visit) or not open_now:
                return HttpResponseRedirect(reverse("loyalty:overview"))
        return super().dispatch(request, *args, **kwargs)

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Join the %(program)s") % {"program": self.program.name}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        terms = terms_in_force(program=self.program, at=clock.now())
        return super().get_context_data(
            terms=terms, terms_from=terms and words.day(terms.starts_at, zone=self.program.time_zone), **kwargs
        )

    def form_valid(self, form: JoinForm) -> Any:
        at = clock.now()
        terms = terms_in_force(program=self.program, at=at)
        with transaction.atomic(using=write_db()):
            member = join(
                program=self.program, user_id=self.request.user.pk, at=at, terms_version=terms and terms.version
            )
            open_account(member=member, unit=self.unit)
        return super().form_valid(form)


class CloseWelcomeView(LoginRequiredMixin, View):
    """Close the first steps on this machine, for as long as they would be shown."""

    http_method_names = ("post", "options")
    login_url = reverse_lazy("customer:login")

    def post(self, request: Any) -> HttpResponse:
        answer = HttpResponseRedirect(reverse("loyalty:overview"))
        age = int(NEW_FOR.total_seconds())
        answer.set_cookie(COOKIE, "closed", max_age=age, path=answer.url, httponly=True, samesite="Lax")
        return answer


class BadgeView(View):
    """
    The badge's number, level and dot for `LOYALTY_BADGE = "fetch"`; nothing for strangers. Never kept by anybody.

    Level and dot come as the pieces of HTML that a page would hold.
    """

    def get(self, request: Any) -> HttpResponse:
        visit = request.loyalty
        if not takes_part(visit=visit):
            answer = HttpResponse(status=204)
        else:
            points = visit.account.available if visit.account else 0
            in_words = words.points(unit=visit.unit, points=points)
            said = {"value": points, "number": words.short(unit=visit.unit, points=points), "points": in_words}
            # In a context of its own: nobody asks here what the processors of a page would.
            pieces = {
                name: "".join(contributions.render(place, subject=visit, request=request, inside=Context()))
                for name, place in (("level", "header:badge"), ("dot", "header:dot"))
            }
            answer = JsonResponse(said | {name: piece for name, piece in pieces.items() if piece})
        answer["Cache-Control"] = "private, no-store"
        return answer
