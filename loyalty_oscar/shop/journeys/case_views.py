"""The queue of cases on Oscar's dashboard, and the page on which one is decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import pgettext, pgettext_lazy
from django.views.generic import FormView, TemplateView

from loyalty_oscar.journeys.cases import LONGEST_REASON, kind_in_words
from loyalty_oscar.journeys.models import AnswerCount, Case
from loyalty_oscar.journeys.questions import FAREWELL, said
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.forms import as_money
from loyalty_oscar.program.models import Program, Reward, State
from loyalty_oscar.program.references import about
from loyalty_oscar.program.registries import grants
from loyalty_oscar.program.reward_worth import reward_minor
from loyalty_oscar.program.second_look import dear, look_twice, meant_field, tell_cost
from loyalty_oscar.program.worth import worth

from ..dashboard import goodwill
from ..dashboard.forms import REASONS_ID, offered_reasons
from ..dashboard.links import admin_url, user_url
from ..dashboard.permissions import FULFIL, may, may_give
from ..dashboard.views import StaffView
from .case_desk import in_words, may_decide, may_see, settle, undo, with_names

#: So many stand on a page of the queue.
PAGE = 50
#: Of so many days the answers of those who left are told.
FAREWELLS = timedelta(days=365)


class CaseForm(forms.Form):
    """
    What a case is made good by, as it was proposed, and why. Fields are there for what somebody may give: points within
    the limit of the day, rewards with the right to hand them out.
    """

    points = forms.IntegerField(
        label=pgettext_lazy("loyalty", "How much"), required=False, min_value=0, max_value=MOST_POINTS
    )
    reward = forms.ModelChoiceField(
        Reward.objects.none(),
        label=pgettext_lazy("loyalty", "Reward"),
        required=False,
        help_text=pgettext_lazy("loyalty", "In place of the number above."),
    )
    is_meant = meant_field()
    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"list": REASONS_ID}),
        help_text=pgettext_lazy(
            "loyalty", "Your colleagues read it; members find it only in a download of their data."
        ),
    )

    def __init__(self, *args: Any, case: Case, staff: Any, gives: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gives, self.unit = gives, case.program.unit_or_none
        is_closed = case.program.state in (State.DRAFT, State.CLOSED)
        if self.unit is None or is_closed or not may_give(staff):
            del self.fields["points"]
        rewards = Reward.objects.filter(program=case.program, is_on=True).order_by("name")
        rewards = rewards.select_related("program__unit")
        if "claim" not in grants or is_closed or not may(staff, FULFIL) or not rewards:
            del self.fields["reward"]
        else:
            chosen: Any = self.fields["reward"]
            chosen.queryset, chosen.label_from_instance = rewards, with_cost
        for name in ("points", "reward", "reason"):
            if name in self.fields:
                self.fields[name].widget.attrs["class"] = "form-control"
        as_money(form=self, unit=self.unit, names=["points"])
        tell_cost(form=self, unit=self.unit, names=["points"])

    @property
    def can_give(self) -> bool:
        """Whether there is anything that this person may give."""
        return "points" in self.fields or "reward" in self.fields

    @property
    def promise(self) -> Promise:
        """What is given; nothing where the case is closed."""
        reward = self.cleaned_data.get("reward")
        if not self.gives:
            return Promise()
        return Promise(points=self.cleaned_data.get("points") or 0, reward_id=reward.pk if reward else None)

    def clean(self) -> dict[str, Any]:
        """Ask for one gift, and before one is given that nobody means."""
        data = super().clean() or {}
        points, reward = data.get("points"), data.get("reward")
        if not self.gives:
            for name in ("points", "reward"):  # What stands there is given to nobody.
                self.errors.pop(name, None)
        elif points and reward:
            self.add_error("reward", pgettext("loyalty", "Say how much or choose a reward, not both."))
        elif not points and not reward and not self.errors:
            text = pgettext("loyalty", "Say how much or choose a reward, or close the case without a gift.")
            self.add_error("points" if "points" in self.fields else None, text)
        if self.gives:
            look_twice(form=self, questions=dear(unit=self.unit, points=points))
        return data


def with_cost(reward: Reward) -> str:
    """Return "A grooming (12.00 €)", or the name alone where nobody can say what it is worth."""
    minor = reward_minor(reward=reward)
    if not minor:
        return reward.name
    told = {"reward": reward.name, "worth": money.in_words(minor=minor, currency=reward.program.currency)}
    return pgettext("loyalty", "%(reward)s (%(worth)s)") % told


class CasesView(StaffView, TemplateView):
    """The queue, the oldest first; with `show=decided` what was decided, the newest first."""

    template_name = "loyalty/dashboard/cases.html"

    def test_func(self) -> bool:
        return may_see(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_decided = self.request.GET.get("show") == "decided"
        open_ones = Case.objects.filter(state=Case.State.OPEN)
        rows = open_ones.order_by("opened_at", "pk")
        if is_decided:
            rows = Case.objects.exclude(state=Case.State.OPEN).order_by("-decided_at", "-pk")
        page = Paginator(with_names(rows), PAGE).get_page(self.request.GET.get("page"))
        return super().get_context_data(
            **kwargs,
            rows=in_words(page.object_list),
            page=page,
            is_decided=is_decided,
            show="show=decided&" if is_decided else "",
            farewells=farewells(),
        )


def farewells() -> list[tuple[str, int]]:
    """Return why members left in the last year, and how often, the most frequent first. One query."""
    since = periods.local_day(at=clock.now() - FAREWELLS, zone="UTC").replace(day=1)
    rows = AnswerCount.objects.filter(question=FAREWELL, month__gte=since).values("choice")
    counted = rows.annotate(times=Sum("number")).order_by("-times", "choice").values_list("choice", "times")
    return [(said(question=FAREWELL, choice=choice), times) for choice, times in counted]


class OfCase(StaffView):
    """A page about one case."""

    def test_func(self) -> bool:
        return may_see(self.request.user)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.test_func():
            self.case = get_object_or_404(with_names(Case.objects.all()), pk=kwargs["case_id"])
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # Of View.

    def here(self) -> str:
        return reverse("loyalty:dashboard-case", args=[self.case.pk])


class CaseView(OfCase, FormView):
    """One case: what was said, who it is, and what it is made good by; or what was decided."""

    template_name = "loyalty/dashboard/case.html"
    form_class = CaseForm

    def get_initial(self) -> dict[str, Any]:
        return {"points": self.case.points or None, "reward": self.case.reward_id}

    def get_form_kwargs(self) -> dict[str, Any]:
        gives = "give" in self.request.POST
        return {**super().get_form_kwargs(), "case": self.case, "staff": self.request.user, "gives": gives}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        case, user, at = self.case, self.request.user, clock.now()
        unit, member = case.program.unit_or_none, case.member
        account = Account.objects.filter(member=member).first()
        ready = account.available if account else 0
        left = goodwill.left_today(staff=user, at=at)
        review = case.source.startswith("review:")
        return super().get_context_data(
            **kwargs,
            row=in_words([case])[0],
            may_decide=may_decide(user, case),
            reasons=offered_reasons(),
            member_url=admin_url("loyalty_program_member_change", member.pk)
            if user.has_perm("loyalty_program.view_member")
            else "",
            user_url=user_url(member.user) if member.user else "",
            ready=words.points(unit=unit, points=ready) if unit else "",
            worth=worth(unit=unit, points=ready) if unit else "",
            before=Case.objects.filter(member=member).exclude(pk=case.pk).count(),
            review=about(reference=case.source) if review else None,
            left=words.points(unit=unit, points=left) if unit else "",
        )

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_decide(request.user, self.case):
            raise PermissionDenied
        if self.case.state != Case.State.OPEN:
            return self.decided_before()
        return super().post(request, *args, **kwargs)

    def decided_before(self) -> HttpResponse:
        """Say that somebody was quicker."""
        messages.info(self.request, pgettext("loyalty", "This case was decided before."), fail_silently=True)
        return HttpResponseRedirect(self.here())

    def form_valid(self, form: CaseForm) -> HttpResponse:
        case, unit = self.case, self.case.program.unit_or_none
        about_it = {"case": case, "promise": form.promise, "reason": form.cleaned_data["reason"], "at": clock.now()}
        try:
            done = settle(staff=self.request.user, **about_it)
        except goodwill.TooMuch as error:
            text = pgettext("loyalty", "You can give %(points)s more today.")
            form.add_error("points", text % {"points": words.points(unit=unit, points=error.left) if unit else ""})
            return self.form_invalid(form)
        except NotAllowed:
            form.add_error(None, pgettext("loyalty", "This can’t be given now."))
            return self.form_invalid(form)
        if not done:
            return self.decided_before()
        text = pgettext("loyalty", "The case is closed without a gift.")
        if form.promise:
            text = pgettext("loyalty", "The case is made good: %(gift)s.")
        told = {"gift": in_words([case])[0]["gift"]}
        messages.success(self.request, text % told, fail_silently=True)
        return HttpResponseRedirect(reverse("loyalty:dashboard-cases"))


class OpenAgainView(OfCase, TemplateView):
    """Open a decided case again; says first what that does."""

    template_name = "loyalty/dashboard/undo.html"

    def check(self) -> None:
        """Raise `PermissionDenied` for who may not."""
        if not may_decide(self.request.user, self.case):
            raise PermissionDenied

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.check()
        case = self.case
        does = pgettext("loyalty", "It waits in the queue again. Nothing was given.")
        if case.state == Case.State.GIVEN and case.reward:
            does = pgettext("loyalty", "The reward is taken back. One that is used already stays.")
        elif case.state == Case.State.GIVEN:
            does = pgettext("loyalty", "What was given is taken back. What of it is used already has to be made up.")
            if case.program.debt_policy == Program.Debt.CLAMP:
                does = pgettext("loyalty", "What was given is taken back. What of it is used already the shop bears.")
        heading = pgettext("loyalty", "Open this case again? %(kind)s") % {"kind": kind_in_words(case.kind)}
        told = {"heading": heading, "does": does, "customer": str(case.member), "cancel": self.here()}
        return super().get_context_data(**kwargs, **told)

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.check()
        outcome = undo(staff=request.user, case=self.case, at=clock.now())
        if outcome is None:
            messages.info(request, pgettext("loyalty", "This case is open already."), fail_silently=True)
        elif outcome == Outcome.KEPT:
            text = pgettext("loyalty", "The case is open again. The reward is used already and stays.")
            messages.warning(request, text, fail_silently=True)
        else:
            messages.success(request, pgettext("loyalty", "The case is open again."), fail_silently=True)
        return HttpResponseRedirect(self.here())
